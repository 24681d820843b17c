package pax

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"calypso/sys/errcode"
)

// forge makes an archive of headers as an attacker would, with archive/tar's writer.
func forge(t testing.TB, headers ...tar.Header) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, h := range headers {
		data := ""
		if h.Typeflag == tar.TypeReg {
			data = "evil"
		}
		h.Size = int64(len(data))
		if h.Mode == 0 {
			h.Mode = 0o644
		}
		h.Uid, h.Gid = os.Getuid(), os.Getgid()
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(data)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func file(name string) tar.Header { return tar.Header{Name: name, Typeflag: tar.TypeReg} }
func dir(name string) tar.Header  { return tar.Header{Name: name, Typeflag: tar.TypeDir, Mode: 0o755} }
func symlink(name, to string) tar.Header {
	return tar.Header{Name: name, Typeflag: tar.TypeSymlink, Linkname: to}
}
func hardlink(name, to string) tar.Header {
	return tar.Header{Name: name, Typeflag: tar.TypeLink, Linkname: to}
}

func kindsOf(r Report) string {
	var kinds []string
	for _, p := range r.Problems {
		kinds = append(kinds, p.Kind)
	}
	return strings.Join(kinds, " ")
}

// TestExtractStaysInside runs the attack corpus. The destination lies in a yard whose other content
// must be untouched afterwards.
func TestExtractStaysInside(t *testing.T) {
	for _, c := range []struct {
		name    string
		prepare func(yard, dest string) error
		archive []tar.Header
		want    string // kinds of problems
	}{
		{"dotdot", nil, []tar.Header{file("../escaped")}, "unsafe"},
		{"dotdot inside", nil, []tar.Header{file("a/../../escaped")}, "unsafe"},
		{"dotdot that stays inside", nil, []tar.Header{file("a/../b")}, "unsafe"},
		{"dotdot directory", nil, []tar.Header{dir("../escaped/")}, "unsafe"},
		{"absolute", nil, []tar.Header{file("/escaped")}, "unsafe"},
		{"the destination as a file", nil, []tar.Header{file("./.")}, "unsafe"},
		{"through a symlink out", nil, []tar.Header{symlink("l", ".."), file("l/escaped")}, "unsafe"},
		{"through an absolute symlink", nil, []tar.Header{symlink("l", "YARD"), file("l/escaped")}, "unsafe"},
		{"through two symlinks", nil, []tar.Header{symlink("l", "."), symlink("m", "l/.."), file("m/escaped")}, "unsafe"},
		{"directory through a symlink", nil, []tar.Header{symlink("l", ".."), dir("l/escaped/")}, "unsafe"},
		{"node through a symlink", nil, []tar.Header{symlink("l", ".."), {Name: "l/escaped", Typeflag: tar.TypeFifo}}, "unsafe"},
		{"symlink through a symlink", nil, []tar.Header{symlink("l", ".."), symlink("l/escaped", "x")}, "unsafe"},
		{"file over a symlink replaces it", nil, []tar.Header{symlink("l", "../victim"), file("l")}, ""},
		{"directory over a symlink replaces it", nil, []tar.Header{symlink("l", ".."), dir("l/"), file("l/victim")}, ""},
		{"directory's mode through a symlink", nil, []tar.Header{dir("d/"), symlink("d", ".."), dir("e/")}, ""},
		{"symlink that is there", func(yard, dest string) error { return os.Symlink(yard, dest+"/l") },
			[]tar.Header{file("l/escaped")}, "unsafe"},
		{"file over a symlink that is there", func(yard, dest string) error { return os.Symlink(yard+"/victim", dest+"/l") },
			[]tar.Header{file("l")}, ""},
		{"hard link out", nil, []tar.Header{hardlink("l", "../victim"), file("l")}, "unsafe"},
		{"hard link to an absolute name", nil, []tar.Header{hardlink("l", "YARD/victim")}, "unsafe"},
		{"hard link through a symlink", nil, []tar.Header{symlink("s", ".."), hardlink("l", "s/victim")}, "link_target"},
		{"hard link to a symlink, then a file", nil, []tar.Header{symlink("s", "../victim"), hardlink("l", "s"), file("l"), file("s")}, ""},
		{"hard link to what was there", func(yard, dest string) error { return os.WriteFile(dest+"/old", nil, 0o600) },
			[]tar.Header{hardlink("l", "old")}, "link_target"},
		{"file beneath a file", nil, []tar.Header{file("f"), file("f/x")}, "exists"},
		{"unknown type", nil, []tar.Header{{Name: "q", Typeflag: 'Q'}}, "unsupported"},
	} {
		t.Run(c.name, func(t *testing.T) {
			yard := t.TempDir()
			dest := filepath.Join(yard, "dest")
			must(t, os.Mkdir(dest, 0o755))
			must(t, os.WriteFile(filepath.Join(yard, "victim"), []byte("intact"), 0o600))
			must(t, os.Chmod(yard, 0o750))
			if c.prepare != nil {
				must(t, c.prepare(yard, dest))
			}
			for i := range c.archive {
				c.archive[i].Linkname = strings.Replace(c.archive[i].Linkname, "YARD", yard, 1)
			}
			report, err := Extract(context.Background(), bytes.NewReader(forge(t, c.archive...)), dest, ExtractOptions{})
			if err != nil || kindsOf(report) != c.want {
				t.Errorf("Extract: %v, problems %q %v; want %q", err, kindsOf(report), report.Problems, c.want)
			}
			yardIntact(t, yard)
			noTemporaries(t, dest)
		})
	}
}

func yardIntact(t testing.TB, yard string) {
	t.Helper()
	names, err := os.ReadDir(yard)
	must(t, err)
	if len(names) != 2 {
		t.Fatalf("something escaped: %v", names)
	}
	data, _ := os.ReadFile(filepath.Join(yard, "victim"))
	info, _ := os.Stat(filepath.Join(yard, "victim"))
	if string(data) != "intact" || info.Mode().Perm() != 0o600 || info.Sys() == nil {
		t.Fatalf("the victim is now %q %v", data, info.Mode())
	}
	if info, _ := os.Stat(yard); info.Mode().Perm() != 0o750 {
		t.Fatalf("the yard's mode is now %v", info.Mode())
	}
}

func noTemporaries(t testing.TB, dest string) {
	t.Helper()
	for path := range snapshotNames(t, dest) {
		if strings.HasPrefix(filepath.Base(path), tempPrefix) {
			t.Errorf("temporary file %q left behind", path)
		}
	}
}

func snapshotNames(t testing.TB, root string) map[string]bool {
	names := map[string]bool{}
	must(t, filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
		names[path] = true
		return err
	}))
	return names
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestExtractAgainstSwapper has someone exchange a directory with a symbolic link all the time.
func TestExtractAgainstSwapper(t *testing.T) {
	yard := t.TempDir()
	dest := filepath.Join(yard, "dest")
	must(t, os.MkdirAll(filepath.Join(dest, "d"), 0o755))
	must(t, os.Mkdir(filepath.Join(yard, "outside"), 0o755))
	must(t, os.Symlink("../outside", filepath.Join(dest, "link")))
	stop := make(chan struct{})
	var swapping sync.WaitGroup
	swapping.Add(1)
	go func() {
		defer swapping.Done()
		for {
			select {
			case <-stop:
				return
			default:
				_ = unix.Renameat2(unix.AT_FDCWD, filepath.Join(dest, "d"), unix.AT_FDCWD, filepath.Join(dest, "link"), unix.RENAME_EXCHANGE)
			}
		}
	}()
	for range 300 {
		// "x" between makes the extractor leave d and walk to it again.
		archive := forge(t, file("d/a"), file("x/y"), file("d/b"), dir("d/"), symlink("d/c", "t"))
		if _, err := Extract(context.Background(), bytes.NewReader(archive), dest, ExtractOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	swapping.Wait()
	if names, _ := os.ReadDir(filepath.Join(yard, "outside")); len(names) > 0 {
		t.Fatalf("written outside: %v", names)
	}
}

// TestDamagedArchives cuts and flips an archive everywhere that matters: always an error, never a
// panic, and what was complete before stays.
func TestDamagedArchives(t *testing.T) {
	archive := forge(t, dir("d/"), file("d/one"), file("d/two"))
	for cut := range len(archive) {
		if at := cut % 512; at > 2 && at < 510 && at%37 != 0 {
			continue
		}
		dest := t.TempDir()
		report, err := Extract(context.Background(), bytes.NewReader(archive[:cut]), dest, ExtractOptions{})
		// Whole members and nothing after them are an archive: a subset of a tape is read so.
		whole := cut%512 == 0 && cut != 1024 && cut != 2048
		if (err == nil) != whole {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if cut > 1536 && report.Members < 2 || cut > 0 && err != nil && errcode.Of(err) != errcode.ArchiveDamaged && errcode.Of(err) != errcode.ArchiveNotTar {
			t.Fatalf("cut at %d: %d members, %v", cut, report.Members, err)
		}
		noTemporaries(t, dest)
	}
	for _, at := range []int{0, 600, 1600} { // a header each
		bad := bytes.Clone(archive)
		bad[at] ^= 0x40
		_, err := Extract(context.Background(), bytes.NewReader(bad), t.TempDir(), ExtractOptions{})
		if code := errcode.Of(err); code != errcode.ArchiveDamaged && (at > 0 || code != errcode.ArchiveNotTar) {
			t.Errorf("flip at %d: %v", at, err)
		}
	}
	if err := List(context.Background(), strings.NewReader(strings.Repeat("no tar ", 200)), nil); errcode.Of(err) != errcode.ArchiveNotTar {
		t.Errorf("List of text: %v", err)
	}
	broken := errors.New("drive on fire")
	err := List(context.Background(), &failingReader{bytes.NewReader(archive[:1600]), broken}, func(Member) error { return nil })
	if !errors.Is(err, broken) {
		t.Errorf("List of a failing reader: %v", err)
	}
}

type failingReader struct {
	r   *bytes.Reader
	err error
}

func (f *failingReader) Read(p []byte) (int, error) {
	if f.r.Len() == 0 {
		return 0, f.err
	}
	return f.r.Read(p)
}
