package vtl

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"calypso/sys/proc"
	"calypso/vtl/ssc"
)

// A drive with a data encryption key keeps it between two commands, as a real one keeps it in its memory. It is in a
// file of its own in the run directory, mode 0600, for as long as no process plays the drive: who opens the drive
// takes the key and removes the file. So a killed process leaves no key, which is what a power cycle does, and an
// observer never reads one.
const (
	keyMagic  = "CALYKEY1" // followed by the keys
	mostKeys  = 16         // that a file is read for
	keyPrefix = len(keyMagic)
)

func (s *Store) keyFile(library string, n int) string {
	return filepath.Join(s.runDir(library), fmt.Sprintf("drive-%d.key", n))
}

// readKeys gives no keys when there is no file, or one that others could have written or read.
func readKeys(path string) []ssc.Secret {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil
	}
	defer f.Close()
	if proc.GuardMemory() != nil { // before it is in memory
		return nil
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 {
		return nil
	}
	var b [keyPrefix + mostKeys*ssc.KeyLength]byte
	defer clear(b[:])
	n, err := io.ReadFull(f, b[:])
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return decodeKeys(b[:n])
}

func decodeKeys(b []byte) []ssc.Secret {
	if len(b) < keyPrefix || string(b[:keyPrefix]) != keyMagic {
		return nil
	}
	keys := make([]ssc.Secret, 0, mostKeys)
	for b = b[keyPrefix:]; len(b) >= ssc.KeyLength; b = b[ssc.KeyLength:] {
		keys = append(keys, ssc.Secret(b[:ssc.KeyLength]))
	}
	return keys
}

// writeKeys makes the file say what keys there are; without any there is no file.
func writeKeys(path string, keys []ssc.Secret) error {
	defer clearKeys(keys)
	if err := eraseKeys(path); err != nil || len(keys) == 0 {
		return err
	}
	b := make([]byte, 0, keyPrefix+len(keys)*ssc.KeyLength)
	b = append(b, keyMagic...)
	for i := range keys {
		b = append(b, keys[i][:]...)
	}
	defer clear(b)
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, eraseKeys(path))
	}
	return nil
}

// eraseKeys overwrites the file before it is removed: a run directory need not be in memory.
func eraseKeys(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		_, err = f.Write(make([]byte, keyPrefix+mostKeys*ssc.KeyLength))
		err = errors.Join(err, f.Sync(), f.Close())
	}
	if removed := os.Remove(path); removed != nil {
		return errors.Join(err, removed)
	}
	return nil // it is gone, overwritten or not
}

func clearKeys(keys []ssc.Secret) {
	for i := range keys {
		keys[i].Clear()
	}
}
