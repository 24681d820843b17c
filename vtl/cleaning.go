package vtl

import (
	"calypso/sys/errcode"
	"calypso/vtl/image"
)

// check holds what a new cartridge may be like.
func (spec TapeSpec) check(g image.Generation) error {
	if !IsCleaning(spec.Barcode) {
		if spec.Cleanings != nil {
			return errcode.New(errcode.Usage, spec.Barcode, "only a cleaning cartridge has a number of cleanings")
		}
		return checkTapeSize(spec.Barcode, spec.CapacityBytes, g)
	}
	if spec.CapacityBytes != 0 {
		return errcode.New(errcode.Usage, spec.Barcode, "a cleaning cartridge has no capacity")
	}
	if n := spec.Cleanings; n != nil && (*n < 0 || *n > image.CleaningsNew) {
		return errcode.New(errcode.Usage, spec.Barcode, "%d cleanings are not 0 to %d", *n, image.CleaningsNew)
	}
	return nil
}

// describeCleaning adds what is particular to a cleaning cartridge.
func (spec TapeSpec) describeCleaning(info *TapeInfo) {
	if !IsCleaning(spec.Barcode) {
		return
	}
	info.Cleaning, info.CleaningsLeft = true, image.CleaningsNew
	if spec.Cleanings != nil {
		info.CleaningsLeft = int64(*spec.Cleanings)
	}
}

// useUp makes a new cleaning cartridge one that was in use.
func (spec TapeSpec) useUp(l *Library) error {
	if spec.Cleanings == nil {
		return nil
	}
	return image.UpdateMeta(l.tapeDir(spec.Barcode), func(m *image.Meta) { m.CleaningsLeft = int64(*spec.Cleanings) })
}
