package image

import (
	"errors"
	"fmt"

	"calypso/sys/errcode"
)

// What the methods of a Tape answer beside failures of the file system. Test with errors.Is.
var (
	// ErrDamaged is a medium error: the place cannot be read, its neighbours may.
	ErrDamaged = errors.New("image damaged")
	// ErrEndOfData is a read at or an address behind the end of data.
	ErrEndOfData = errors.New("end of data")
	// ErrFilemark is a ReadBlock at a filemark.
	ErrFilemark = errors.New("filemark")
	// ErrFull is a write that does not fit into the capacity; nothing was written.
	ErrFull = errors.New("end of medium")
	// ErrReadOnly is a change of a tape that was opened for reading.
	ErrReadOnly = errors.New("image opened read-only")
	// ErrBlockLength is a block of no bytes or of more than MaxBlock.
	ErrBlockLength = errors.New("block length out of range")
)

// damage makes an ErrDamaged that names the file, the block and the byte.
func (t *Tape) damage(lba, off int64, format string, args ...any) error {
	return damageAt(t.path, lba, off, format, args...)
}

func damageAt(path string, lba, off int64, format string, args ...any) error {
	why := fmt.Sprintf(format, args...)
	return &errcode.Error{
		Code:   errcode.ImageDamaged,
		Object: path,
		Msg:    fmt.Sprintf("block %d at byte %d: %s", lba, off, why),
		Err:    ErrDamaged,
	}
}
