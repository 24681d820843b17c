package image

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"calypso/sys/state"
)

const (
	dirPerm  = 0o750
	filePerm = 0o640
)

// Spec says what cartridge to make.
type Spec struct {
	Barcode       string
	Generation    string // a Name of Generations, or that of Universal: a cleaning cartridge
	CapacityBytes int64  // 0: the native capacity of the generation
	WORM          bool
}

// Create makes the directory dir with a blank cartridge in it. Nothing is made durable: the caller
// syncs the file system once for all cartridges it makes. dir must not exist, its parent must.
func Create(dir string, s Spec) error {
	m, err := newMeta(s, time.Now())
	if err != nil {
		return err
	}
	data, err := encodeMeta(m)
	if err != nil {
		return err
	}
	if err := os.Mkdir(dir, dirPerm); err != nil {
		return err
	}
	err = errors.Join(
		writeNew(filepath.Join(dir, dataName), nil),
		writeNew(filepath.Join(dir, metaName), data),
	)
	if err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	return nil
}

func writeNew(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, filePerm)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

// mediumSerial is unlike any other cartridge's, also that of one made again with the same barcode:
// catalogs tell cartridges apart by it.
func mediumSerial() string {
	var b [5]byte
	_, _ = rand.Read(b[:]) // never fails (Go 1.24)
	return strings.ToUpper(hex.EncodeToString(b[:]))
}

// writeFile is a variable so that the tests can have a full disk.
var writeFile = state.WriteFile

func writeMeta(dir string, m Meta) error {
	data, err := encodeMeta(m)
	if err != nil {
		return err
	}
	name := metaName
	if formatting(dir) { // one that failed half-way: that file is the memory then
		name = formatName
	}
	return writeFile(filepath.Join(dir, name), data, filePerm)
}

// UsedBytes is how much of the cartridge in dir is written, without opening it: the size of its
// partitions' files. With an error it is that of those that are there; fs.ErrNotExist: the first is missing, and no
// other error hides one.
func UsedBytes(dir string) (used int64, err error) {
	for n := range MaxPartitions {
		info, e := os.Stat(filepath.Join(dir, dataFile(n)))
		switch {
		case e == nil:
			used += info.Size()
		case n == 0 || !errors.Is(e, fs.ErrNotExist):
			err = e
		}
	}
	return used, err
}
