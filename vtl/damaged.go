package vtl

import (
	"errors"
	"io/fs"

	"calypso/sys/errcode"
	"calypso/vtl/ssc"
)

// damagedCartridge is the cartridge in a drive whose image cannot be opened: the drive does not become ready with it,
// and the robot can take it out.
type damagedCartridge struct {
	barcode string
	cause   error
}

// Meta tells of no generation, which no drive can read.
func (m damagedCartridge) Meta() ssc.Meta                { return ssc.Meta{Barcode: m.barcode} }
func (m damagedCartridge) SetMeta(func(*ssc.Meta)) error { return m.cause }
func (m damagedCartridge) Format([]int64) error          { return m.cause }
func (m damagedCartridge) Sync() error                   { return nil }
func (m damagedCartridge) Partitions() int               { return 0 }
func (m damagedCartridge) Partition(int) ssc.Partition   { return nil }

// isDamage says whether an error of openTape is one of that cartridge alone: not of the disk that all are on.
func (l *Library) isDamage(err error) bool {
	switch errcode.Of(err) {
	case errcode.ImageDamaged, errcode.ImageNewer:
		return true
	}
	return errors.Is(err, fs.ErrNotExist) && l.hasImages()
}
