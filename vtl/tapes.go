package vtl

import (
	"errors"
	"io/fs"
	"os"

	"calypso/sys/errcode"
	"calypso/vtl/image"
)

// TapeInfo is a cartridge as a list shows it.
type TapeInfo struct {
	Barcode        string
	Generation     string
	WORM           bool
	Location       string // "slot 3", "vtl01:0" for a drive, "io slot 1"
	At, Home       Place
	CapacityBytes  int64
	UsedBytes      int64
	Written        bool // or that cannot be told
	WriteProtected bool
	LoadCount      int64
	MediumSerial   string
	Cleaning       bool
	CleaningsLeft  int64 // of a cleaning cartridge
	Problem        error // the cartridge cannot be used: what its memory holds is not known, and zero here
}

func (i *TapeInfo) setPlace(library string, at, home Place) {
	i.At, i.Home, i.Location = at, home, at.Words(library)
}

// Tapes lists the cartridges of a library in the order of its file. It takes no lock and opens no tape.
// A cartridge that is damaged is no error: it has to be seen to be removed.
func (s *Store) Tapes(name string) ([]TapeInfo, error) {
	l, err := s.Get(name)
	if err != nil {
		return nil, err
	}
	infos := make([]TapeInfo, len(l.Cartridges))
	for i, c := range l.Cartridges {
		infos[i] = l.tapeInfo(c)
	}
	return infos, nil
}

// Tape gives one cartridge. Errors: those of Get, errcode.BarcodeNotFound.
func (s *Store) Tape(library, barcode string) (TapeInfo, error) {
	l, err := s.Get(library)
	if err != nil {
		return TapeInfo{}, err
	}
	c, ok := l.Find(barcode)
	if !ok {
		return TapeInfo{}, errcode.New(errcode.BarcodeNotFound, shorten(barcode), "not in library %s", library)
	}
	return l.tapeInfo(*c), nil
}

func (l *Library) tapeInfo(c Cartridge) TapeInfo {
	generation, worm, _ := CheckBarcode(c.Barcode)
	info := TapeInfo{Barcode: c.Barcode, Generation: generation.Name, WORM: worm, Cleaning: IsCleaning(c.Barcode)}
	info.setPlace(l.Name, c.At, c.Home)
	info.UsedBytes, info.Problem = image.UsedBytes(l.tapeDir(c.Barcode))
	info.Written = info.UsedBytes > 0 || !l.knowsUsed(info.Problem)
	m, err := image.ReadMeta(l.tapeDir(c.Barcode))
	if err != nil {
		info.Problem = err
		return info
	}
	info.CapacityBytes, info.WriteProtected, info.WORM = m.CapacityBytes, m.WriteProtect, m.WORM
	info.LoadCount, info.MediumSerial = m.LoadCount, m.MediumSerial
	info.Cleaning, info.CleaningsLeft = m.Cleaning, m.CleaningsLeft
	return info
}

// knowsUsed says whether what image.UsedBytes gave with this error is all that there is: it is not where files cannot
// be seen, perhaps because the file system of all images is not mounted.
func (l *Library) knowsUsed(err error) bool {
	return err == nil || errors.Is(err, fs.ErrNotExist) && l.hasImages()
}

// hasImages says whether the directory of the images is there.
func (l *Library) hasImages() bool {
	_, err := os.Stat(l.tapesDir())
	return err == nil
}
