package archive_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"calypso/tape/archive"
)

// benchDir is on tmpfs where there is one.
func benchDir(b *testing.B) string {
	b.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "calypso-bench-")
	if err != nil {
		return b.TempDir()
	}
	b.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

const benchBytes = 1 << 30

// BenchmarkDeviceWrite is `cat file | lto write -` on an image.
func BenchmarkDeviceWrite(b *testing.B) {
	dir := benchDir(b)
	src := filepath.Join(dir, "source")
	must(b, os.WriteFile(src, random(1, benchBytes), 0o600))
	s := newStation(b, dir, 8<<30)
	o := options(b)
	o.BufferBytes = 0
	b.SetBytes(benchBytes)
	for b.Loop() {
		must(b, s.drive.LocateFile(context.Background(), 1))
		must(b, s.drive.Erase(context.Background(), false))
		cat := exec.Command("cat", src)
		pipe, err := cat.StdoutPipe()
		must(b, err)
		must(b, cat.Start())
		_, err = archive.Write(context.Background(), s.drive, archive.Source{Name: "s", Kind: archive.KindStream, Stream: pipe}, o)
		must(b, err)
		must(b, cat.Wait())
	}
}

// BenchmarkDeviceRead is `lto read --stdout | cat > /dev/null` with verification.
func BenchmarkDeviceRead(b *testing.B) {
	s := newStation(b, benchDir(b), 8<<30)
	o := options(b)
	res, err := archive.Write(context.Background(), s.drive, stream("s", random(1, benchBytes)), o)
	must(b, err)
	b.SetBytes(benchBytes)
	for b.Loop() {
		cat := exec.Command("cat")
		pipe, err := cat.StdinPipe()
		must(b, err)
		must(b, cat.Start())
		_, err = archive.Read(context.Background(), s.drive, &res.Manifest, 1, archive.ReadOptions{Stdout: pipe, Watermarks: archive.Watermarks{Off: true}})
		must(b, err)
		must(b, pipe.Close())
		must(b, cat.Wait())
	}
}
