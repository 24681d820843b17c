package image

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"calypso/sys/errcode"
)

// openTape opens partition n of the cartridge in dir. With a valid index no data is read; else the
// words of the file are walked from the last place that the index is right about. A record that a
// killed writer left incomplete at the end is cut off, or ignored when readonly. Damage is not an
// error of openTape but of reading the place: see Damaged.
func openTape(dir string, n int, memory *memory, readonly bool) (*Tape, error) {
	t := &Tape{memory: memory, number: n, capacity: memory.meta.capacityOf(n), dir: dir,
		path: filepath.Join(dir, dataFile(n)), readonly: readonly}
	err := t.openData()
	if err != nil {
		return nil, err
	}
	if t.crc, err = openCRC(t.file(crcName), readonly); err == nil {
		err = t.orient()
	}
	if err != nil {
		return nil, errors.Join(err, t.drop())
	}
	return t, nil
}

func (t *Tape) openData() error {
	// A FIFO in the place of the file would hang the open.
	info, err := os.Stat(t.path)
	if errors.Is(err, fs.ErrNotExist) {
		return errcode.New(errcode.ImageDamaged, t.path, "the data is missing: %w", ErrDamaged)
	}
	if err == nil && !info.Mode().IsRegular() {
		return errcode.New(errcode.ImageDamaged, t.path, "not a regular file: %w", ErrDamaged)
	}
	if err != nil {
		return err
	}
	flag := os.O_RDWR
	if t.readonly {
		flag = os.O_RDONLY
	}
	if t.f, err = os.OpenFile(t.path, flag, 0); err != nil {
		return err
	}
	t.words = words{f: t.f, last: -nearBytes}
	return nil
}

// orient finds out what is on the tape.
func (t *Tape) orient() error {
	info, err := t.f.Stat()
	if err != nil {
		return err
	}
	t.size = info.Size()
	x := loadIndex(t.file(indexName))
	if x != nil {
		t.saved = extent{x.chain.objects, x.chain.end}
	}
	used := true
	if x != nil && x.describes(info) {
		t.chain = x.chain
	} else if used, err = t.rebuild(x); err != nil {
		return err
	}
	if t.readonly || t.broken != nil {
		return nil
	}
	return t.settle(used)
}

func (x *index) describes(info fs.FileInfo) bool {
	return x.size == info.Size() && x.mtime == info.ModTime().UnixNano() && x.chain.end <= x.size
}

// settle brings the files in line with what was found, before anything is written. used says whether
// the index on disk is right as far as it goes.
func (t *Tape) settle(used bool) error {
	if t.torn {
		if err := t.f.Truncate(t.chain.end); err != nil {
			return fmt.Errorf("cut off the incomplete last record of %s: %w", t.path, err)
		}
		t.size, t.torn, t.dirty = t.chain.end, false, true
	}
	if !used && t.saved != (extent{}) || t.saved.objects > t.chain.objects {
		if err := t.dropIndex(); err != nil {
			return err
		}
	}
	return t.crc.align(t.chain.objects)
}
