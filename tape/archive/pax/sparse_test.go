package pax

import (
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// hugeFile makes a directory with a file of size bytes that holds data at three places.
func hugeFile(t testing.TB, size int64) string {
	t.Helper()
	src := t.TempDir()
	f, err := os.Create(filepath.Join(src, "huge"))
	must(t, err)
	defer f.Close()
	must(t, f.Truncate(size))
	for _, at := range []int64{0, size / 2, size - 4} {
		_, err := f.WriteAt([]byte("data"), at)
		must(t, err)
	}
	return src
}

// hasHole asks for the hole itself: a block of attributes counts among the blocks that stat(2) gives.
func hasHole(t testing.TB, path string) bool {
	t.Helper()
	f, err := os.Open(path)
	must(t, err)
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	must(t, err)
	hole, err := unix.Seek(int(f.Fd()), 0, unix.SEEK_HOLE)
	return err == nil && hole < size
}

func checkHuge(t testing.TB, dir string, size int64) {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, "huge"))
	must(t, err)
	defer f.Close()
	info, err := f.Stat()
	must(t, err)
	if used := info.Sys().(*syscall.Stat_t).Blocks * 512; info.Size() != size || used > 1<<20 {
		t.Errorf("%d bytes, %d on disk; want %d with holes", info.Size(), used, size)
	}
	for _, at := range []int64{0, size / 2, size - 4} {
		got := make([]byte, 4)
		if _, err := f.ReadAt(got, at); err != nil && err != io.EOF || string(got) != "data" {
			t.Errorf("at %d: %q, %v", at, got, err)
		}
	}
}

// TestJudgesKeepHoles has the outside tools restore a sparse file of ours, and us theirs.
func TestJudgesKeepHoles(t *testing.T) {
	const size = 1 << 32
	src := hugeFile(t, size)
	archive, _, _ := encodeTree(t, src, Selection{Roots: []string{src}})
	ours := filepath.Join(t.TempDir(), "ours.tar")
	must(t, os.WriteFile(ours, archive, 0o600))
	for _, tool := range []string{"tar", "bsdtar"} {
		t.Run(tool, func(t *testing.T) {
			dest := t.TempDir()
			untar(t, tool, ours, dest)
			checkHuge(t, stored(dest, src), size)
			theirs := filepath.Join(t.TempDir(), "theirs.tar")
			args := []string{"-c", "--format=pax", "-f", theirs, "huge"}
			if tool == "tar" {
				args = append(args, "--sparse")
			}
			runTool(t, src, tool, args...)
			data, err := os.ReadFile(theirs)
			must(t, err)
			dest, report := extract(t, data, ExtractOptions{})
			if len(report.Problems) > 0 {
				t.Error(report.Problems)
			}
			checkHuge(t, dest, size)
		})
	}
}

// TestManyExtents has a file with more extents than a map may have.
func TestManyExtents(t *testing.T) {
	src := t.TempDir()
	f, err := os.Create(filepath.Join(src, "combed"))
	must(t, err)
	const extents = maxExtents + 500
	for i := range int64(extents) {
		_, err := f.WriteAt([]byte{'x'}, i*8192)
		must(t, err)
	}
	must(t, f.Truncate(1<<34))
	must(t, f.Close())
	archive, _, report := encodeTree(t, src, Selection{Roots: []string{src}})
	if len(report.Problems) > 0 {
		t.Fatal(report.Problems)
	}
	dest, report := extract(t, archive, ExtractOptions{})
	if len(report.Problems) > 0 {
		t.Fatal(report.Problems)
	}
	got, err := os.Open(filepath.Join(stored(dest, src), "combed"))
	must(t, err)
	defer got.Close()
	buf := make([]byte, 8192)
	for i := range int64(extents) {
		if _, err := got.ReadAt(buf, i*8192); err != nil || buf[0] != 'x' || buf[4096] != 0 {
			t.Fatalf("extent %d: %q %q, %v", i, buf[0], buf[4096], err)
		}
	}
	if info, _ := got.Stat(); info.Size() != 1<<34 {
		t.Errorf("size %d", info.Size())
	}
}
