package cmd

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"calypso/sys/config"
	"calypso/sys/errcode"
)

// The tree is the documentation: nothing in it may be left unexplained.
func TestTreeIsDocumented(t *testing.T) {
	root().walk(nil, func(path []string, c *command) {
		name := strings.Join(path, " ")
		checkSentence(t, name, c.Summary)
		if strings.TrimSpace(c.Description) == "" {
			t.Errorf("%s: no description", name)
		}
		if c.isGroup() == (len(c.Commands) == 0) {
			t.Errorf("%s: must have commands or a Run, not both", name)
		}
		if !c.isGroup() && len(c.Examples) == 0 {
			t.Errorf("%s: no example", name)
		}
		for _, a := range c.Args {
			checkSentence(t, name+" "+a.Name, a.Usage)
			if a.Name != strings.ToUpper(a.Name) {
				t.Errorf("%s: argument %s is not upper case", name, a.Name)
			}
		}
		for _, f := range flagsOf(c) {
			checkSentence(t, name+" "+f.shown(), f.usage)
			if f.takesValue() == (f.placeholder == "") {
				t.Errorf("%s %s: placeholder %q", name, f.shown(), f.placeholder)
			}
		}
	})
}

// checkSentence holds summaries and usages to the house's tone.
func checkSentence(t *testing.T, what, text string) {
	t.Helper()
	if text == "" || strings.HasSuffix(text, ".") || strings.ToLower(text[:1]) != text[:1] && strings.ToUpper(text[:2]) != text[:2] {
		t.Errorf("%s: %q is not a lower-case phrase without full stop", what, text)
	}
}

func TestTreeIsConsistent(t *testing.T) {
	root().walk(nil, func(path []string, c *command) {
		name := strings.Join(path, " ")
		for i, a := range c.Args {
			if a.Repeated && i != len(c.Args)-1 || a.Optional && i < len(c.Args)-1 && !c.Args[i+1].Optional {
				t.Errorf("%s: argument %s takes what belongs to the next", name, a.Name)
			}
		}
		seen := map[string]bool{"help": true, "h": true, "version": true}
		for _, f := range flagsOf(c) {
			for _, n := range []string{f.name, f.short} {
				if n != "" && seen[n] {
					t.Errorf("%s: flag %s comes twice", name, n)
				}
				seen[n] = true
			}
			if f.def != "" && f.check(f.def, "default") != nil {
				t.Errorf("%s %s: default %q is no value of it", name, f.shown(), f.def)
			}
		}
		for _, e := range c.Exits {
			if slices.Contains(commonExits, e) {
				t.Errorf("%s: exit status %d is common, do not list it", name, e)
			}
		}
		if c.ObjectFlag != "" && !slices.ContainsFunc(c.Flags, func(f flag) bool { return f.name == c.ObjectFlag }) {
			t.Errorf("%s: no flag --%s", name, c.ObjectFlag)
		}
	})
}

// A flag may stand before its verb, so within a group a name must mean the same in every verb.
func TestFlagsMeanTheSameWithinAGroup(t *testing.T) {
	for _, group := range root().Commands {
		byName, byShort := map[string]flag{}, map[string]flag{}
		group.walk([]string{group.Name}, func(path []string, c *command) {
			for _, f := range c.Flags {
				was, ok := byName[f.name]
				if ok && (was.kind != f.kind || was.short != f.short) {
					t.Errorf("%v: --%s differs from that of another verb", path, f.name)
				}
				byName[f.name] = f
				if was, ok := byShort[f.short]; ok && f.short != "" && was.name != f.name {
					t.Errorf("%v: -%s is --%s here and --%s in another verb", path, f.short, f.name, was.name)
				}
				byShort[f.short] = f
			}
		})
	}
}

// Every example must parse.
func TestExamplesParse(t *testing.T) {
	root().walk(nil, func(path []string, c *command) {
		for _, e := range c.Examples {
			words := exampleWords(e.Line)
			req, err := resolve(root(), words)
			if err != nil || req.cmd.Name != c.Name {
				t.Errorf("%v: example %q: %v", path, e.Line, err)
			}
		}
	})
}

// exampleWords are the words after "calypso" in an example, up to a pipe or redirection.
func exampleWords(line string) []string {
	_, after, _ := strings.Cut(line, "calypso ")
	if end := strings.IndexAny(after, "|<>&;)"); end >= 0 {
		after = after[:end]
	}
	return strings.Fields(strings.ReplaceAll(after, "'", ""))
}

func TestHelpFits80Columns(t *testing.T) {
	testTree().walk(nil, func(path []string, c *command) {
		p := &page{}
		writeHelp(p, path, c)
		for line := range strings.Lines(p.b.String()) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
				t.Errorf("%v: help line of %d columns: %q", path, n, line)
			}
		}
		for _, want := range []string{"NAME\n", "USAGE\n", "DESCRIPTION\n"} {
			if !strings.Contains(p.b.String(), want) {
				t.Errorf("%v: help has no %s", path, want)
			}
		}
	})
}

func TestExitMeaningsCoverTheTable(t *testing.T) {
	known := map[errcode.Exit]bool{}
	for _, m := range exitMeanings {
		if known[m.status] {
			t.Errorf("exit status %d comes twice", m.status)
		}
		known[m.status] = true
	}
	for _, e := range errcode.All() {
		if !known[e.Exit] {
			t.Errorf("code %s leads to exit status %d, which has no meaning", e.Code, e.Exit)
		}
	}
}

func TestManPagesAreCurrent(t *testing.T) {
	dir := filepath.Join("..", "man")
	var names []string
	for _, m := range manPages(root()) {
		holdFile(t, filepath.Join(dir, m.file), m.text)
		names = append(names, m.file)
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !slices.Contains(names, f.Name()) {
			t.Errorf("man/%s is of no command; delete it", f.Name())
		}
	}
}

func TestManPagesLint(t *testing.T) {
	mandoc, err := exec.LookPath("mandoc")
	if err != nil {
		t.Skip("the judge mandoc is not installed")
	}
	for _, m := range manPages(testTree()) {
		cmd := exec.Command(mandoc, "-Tlint", "-Wstyle")
		cmd.Stdin, cmd.Env = strings.NewReader(m.text), []string{"LC_ALL=C"}
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: %v\n%s", m.file, err, out)
		}
	}
}

func TestExitCodesDocumentIsCurrent(t *testing.T) {
	holdFile(t, filepath.Join("..", "docs", "exit-codes.md"), exitCodesDocument())
}

// holdFile compares a generated file with what is in the tree; -update writes it.
func holdFile(t *testing.T, path, want string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, []byte(want)) {
		t.Errorf("%s is stale (%v); run go test ./cmd -run %s -update", path, err, t.Name())
	}
}

func TestCompletionScriptsParse(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("the judge bash is not installed")
	}
	cmd := exec.Command(bash, "-n")
	cmd.Stdin, cmd.Env = strings.NewReader(completionScript("bash", testTree())), []string{"LC_ALL=C"}
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("bash -n: %v\n%s", err, out)
	}
	for _, shell := range []string{"zsh", "fish"} { // judged where the shell is installed
		path, err := exec.LookPath(shell)
		if err != nil {
			continue
		}
		cmd := exec.Command(path, "-n")
		cmd.Stdin = strings.NewReader(completionScript(shell, testTree()))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s -n: %v\n%s", shell, err, out)
		}
	}
}

// A flag that the configuration file gives must say of itself what sys/config says of the setting.
func TestSettingsAgreeWithFlags(t *testing.T) {
	set := func(string) string { return "1MiB" }
	testTree().walk(nil, func(path []string, c *command) {
		for _, f := range c.Flags {
			if f.setting == "" {
				continue
			}
			plain, err := config.Load("none", false, func(string) string { return "" }, nil)
			if got := plain.Get(f.setting); err != nil || got.Key == "" || got.Value != f.def {
				t.Errorf("%v --%s: default %q; setting %s has %q, %v", path, f.name, f.def, f.setting, got.Value, err)
			}
			given, err := config.Load("none", false, set, nil)
			if got := given.Get(f.setting); err != nil || (got.Source == "environment") != (f.env != "") || f.env != "" && got.Because != f.env {
				t.Errorf("%v --%s: environment %q; setting %s has %+v, %v", path, f.name, f.env, f.setting, got, err)
			}
		}
	})
}
