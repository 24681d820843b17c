package pax

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// plant makes files (with their name as content), directories (ending in "/") beneath a new directory.
func plant(t testing.TB, paths ...string) string {
	t.Helper()
	root := t.TempDir()
	for _, p := range paths {
		full := filepath.Join(root, p)
		if strings.HasSuffix(p, "/") {
			must(t, os.MkdirAll(full, 0o755))
			continue
		}
		must(t, os.MkdirAll(filepath.Dir(full), 0o755))
		must(t, os.WriteFile(full, []byte(p), 0o644))
	}
	return root
}

func paths(members []Member) string {
	var list []string
	for _, m := range members {
		list = append(list, m.Path)
	}
	return strings.Join(list, " ")
}

func TestSelection(t *testing.T) {
	root := plant(t, "a.c", "a.o", "b/a.c", "b/deep/x/y.c", "b/deep/z", "c/", "d/e/", "-rf")
	t.Chdir(root)
	for _, c := range []struct {
		name string
		sel  Selection
		want string
	}{
		{"all", Selection{Roots: []string{"."}}, "./ -rf a.c a.o b/ b/a.c b/deep/ b/deep/x/ b/deep/x/y.c b/deep/z c/ d/ d/e/"},
		{"exclude base", Selection{Roots: []string{"."}, Exclude: []string{"*.c", "d"}}, "./ -rf a.o b/ b/deep/ b/deep/x/ b/deep/z c/"},
		{"exclude path", Selection{Roots: []string{"."}, Exclude: []string{"/b/deep", "./a.*"}}, "./ -rf b/ b/a.c c/ d/ d/e/"},
		{"star stops at slash", Selection{Roots: []string{"b"}, Exclude: []string{"b/*/y.c"}}, "b/ b/a.c b/deep/ b/deep/x/ b/deep/x/y.c b/deep/z"},
		{"deep star", Selection{Roots: []string{"b"}, Exclude: []string{"b/**/y.c"}}, "b/ b/a.c b/deep/ b/deep/x/ b/deep/z"},
		{"directories only", Selection{Roots: []string{"."}, Exclude: []string{"?/"}}, "./ -rf a.c a.o"},
		{"include leads to it", Selection{Roots: []string{"."}, Include: []string{"y.c"}}, "./ b/ b/deep/ b/deep/x/ b/deep/x/y.c"},
		{"include subtree", Selection{Roots: []string{"b"}, Include: []string{"deep"}}, "b/ b/deep/ b/deep/x/ b/deep/x/y.c b/deep/z"},
		{"include some", Selection{Roots: []string{"."}, Include: []string{"a.c", "e"}}, "./ a.c b/ b/a.c d/ d/e/"},
		{"include nothing", Selection{Roots: []string{"."}, Include: []string{"nope"}}, ""},
		{"exclude wins", Selection{Roots: []string{"."}, Include: []string{"*.c"}, Exclude: []string{"b"}}, "./ a.c"},
		{"roots", Selection{Roots: []string{"c", "./a.c", root + "/d/"}}, "c/ a.c " + root[1:] + "/d/ " + root[1:] + "/d/e/"},
		{"dotdot", Selection{Roots: []string{"../" + filepath.Base(root) + "/c", "b/../c"}}, filepath.Base(root) + "/c/ c/"},
		{"files", Selection{Files: []string{"b", "b/a.c", "-rf"}}, "b/ b/a.c -rf"},
		{"root excluded", Selection{Roots: []string{"c", "d"}, Exclude: []string{"c"}}, "d/ d/e/"},
	} {
		_, members, report := encodeTree(t, root, c.sel)
		if got := paths(members); got != c.want || len(report.Problems) > 0 {
			t.Errorf("%s: %q, problems %v; want %q", c.name, got, report.Problems, c.want)
		}
	}
}

func TestMembersOfAllTypes(t *testing.T) {
	root := plant(t, "f", "d/")
	must(t, os.Link(root+"/f", root+"/h"))
	must(t, os.Symlink("to", root+"/s"))
	must(t, unix.Mkfifo(root+"/p", 0o640))
	must(t, os.Chmod(root+"/f", 0o4711|os.ModeSetuid))
	t.Chdir(root)
	_, members, _ := encodeTree(t, root, Selection{Roots: []string{"d", "f", "h", "p", "s"}})
	var got []string
	for _, m := range members {
		got = append(got, string(m.Type)+" "+m.Path+" "+m.Link)
	}
	want := []string{"dir d/ ", "file f ", "hardlink h f", "fifo p ", "symlink s to"}
	if !slices.Equal(got, want) {
		t.Errorf("members %q; want %q", got, want)
	}
	if f := members[1]; f.Mode != 0o4711 || f.Size != 1 || f.UID != os.Getuid() || f.GID != os.Getgid() {
		t.Errorf("member %+v", f)
	}
}

func TestSourceProblems(t *testing.T) {
	root := plant(t, "ok", "z")
	l, err := net.Listen("unix", root+"/socket")
	must(t, err)
	defer l.Close()
	// A file of sysfs says it is as long as a page and is not: the steady case of a shrunk file.
	sel := Selection{Roots: []string{root, root + "/missing", root + "/ok/below"}, Files: []string{"/sys/kernel/mm/transparent_hugepage/enabled", root + "/gone"}}
	archive, members, report := encodeTree(t, root, sel)
	want := "socket not_found not_found shrank not_found"
	if _, err := os.Stat(sel.Files[0]); err != nil {
		want = strings.Replace(want, "shrank", "not_found", 1)
	} else if m := members[len(members)-1]; m.Size != 4096 || m.Length < 4096 {
		t.Errorf("member %+v; want 4096 bytes", m)
	}
	if kindsOf(report) != want {
		t.Errorf("problems %q %v; want %q", kindsOf(report), report.Problems, want)
	}
	if p := report.Problems[0]; p.Path != root+"/socket" || !p.Notice() {
		t.Errorf("problem %+v; want a notice of %s/socket", p, root)
	}
	if p := report.Problems[1]; p.Path != root+"/missing" || !errors.Is(p.Err, unix.ENOENT) || p.Notice() {
		t.Errorf("problem %+v", p)
	}
	listAll(t, archive)
}

// encodeStalled changes the source when the walker stands in the middle of the first file, which is
// longer than the belt: it waits for an empty parcel then and touches nothing.
func encodeStalled(t *testing.T, root string, change func(root string) error) ([]byte, []Member, []Problem) {
	t.Helper()
	b := newBelt(context.Background())
	w := newWalker(Selection{Roots: []string{root}}, b)
	go func() {
		defer close(b.full)
		_ = w.run()
	}()
	for len(b.full) < parcels {
		runtime.Gosched()
	}
	must(t, change(root))
	var out bytes.Buffer
	var members []Member
	e := newEncoder(&out, func(m Member) error {
		members = append(members, m)
		return nil
	})
	must(t, e.consume(context.Background(), b))
	return out.Bytes(), members, w.problems
}

func TestSourceChangesWhileRead(t *testing.T) {
	const size = 16 << 20
	for _, c := range []struct {
		name   string
		change func(root string) error
		want   string
	}{
		{"nothing", func(string) error { return nil }, ""},
		{"shrinks", func(root string) error { return os.Truncate(root+"/a", 12<<20) }, "shrank"},
		{"shrinks to nothing", func(root string) error { return os.Truncate(root+"/a", 0) }, "shrank"},
		{"grows", func(root string) error { return os.Truncate(root+"/a", 20<<20) }, "grew"},
		{"written", func(root string) error { return os.WriteFile(root+"/a", make([]byte, size), 0o600) }, "changed"},
		{"vanishes", func(root string) error { return os.Remove(root + "/b") }, "vanished"},
		{"becomes a symlink", func(root string) error {
			return errors.Join(os.Remove(root+"/b"), os.Symlink("/etc/passwd", root+"/b"))
		}, "vanished"},
		{"becomes a directory", func(root string) error { return errors.Join(os.Remove(root+"/b"), os.Mkdir(root+"/b", 0o700)) }, "vanished"},
		{"directory becomes a symlink", func(root string) error { return errors.Join(os.Remove(root+"/c"), os.Symlink("/etc", root+"/c")) }, "vanished"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := plant(t, "b", "c/", "d")
			must(t, os.WriteFile(root+"/a", bytes.Repeat([]byte("x"), size), 0o600))
			archive, members, problems := encodeStalled(t, root, c.change)
			if got := kindsOf(Report{Problems: problems}); got != c.want {
				t.Fatalf("problems %v; want %q", problems, c.want)
			}
			checkMembers(t, archive, members)
			if a := members[1]; a.Size != size || len(listAll(t, archive)) != len(members) {
				t.Errorf("member %+v; want the size it had", a)
			}
			if last := members[len(members)-1]; last.Path != root[1:]+"/d" {
				t.Errorf("the archive ends with %q", last.Path)
			}
		})
	}
}

// A file that got the number of one that was deleted meanwhile is not another name of that one. (File systems
// that give numbers out again at once, such as ext4, are what this test needs to fail.)
func TestInodeNumberIsUsedAgain(t *testing.T) {
	root := plant(t, "a")
	must(t, errors.Join(os.Link(root+"/a", root+"/c"), os.Link(root+"/a", root+"/d")))
	must(t, os.WriteFile(root+"/b", make([]byte, 16<<20), 0o600))
	archive, _, problems := encodeStalled(t, root, func(string) error {
		return errors.Join(os.Remove(root+"/a"), os.Remove(root+"/c"), os.Remove(root+"/d"),
			os.WriteFile(root+"/c", []byte("new"), 0o600), os.Link(root+"/c", root+"/d"))
	})
	dest, _ := extract(t, archive, ExtractOptions{})
	for name, want := range map[string]string{"a": "a", "c": "new", "d": "new"} {
		if got, err := os.ReadFile(dest + root + "/" + name); string(got) != want {
			t.Errorf("%s came back as %q, %v; want %q (problems %v)", name, got, err, want, problems)
		}
	}
}

// What is written into a hole after the map was made is not archived, however small the file: it must be told.
func TestHoleIsFilledWhileRead(t *testing.T) {
	const size, files = 32 << 10, parcels*parcelItems + 20
	root := t.TempDir()
	name := func(i int) string { return fmt.Sprintf("%s/f%04d", root, i) }
	for i := range files {
		must(t, os.WriteFile(name(i), nil, 0o600))
		must(t, os.Truncate(name(i), size))
		must(t, os.Chtimes(name(i), time.Unix(1, 0), time.Unix(1, 0)))
	}
	archive, _, problems := encodeStalled(t, root, func(string) error {
		for i := range files {
			if err := os.WriteFile(name(i), bytes.Repeat([]byte("x"), size), 0o600); err != nil {
				return err
			}
		}
		return nil
	})
	dest, _ := extract(t, archive, ExtractOptions{})
	for i := parcels*parcelItems - 1; i < files; i++ { // those before were read before
		got, err := os.ReadFile(dest + name(i))
		must(t, err)
		told := slices.ContainsFunc(problems, func(p Problem) bool { return p.Path == name(i) && p.Kind == KindChanged })
		if got[0] != 'x' && !told {
			t.Errorf("%s was archived without what it held, and no word of it", name(i))
		}
	}
}

// TestUnreadable runs the walker as another user where the test is root.
func TestUnreadable(t *testing.T) {
	root := plant(t, "a", "closed/x", "z")
	must(t, os.Chmod(root+"/a", 0))
	must(t, os.Chmod(root+"/closed", 0))
	defer os.Chmod(root+"/closed", 0o700)
	asNobody(t, root, func() {
		_, members, report := encodeTree(t, root, Selection{Roots: []string{root}})
		if kindsOf(report) != "unreadable unreadable" || report.Problems[0].Path != root+"/a" {
			t.Errorf("problems %v", report.Problems)
		}
		if got := strings.ReplaceAll(paths(members), root[1:], "R"); got != "R/ R/closed/ R/z" {
			t.Errorf("members %q", got)
		}
	})
}

// asNobody runs f with file access of user 65534 when it is root: the fs uid is of the thread, and
// the walker has its own, so the capabilities that override permissions are dropped for the process.
func asNobody(t *testing.T, root string, f func()) {
	if os.Geteuid() != 0 {
		f()
		return
	}
	for dir := root; dir != filepath.Clean(os.TempDir()) && dir != "/"; dir = filepath.Dir(dir) {
		must(t, os.Chmod(dir, 0o755))
	}
	must(t, unix.Setresuid(-1, 65534, -1))
	defer func() { must(t, unix.Setresuid(-1, 0, -1)) }()
	f()
}

func TestOneFileSystem(t *testing.T) {
	root := plant(t, "a", "mount/")
	if err := unix.Mount("calypso-test", root+"/mount", "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("mounting is not permitted here: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(root+"/mount", 0) })
	must(t, os.WriteFile(root+"/mount/x", nil, 0o600))
	t.Chdir(root)
	for one, want := range map[bool]string{false: "./ a mount/ mount/x", true: "./ a mount/"} {
		_, members, _ := encodeTree(t, root, Selection{Roots: []string{"."}, OneFileSystem: one})
		if got := paths(members); got != want {
			t.Errorf("OneFileSystem %v: %q; want %q", one, got, want)
		}
	}
}

func TestEncodeErrors(t *testing.T) {
	root := plant(t, "a", "b")
	must(t, os.WriteFile(root+"/big", make([]byte, 32<<20), 0o600))
	full := errors.New("tape full")
	if _, err := Encode(context.Background(), writerFunc(func(p []byte) (int, error) { return 0, full }), Selection{Roots: []string{root}}, nil); !errors.Is(err, full) {
		t.Errorf("failing writer: %v", err)
	}
	var out bytes.Buffer
	if _, err := Encode(context.Background(), &out, Selection{Roots: []string{root}}, func(Member) error { return full }); !errors.Is(err, full) {
		t.Errorf("failing onMember: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	report, err := Encode(ctx, writerFunc(func(p []byte) (int, error) { cancel(); return len(p), nil }), Selection{Roots: []string{root}}, nil)
	if !errors.Is(err, context.Canceled) || report.Bytes > 16<<20 {
		t.Errorf("cancelled: %v after %d bytes", err, report.Bytes)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// TestEncodeWritesLargeChunks holds all writes but the last to one size.
func TestEncodeWritesLargeChunks(t *testing.T) {
	root := plant(t, "a", "b")
	must(t, os.WriteFile(root+"/big", make([]byte, 3<<20), 0o600))
	var sizes []int
	_, err := Encode(context.Background(), writerFunc(func(p []byte) (int, error) {
		sizes = append(sizes, len(p))
		return len(p), nil
	}), Selection{Roots: []string{root}}, nil)
	must(t, err)
	for i, n := range sizes {
		if n != outputBytes && i < len(sizes)-1 {
			t.Errorf("write %d of %d bytes", i, n)
		}
	}
}

// TestEncodeIsDeterministic holds two runs over one tree to the same bytes.
func TestEncodeIsDeterministic(t *testing.T) {
	root := plant(t, "b", "a/x", "a-b", "a.c", "é")
	setXattr(t, root+"/b", "user.z", "1")
	setXattr(t, root+"/b", "user.a", "2")
	one, _, _ := encodeTree(t, root, Selection{Roots: []string{root}})
	two, _, _ := encodeTree(t, root, Selection{Roots: []string{root}})
	if !bytes.Equal(one, two) {
		t.Error("two archives of one tree differ")
	}
}

// TestOverlappingRoots archives a file twice under one name, not as a hard link to itself.
func TestOverlappingRoots(t *testing.T) {
	root := plant(t, "a")
	must(t, os.Link(root+"/a", root+"/b"))
	t.Chdir(root)
	archive, members, _ := encodeTree(t, root, Selection{Roots: []string{"a", "a", "b"}})
	if members[1].Type != TypeFile || members[2].Link != "a" {
		t.Errorf("members %+v", members)
	}
	dest, report := extract(t, archive, ExtractOptions{})
	if len(report.Problems) > 0 {
		t.Error(report.Problems)
	}
	if got, _ := os.ReadFile(dest + "/b"); string(got) != "a" {
		t.Errorf("b holds %q", got)
	}
}

// Roots that lose what tells them apart are named: a restore can give back only one of them.
func TestRootsOfOneName(t *testing.T) {
	root := plant(t, "data/f", "in/data/f")
	t.Chdir(filepath.Join(root, "in"))
	for _, c := range []struct {
		roots []string
		want  string
	}{
		{[]string{"data", "../data"}, "../data same_name"},
		{[]string{"data", "./data/", filepath.Join(root, "in", "data")}, ""},
		{[]string{"data", "../in/data"}, ""},
	} {
		report, err := Encode(context.Background(), io.Discard, Selection{Roots: c.roots}, nil)
		must(t, err)
		var got []string
		for _, p := range report.Problems {
			got = append(got, p.Path+" "+p.Kind)
		}
		if strings.Join(got, "|") != c.want {
			t.Errorf("%q: problems %q; want %q", c.roots, got, c.want)
		}
	}
}
