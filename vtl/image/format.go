package image

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"calypso/sys/errcode"
	"calypso/sys/state"
)

// formatName is the file that makes a format happen: the cartridge memory as it is afterwards. While it
// is there the cartridge is blank, whatever the other files hold.
const formatName = "format.json"

// step is called between the steps of a format. It does nothing but in the crash tests, which end it
// there.
var step = func(name string) {}

// Format makes the cartridge blank with a partition for each capacity in bytes; nil, or one capacity,
// gives the whole tape to one. It is durable when it returns nil. A kill or a power cut leaves the old
// tapes or the new ones:
//
//  1. format.json appears, durably: from here on the cartridge is the new one;
//  2. the sidecars go, the files of the partitions are emptied, made or removed, durably;
//  3. format.json becomes meta.json.
//
// Whoever opens the cartridge after 1 does the rest again. When 1 fails all is as before; when what
// follows fails, the tapes are blank and refuse to be written with that error. The Tapes of before are
// void either way. Errors besides: ErrReadOnly; errcode.Internal for capacities that do not fit.
func (c *Cartridge) Format(capacities []int64) error {
	if c.readonly {
		return ErrReadOnly
	}
	m := c.meta.clone()
	m.Partitions = nil
	if len(capacities) > 1 {
		m.Partitions = slices.Clone(capacities)
	}
	m.Usage.Formats++
	if err := beginFormat(c.dir, m); err != nil {
		return err
	}
	step("begun")
	err := dropAll(c.tapes)
	c.meta, c.metaDirty = m, false
	if err = errors.Join(err, finishFormat(c.dir, m)); err == nil {
		c.tapes, err = c.openTapes()
	}
	if err != nil {
		err = fmt.Errorf("format %s: %w", c.dir, err)
		c.tapes = c.blankTapes(err)
		return err
	}
	return nil
}

// beginFormat writes format.json. When it fails there is none.
func beginFormat(dir string, m Meta) error {
	data, err := encodeMeta(m)
	if err != nil {
		return errcode.New(errcode.Internal, dir, "format: %w", err)
	}
	path := filepath.Join(dir, formatName)
	if err := state.WriteFile(path, data, filePerm); err != nil {
		return errors.Join(err, removeFile(path))
	}
	return nil
}

// formatting says whether a format was begun and not finished.
func formatting(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, formatName))
	return err == nil
}

// finishFormat does what follows format.json, of which m is the content; without one it does nothing.
func finishFormat(dir string, m Meta) error {
	if !formatting(dir) {
		return nil
	}
	for n := range MaxPartitions {
		if err := blankPartition(dir, n, n < m.partitions()); err != nil {
			return err
		}
	}
	if err := state.SyncDir(dir); err != nil {
		return err
	}
	step("blank")
	if err := os.Rename(filepath.Join(dir, formatName), filepath.Join(dir, metaName)); err != nil {
		return err
	}
	step("done")
	return state.SyncDir(dir)
}

// blankPartition empties partition n, or removes it when it is not to exist.
func blankPartition(dir string, n int, exists bool) error {
	for _, name := range []string{indexName, crcName} {
		if err := removeFile(filepath.Join(dir, sidecarName(name, n))); err != nil {
			return err
		}
		step(name)
	}
	path := filepath.Join(dir, dataFile(n))
	if !exists {
		return removeFile(path)
	}
	if err := emptyFile(path); err != nil {
		return err
	}
	step("partition")
	return nil
}

// emptyFile makes path an empty file, durably.
func emptyFile(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, filePerm)
	if err != nil {
		return err
	}
	return errors.Join(dataSync(f), f.Close())
}

func removeFile(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
