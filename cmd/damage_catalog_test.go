package cmd

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// manyShelf is a shelf with two archives of a tree of many files, in blocks so small that a manifest has several.
func manyShelf(t *testing.T) (s *shelf, tree string) {
	t.Helper()
	s = newShelf(t)
	tree = filepath.Join(t.TempDir(), "tree")
	if err := os.Mkdir(tree, 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range 60 {
		if err := os.WriteFile(filepath.Join(tree, fmt.Sprint("f", i)), []byte(fmt.Sprintln("file", i)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s.ok("lto", "label", "-f", "lib:0", "K00001L8", "--block-size", "4KiB")
	for _, name := range []string{"one", "two"} {
		s.ok("lto", "write", "-f", "lib:0", "--name", name, tree)
	}
	return s, tree
}

// restores reads the archive in file 1 whole, and one member of it: both must come back with status 0.
func (s *shelf) restores(what, tree string) answer {
	s.t.Helper()
	dest := s.t.TempDir()
	whole := s.run("lto", "read", "-f", "lib:0", "--file", "1", "-C", dest)
	s.compare(what, tree, filepath.Join(dest, tree), whole.exit == 0)
	member := s.run("lto", "read", "-f", "lib:0", "--file", "1", "-C", s.t.TempDir(), filepath.Join(tree, "f7"))
	if whole.exit != 0 || member.exit != 0 || !strings.Contains(whole.stdout, ", verified") {
		s.t.Errorf("%s: restores end with %d and %d; want 0\n%s%s%s", what, whole.exit, member.exit, whole.stdout, whole.stderr, member.stderr)
	}
	return whole
}

// TestDamagedListInCatalog: what happened to a file of the catalog is no damage of the tape.
func TestDamagedListInCatalog(t *testing.T) {
	t.Parallel()
	s, tree := manyShelf(t)
	list := filepath.Join(s.state, "media", "K00001L8", "members-1.jsonl.zst")
	info, err := os.Stat(list)
	if err != nil {
		t.Fatal(err)
	}
	for what, do := range map[string]func() error{
		"flipped": func() error { return flip(list, int(info.Size())/2) },
		"cut":     func() error { return os.Truncate(list, info.Size()/2) },
		"empty":   func() error { return os.Truncate(list, 0) },
		"gone":    func() error { return os.RemoveAll(list) },
	} {
		if err := do(); err != nil {
			t.Fatal(what, err)
		}
		if a := s.restores(what, tree); !strings.Contains(a.stderr, "the member list in the catalog cannot be used") {
			t.Errorf("%s: no word of the list: %s", what, a.stderr)
		}
		s.ok("lto", "scan", "-f", "lib:0")
	}
}

// TestScanKeepsWhatATapeLost: where a manifest or its list is damaged, what the catalog has of the archive is
// all that can still verify it. A scan keeps it, and calls no archive torn.
func TestScanKeepsWhatATapeLost(t *testing.T) {
	t.Parallel()
	for what, block := range map[string]int{"text": 0, "list": 1} {
		s, tree := manyShelf(t)
		if err := flip(s.tap, s.blockAt(2, block)+600); err != nil {
			t.Fatal(err)
		}
		scan := s.run("lto", "scan", "-f", "lib:0", "--json")
		if scan.exit != 3 || !strings.Contains(scan.stdout, `"file":2,"error"`) || !strings.Contains(scan.stdout, `"incomplete":[]`) {
			t.Errorf("%s: scan = %d\n%s%s", what, scan.exit, scan.stdout, scan.stderr)
		}
		s.restores(what, tree)
	}
}

// TestCatalogOfAnotherTime: who writes where the catalog and the tape do not end at the same place is told so.
func TestCatalogOfAnotherTime(t *testing.T) {
	t.Parallel()
	s, _ := manyShelf(t)
	write := func(name, want string) {
		t.Helper()
		a := s.ok("lto", "write", "-f", "lib:0", "--name", name, "-")
		if want == "" && strings.Contains(a.stderr, "warning") || !strings.Contains(a.stderr, want) {
			t.Errorf("write %s says %q; want %q", name, a.stderr, want)
		}
	}
	swap := func(dir string, between func()) {
		t.Helper()
		now, then := filepath.Join(s.state, dir), filepath.Join(t.TempDir(), "then")
		if err := os.CopyFS(then, os.DirFS(now)); err != nil {
			t.Fatal(err)
		}
		between()
		if err := errors.Join(os.RemoveAll(now), os.CopyFS(now, os.DirFS(then))); err != nil {
			t.Fatal(err)
		}
	}
	swap("media", func() { write("three", "") })
	write("four", "holds archives from tape file 5 on that the catalog does not know")
	s.ok("lto", "scan", "-f", "lib:0")
	swap("vtl", func() { write("five", "") })
	write("six", "the catalog has archives in tape file 9 or behind that K00001L8 does not hold any more")
	s.ok("lto", "scan", "-f", "lib:0")
	write("seven", "")
}

// blockAt gives the place in the image of the data of a block of a tape file.
func (s *shelf) blockAt(file, block int) int {
	s.t.Helper()
	image := s.data()
	for at := 0; at+4 <= len(image); {
		length := int(binary.LittleEndian.Uint32(image[at:]))
		switch {
		case length == 0:
			file--
			at += 4
			continue
		case file == 0 && block == 0:
			return at + 4
		case file == 0:
			block--
		}
		at += length + length%2 + 8
	}
	s.t.Fatal("the image has no such block")
	return 0
}
