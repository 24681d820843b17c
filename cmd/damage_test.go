package cmd

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// writtenShelf is a shelf whose tape holds a tree as file 1 and a stream as file 3.
func writtenShelf(t *testing.T) (*shelf, string) {
	t.Helper()
	s := newShelf(t)
	tree := filepath.Join(t.TempDir(), "tree")
	for _, name := range []string{"a", "d/b", "d/empty", "c"} {
		path := filepath.Join(tree, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, bytes.Repeat([]byte(name+"\n"), 700*(len(name)%5)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s.ok("lto", "label", "-f", "lib:0", "K00001L8", "--block-size", "4KiB")
	s.ok("lto", "write", "-f", "lib:0", "--name", "tree", tree)
	s.ok("lto", "write", "-f", "lib:0", "--name", "stream", "-")
	return s, tree
}

// damage is something that happened to the files of a tape.
type damage struct {
	what string
	do   func(dir string) error
}

// damages are flips of bytes all over the files of a tape, and files that were cut or lost.
func damages(t *testing.T, dir string) []damage {
	t.Helper()
	var list []damage
	for file, samples := range map[string]int{"partition-0.tap": 50, "crc": 5, "index": 7, "meta.json": 15} {
		info, err := os.Stat(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		size := int(info.Size())
		for i := range samples {
			at := i * (size - 1) / (samples - 1)
			list = append(list, damage{fmt.Sprintf("byte %d of %s", at, file), func(dir string) error { return flip(filepath.Join(dir, file), at) }})
			if file == "partition-0.tap" { // without its checksums only the SHA-256 on the tape is left
				list = append(list, damage{fmt.Sprintf("byte %d of %s, no crc", at, file), func(dir string) error {
					if err := os.Remove(filepath.Join(dir, "crc")); err != nil {
						return err
					}
					return flip(filepath.Join(dir, file), at)
				}})
			}
		}
		for i := range 4 {
			list = append(list, damage{fmt.Sprintf("%s cut at %d", file, size*i/4), func(dir string) error {
				return os.Truncate(filepath.Join(dir, file), int64(size*i/4))
			}})
		}
		list = append(list, damage{"no " + file, func(dir string) error { return os.Remove(filepath.Join(dir, file)) }})
	}
	return append(list, damage{"data alone", func(dir string) error {
		for _, file := range []string{"crc", "index"} {
			if err := os.Remove(filepath.Join(dir, file)); err != nil {
				return err
			}
		}
		return nil
	}})
}

func flip(path string, at int) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	b[at] ^= 0x41
	return os.WriteFile(path, b, 0o600)
}

// TestDamagedTape: however the image of a tape is damaged, nothing wrong is given out with status 0 or under
// the name of a file, and no command takes it for a bug of its own.
func TestDamagedTape(t *testing.T) {
	t.Parallel()
	s, tree := writtenShelf(t)
	saved := filepath.Join(t.TempDir(), "saved")
	if err := os.CopyFS(saved, os.DirFS(s.state)); err != nil {
		t.Fatal(err)
	}
	ends := map[int]int{}
	for _, d := range damages(t, filepath.Dir(s.tap)) {
		if err := os.RemoveAll(s.state); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(s.state, os.DirFS(saved)); err != nil {
			t.Fatal(err)
		}
		if err := d.do(filepath.Dir(s.tap)); err != nil {
			t.Fatal(err)
		}
		ends[s.readDamaged(d.what, tree)]++
	}
	for _, exit := range []int{0, 16, 17} { // caches are made anew, the drive sees what its checksums see, the rest is left to us
		if ends[exit] == 0 {
			t.Errorf("no damage made a restore end with %d: %v", exit, ends)
		}
	}
}

// readDamaged holds every reader to the truth. It tells how the restore ended.
func (s *shelf) readDamaged(what, tree string) int {
	s.t.Helper()
	dest := s.t.TempDir()
	restore := s.run("lto", "read", "-f", "lib:0", "--file", "1", "-C", dest, "--buffer", "1MiB")
	s.compare(what, tree, filepath.Join(dest, tree), restore.exit == 0)
	stream := s.run("lto", "read", "-f", "lib:0", "--file", "3", "--stdout", "--buffer", "1MiB")
	if stream.exit == 0 && stream.stdout != "stream\n" {
		s.t.Errorf("%s: the stream reads as %q with status 0", what, stream.stdout)
	}
	verify := s.run("lto", "verify", "-f", "lib:0", "--buffer", "1MiB")
	if verify.exit == 0 && (restore.exit != 0 || stream.exit != 0) {
		s.t.Errorf("%s: verify is content, but reading ends with %d and %d", what, restore.exit, stream.exit)
	}
	for _, a := range []answer{restore, stream, verify, s.run("lto", "scan", "-f", "lib:0"), s.run("lto", "status", "-f", "lib:0"),
		s.run("vtl", "tape", "list", "lib"), s.run("library", "show", "lib")} {
		if a.exit == 70 || a.exit < 0 || a.exit != 0 && a.stderr == "" {
			s.t.Errorf("%s: %q ends with %d\n%s", what, a.args, a.exit, a.stderr)
		}
	}
	return restore.exit
}

// compare holds restored files to the originals; all of them must be there if whole.
func (s *shelf) compare(what, original, restored string, whole bool) {
	s.t.Helper()
	err := filepath.WalkDir(original, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		name, _ := filepath.Rel(original, path)
		want, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		got, err := os.ReadFile(filepath.Join(restored, name))
		switch {
		case err != nil && whole:
			s.t.Errorf("%s: restored with status 0, without %s", what, name)
		case err == nil && !bytes.Equal(got, want):
			s.t.Errorf("%s: %s was restored with other data", what, name)
		}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
}
