package proc

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

func TestOpeners(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "node"), filepath.Join(dir, "link")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path) // this process does not count
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if got := Openers("/proc", path); len(got) != 0 {
		t.Errorf("%v; want nobody", got)
	}
	child := running(t, file)
	defer func() {
		_ = child.Process.Kill()
		_ = child.Wait()
	}()
	want := fmt.Sprintf("[pid %d (cat -u -)]", child.Process.Pid)
	for _, name := range []string{path, link} {
		if got := fmt.Sprint(Openers("/proc", name)); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
		if got := Openers("/proc", filepath.Join(dir, "none"), name); len(got) != 1 || got[0].Node != name {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got := Openers("/proc", filepath.Join(dir, "none"), ""); len(got) != 0 {
		t.Errorf("%v; want nobody", got)
	}
	if got := Openers(filepath.Join(dir, "no-proc"), path); len(got) != 0 {
		t.Errorf("%v; want nobody", got)
	}
}
