package tcmu

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Host is where the kernel shows what this package works with.
type Host struct {
	Config string // the target's configfs, /sys/kernel/config/target
	Sysfs  string // /sys
}

// System is the host that this program runs on.
var System = Host{Config: "/sys/kernel/config/target", Sysfs: "/sys"}

// set writes the value of an attribute.
func set(path, value string) error {
	if err := setSecret(path, value); err != nil {
		return fmt.Errorf("set to %q: %w", value, err)
	}
	return nil
}

// setSecret is set for a value that no message may show.
func setSecret(path, value string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

// makeDir creates a directory that may be there already.
func makeDir(path string) error {
	if err := os.Mkdir(path, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// remove takes a directory away that may be gone already. In configfs, directories that the kernel made
// go with the one above them.
func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// unlinkAll removes the links in a directory: in configfs, what the user bound together.
func unlinkAll(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if e.Type()&fs.ModeSymlink != 0 {
			err = errors.Join(err, remove(filepath.Join(dir, e.Name())))
		}
	}
	return err
}

// children names the directories in a directory, none when it is not there.
func children(dir string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names
}
