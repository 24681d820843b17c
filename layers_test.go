package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// terminalOnly are the modules that only the command line may know.
var terminalOnly = []string{
	"github.com/urfave/cli", "github.com/olekukonko/tablewriter", "github.com/mattn/go-isatty",
	"github.com/vbauerster/mpb", "github.com/dustin/go-humanize", "golang.org/x/term",
}

// mayImport says which rooms of calypso a room may import; cmd and main may import all.
var mayImport = map[string][]string{
	"sys":  {"sys"},
	"tape": {"tape", "sys"},
	"vtl":  {"vtl", "tape/scsi", "sys"},
	"zfs":  {"zfs", "sys"},
	"repo": {"repo", "zfs", "sys"},
}

type source struct {
	path, room string
	file       *ast.File
}

func sources(t *testing.T) []source {
	t.Helper()
	var out []source
	fset := token.NewFileSet()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
		room, _, _ := strings.Cut(filepath.ToSlash(path), "/")
		out = append(out, source{path, room, f})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 20 {
		t.Fatalf("found %d source files; want the whole tree", len(out))
	}
	return out
}

func TestImportsPointOneWay(t *testing.T) {
	for _, s := range sources(t) {
		allowed, ruled := mayImport[s.room]
		for _, spec := range s.file.Imports {
			path := strings.Trim(spec.Path.Value, `"`)
			if s.room != "cmd" && hasPrefix(path, terminalOnly) {
				t.Errorf("%s imports %s; want that in cmd alone", s.path, path)
			}
			inner, ours := strings.CutPrefix(path, "calypso/")
			if ruled && ours && !hasPrefix(inner, allowed) {
				t.Errorf("%s imports %s; want only %v", s.path, path, allowed)
			}
		}
	}
}

func hasPrefix(path string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool {
		return path == p || strings.HasPrefix(path, p+"/")
	})
}

// Domain packages return values and errors; what a person sees is cmd's business.
func TestDomainsDoNotPrintOrExit(t *testing.T) {
	for _, s := range sources(t) {
		if s.room == "cmd" || s.room == "main.go" || s.room == "bench" {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			pkg, ok := sel.X.(*ast.Ident)
			if !ok {
				return true
			}
			name := pkg.Name + "." + sel.Sel.Name
			switch name {
			case "fmt.Print", "fmt.Printf", "fmt.Println", "os.Exit", "os.Stdout", "os.Stderr", "os.Stdin", "log.Print", "log.Printf", "log.Fatal":
				t.Errorf("%s uses %s; want it returned to cmd", s.path, name)
			}
			return true
		})
	}
}
