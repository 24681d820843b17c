package vtl

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"calypso/sys/errcode"
	"calypso/sys/state"
	"calypso/vtl/image"
)

// deletingSuffix is that of the file of a library whose images are being removed.
const deletingSuffix = ".yaml.deleting"

func (s *Store) tombstone(name string) string {
	return filepath.Join(s.librariesDir(), name+deletingSuffix)
}

// Delete removes a library with its cartridges. When one of them was ever written it needs
// confirmed, else errcode.LibraryNotEmpty and nothing is touched. Devices that a killed server left in the kernel
// are taken away first. The caller holds the locks of all its devices. After a crash either the library is whole or it is gone, its images at the latest with
// the next create or delete.
func (s *Store) Delete(ctx context.Context, name string, confirmed bool) error {
	if err := CheckName(name); err != nil {
		return err
	}
	return s.exclusive(ctx, func() error {
		l, err := s.Get(name)
		if err == nil {
			err = s.NotServed(name)
		}
		if err != nil {
			return err
		}
		if err := mayDelete(l, confirmed); err != nil {
			return err
		}
		if err := l.clearServed(s.kernel); err != nil {
			return err
		}
		step("delete")
		if err := os.Rename(s.yamlFile(name), s.tombstone(name)); err != nil {
			return err
		}
		if err := state.SyncDir(s.librariesDir()); err != nil {
			return err
		}
		step("entombed")
		return s.finishDeletion(name)
	})
}

// mayDelete refuses when a cartridge was written, or when that cannot be told.
func mayDelete(l *Library, confirmed bool) error {
	if confirmed {
		return nil
	}
	written := 0
	first := ""
	for _, c := range l.Cartridges {
		n, err := image.UsedBytes(l.tapeDir(c.Barcode))
		if n == 0 && l.knowsUsed(err) {
			continue
		}
		if written++; first == "" {
			first = c.Barcode
		}
	}
	if written > 0 {
		return errcode.New(errcode.LibraryNotEmpty, l.Name, "%d of its %d tapes have been written, or cannot be seen, e.g. %s", written, len(l.Cartridges), first).
			WithHint("delete it with its data by --confirm %s", l.Name)
	}
	return nil
}

// finishDeletions removes what interrupted deletions left.
func (s *Store) finishDeletions() error {
	names, err := s.names(deletingSuffix)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := s.finishDeletion(name); err != nil {
			return fmt.Errorf("finish an interrupted delete: %w", err)
		}
	}
	return nil
}

// finishDeletion removes the images, then the tombstone that knows where they are.
func (s *Store) finishDeletion(name string) error {
	l, err := s.read(s.tombstone(name), name)
	if err != nil {
		return err
	}
	if err := removeLibraryDir(l); err != nil {
		return err
	}
	step("images removed")
	if err := errors.Join(os.RemoveAll(s.runDir(name)), os.RemoveAll(s.faultFile(name))); err != nil {
		return err
	}
	if err := os.Remove(s.tombstone(name)); err != nil {
		return err
	}
	return state.SyncDir(s.librariesDir())
}

// removeLibraryDir removes a library's directory. What somebody else put beside the tapes stays.
func removeLibraryDir(l *Library) error {
	if err := os.RemoveAll(l.tapesDir()); err != nil {
		return err
	}
	if err := os.RemoveAll(l.lifetimesDir()); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(l.dir(), markerName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	err := os.Remove(l.dir())
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) || errors.Is(err, syscall.ENOTEMPTY) {
		return nil
	}
	return err
}
