package state

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"calypso/sys/errcode"
)

func names(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	return got
}

func TestWriteFileModes(t *testing.T) {
	old := syscall.Umask(0o022)
	defer syscall.Umask(old)
	dir := filepath.Join(t.TempDir(), "a", "b")
	path := filepath.Join(dir, "o.yaml")
	if err := WriteYAML(path, shape{}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]fs.FileMode{path: 0o640, dir: 0o750 | fs.ModeDir, filepath.Dir(dir): 0o750 | fs.ModeDir} {
		if info, err := os.Stat(name); err != nil || info.Mode() != want {
			t.Errorf("mode of %s = %v, %v; want %v", name, info.Mode(), err, want)
		}
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := WriteYAML(path, shape{1}); err != nil {
		t.Fatal(err)
	}
	if info, _ := os.Stat(path); info.Mode() != 0o600 {
		t.Errorf("a write made the mode %v; want the tightened one kept", info.Mode())
	}
}

func TestWriteFileCleansLeftovers(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{".o.yaml123", ".o.yaml", ".o.yaml12x", "o.yaml12", ".other.yaml12"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := WriteFile(filepath.Join(dir, "o.yaml"), []byte("x"), 0o640); err != nil {
		t.Fatal(err)
	}
	got := strings.Join(names(t, dir), " ")
	if want := ".o.yaml .o.yaml12x .other.yaml12 o.yaml o.yaml12"; got != want {
		t.Errorf("left are %s; want %s", got, want)
	}
}

// A writer that sweeps while another is between its steps must not take its temporary file away.
func TestWriteFileSparesWorkingWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "o.yaml")
	depth := 0
	step = func(name string) {
		if name != "half written" || depth > 0 {
			return
		}
		depth++
		if err := WriteFile(path, []byte("inner"), 0o640); err != nil {
			t.Errorf("the inner write: %v", err)
		}
	}
	defer func() { step = func(string) {} }()
	if err := WriteFile(path, []byte("outer"), 0o640); err != nil {
		t.Fatal(err)
	}
	if data, _ := os.ReadFile(path); string(data) != "outer" {
		t.Errorf("the file holds %q", data)
	}
}

// sick fails at the n-th operation with err.
type sick struct {
	disk
	n   *int
	err error
}

func (s sick) fail() error {
	*s.n--
	if *s.n == 0 {
		return s.err
	}
	return nil
}

func (s sick) mkdir(dir string) error {
	if err := s.fail(); err != nil {
		return err
	}
	return s.disk.mkdir(dir)
}

func (s sick) syncDir(dir string) error {
	if err := s.fail(); err != nil {
		return err
	}
	return s.disk.syncDir(dir)
}

func (s sick) newPending(path string, perm os.FileMode) (pending, error) {
	if err := s.fail(); err != nil {
		return nil, err
	}
	p, err := s.disk.newPending(path, perm)
	return sickPending{p, s}, err
}

type sickPending struct {
	pending
	s sick
}

func (p sickPending) Write(b []byte) (int, error) {
	if err := p.s.fail(); err != nil {
		n, _ := p.pending.Write(b[:len(b)/2])
		return n, err
	}
	return p.pending.Write(b)
}

func (p sickPending) CloseAtomicallyReplace() error {
	if err := p.s.fail(); err != nil {
		return err
	}
	return p.pending.CloseAtomicallyReplace()
}

// Every operation of a write fails once, for every cause: the error has the right code and names
// the path, no temporary file stays, and the content is the old or, after the rename, the new.
func TestWriteFileFailures(t *testing.T) {
	causes := []struct {
		err  error
		want errcode.Code
	}{
		{syscall.ENOSPC, errcode.DiskFull}, {syscall.EDQUOT, errcode.DiskFull},
		{syscall.EACCES, errcode.PermissionDenied}, {syscall.EPERM, errcode.PermissionDenied},
		{syscall.EROFS, errcode.StateUnwritable}, {syscall.EIO, errcode.StateUnwritable},
	}
	const operations = 6 // mkdir, newPending, two writes, replace, syncDir
	for _, cause := range causes {
		for n := 1; n <= operations; n++ {
			dir := t.TempDir()
			path := filepath.Join(dir, "o.yaml")
			if err := WriteFile(path, []byte("old"), 0o640); err != nil {
				t.Fatal(err)
			}
			left := n
			err := writeFile(sick{realDisk{}, &left, cause.err}, path, []byte("new!"), 0o640)
			if errcode.Of(err) != cause.want || !strings.Contains(fmt.Sprint(err), path) || !errors.Is(err, cause.err) {
				t.Errorf("operation %d fails with %v: %v; want %s", n, cause.err, err, cause.want)
			}
			want := "old"
			if n == operations {
				want = "new!"
			}
			if data, _ := os.ReadFile(path); string(data) != want {
				t.Errorf("operation %d fails with %v: the file holds %q; want %q", n, cause.err, data, want)
			}
			if got := names(t, dir); len(got) != 1 {
				t.Errorf("operation %d fails with %v: left are %v", n, cause.err, got)
			}
		}
	}
}

// diary writes down what is asked of the disk.
type diary struct {
	disk
	did *[]string
}

func (d diary) note(what, path string) { *d.did = append(*d.did, what+" "+filepath.Base(path)) }

func (d diary) mkdir(dir string) error {
	err := d.disk.mkdir(dir)
	if err == nil {
		d.note("mkdir", dir)
	}
	return err
}

func (d diary) syncDir(dir string) error {
	d.note("sync", dir)
	return d.disk.syncDir(dir)
}

func (d diary) newPending(path string, perm os.FileMode) (pending, error) {
	p, err := d.disk.newPending(path, perm)
	return diaryPending{p, d}, err
}

type diaryPending struct {
	pending
	d diary
}

func (p diaryPending) CloseAtomicallyReplace() error {
	p.d.note("replace", "")
	return p.pending.CloseAtomicallyReplace()
}

// A power cut keeps a name only when its directory was synced after it was made: each new directory
// before anything is put into it, and the file's directory after the rename.
func TestWriteFileOrder(t *testing.T) {
	root := filepath.Join(t.TempDir(), "root")
	if err := os.Mkdir(root, 0o700); err != nil {
		t.Fatal(err)
	}
	var did []string
	d := diary{realDisk{}, &did}
	path := filepath.Join(root, "a", "b", "o.yaml")
	for _, want := range []string{"mkdir a, sync root, mkdir b, sync a, replace ., sync b", "replace ., sync b"} {
		did = nil
		if err := writeFile(d, path, []byte("x"), 0o640); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(did, ", "); got != want {
			t.Errorf("a write does %s; want %s", got, want)
		}
	}
}

func TestWriteFileBelowAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(file, "o.yaml"), filepath.Join(file, "d", "o.yaml")} {
		if code := errcode.Of(WriteFile(path, nil, 0o640)); code != errcode.StateUnwritable {
			t.Errorf("WriteFile below a file gives %q", code)
		}
	}
}

func TestAppendLine(t *testing.T) {
	long := strings.Repeat("x", 10000)
	tests := []struct{ before, want string }{
		{"", "new\n"},
		{"a\n", "a\nnew\n"},
		{"a\nto", "a\nnew\n"},
		{"torn", "new\n"},
		{"a\n" + long, "a\nnew\n"},
		{long + "\n" + long, long + "\nnew\n"},
		{long, "new\n"},
		{"\n", "\nnew\n"},
	}
	for _, tt := range tests {
		path := filepath.Join(t.TempDir(), "d", "l.jsonl")
		if tt.before != "" {
			if err := WriteFile(path, []byte(tt.before), 0o640); err != nil {
				t.Fatal(err)
			}
		}
		if err := AppendLine(path, []byte("new")); err != nil {
			t.Fatal(err)
		}
		if got, _ := os.ReadFile(path); string(got) != tt.want {
			t.Errorf("after %.20q AppendLine gives %.20q; want %.20q", tt.before, got, tt.want)
		}
	}
	if code := errcode.Of(AppendLine(filepath.Join(t.TempDir(), "l"), []byte("a\nb"))); code != errcode.Internal {
		t.Errorf("a line with a newline gives %q", code)
	}
}

func TestAppendLineFullDisk(t *testing.T) {
	if code := errcode.Of(AppendLine("/dev/full", []byte("x"))); code != errcode.DiskFull {
		t.Errorf("a full disk gives %q", code)
	}
}

// The file may be replaced between opening it and getting its lock; the line must not go to the old one.
func TestAppendLineAfterReplace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "l.jsonl")
	if err := AppendLine(path, []byte("old")); err != nil {
		t.Fatal(err)
	}
	held, _, err := openLocked(path)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- AppendLine(path, []byte("late")) }()
	if err := WriteFile(path, []byte("new\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	held.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(path); !bytes.Equal(got, []byte("new\nlate\n")) {
		t.Errorf("the file holds %q", got)
	}
}
