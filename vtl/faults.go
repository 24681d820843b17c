package vtl

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"time"

	"calypso/sys/errcode"
	"calypso/vtl/fault"
)

func (s *Store) faultFile(library string) string {
	return filepath.Join(s.places.StateDir, "faults", library+yamlSuffix)
}

// Faults lists the faults that are injected into a library and its drives, oldest first.
func (s *Store) Faults(library string) ([]fault.Fault, error) {
	if _, err := s.Get(library); err != nil {
		return nil, err
	}
	return fault.List(s.faultFile(library))
}

// CheckFault says why a fault cannot be injected: errcode.Usage for what makes no sense, and those of a
// drive, slot or cartridge that the library does not have.
func (s *Store) CheckFault(library string, f fault.Fault) error {
	l, err := s.Get(library)
	if err != nil {
		return err
	}
	if err := f.Check(); err != nil {
		return errcode.New(errcode.Usage, "", "%w", err)
	}
	switch {
	case f.Drive >= 0:
		return l.Has(Place{InDrive, f.Drive})
	case f.Slot > 0:
		return l.Has(Place{Slot, f.Slot})
	case f.Barcode != "":
		if _, there := l.Find(f.Barcode); !there {
			return errcode.New(errcode.BarcodeNotFound, f.Barcode, "no cartridge of library %s has this barcode", library)
		}
	}
	return nil
}

// InjectFault injects a fault; errors of CheckFault.
func (s *Store) InjectFault(ctx context.Context, library string, f fault.Fault) (fault.Fault, error) {
	if err := s.CheckFault(library, f); err != nil {
		return f, err
	}
	return fault.Add(ctx, s.faultFile(library), f, time.Now())
}

// ClearFaults removes faults by their ids and gives them; errcode.FaultNotFound.
func (s *Store) ClearFaults(ctx context.Context, library string, ids []int) ([]fault.Fault, error) {
	list, err := s.Faults(library)
	if err != nil {
		return nil, err
	}
	for _, id := range ids { // no file is made for a library without faults
		if !slices.ContainsFunc(list, func(f fault.Fault) bool { return f.ID == id }) {
			return nil, errcode.New(errcode.FaultNotFound, library, "no injected fault has the id %d", id)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	return fault.Clear(ctx, s.faultFile(library), ids)
}

// liveFaults are those of a drive, or with drive -1 of the changer.
func (s *Store) liveFaults(library string, drive int, observe bool) (*fault.Live, error) {
	return fault.Open(s.faultFile(library), drive, observe)
}

// injectedCause is the injected fault in an error, nil: none.
func injectedCause(err error) *fault.Error {
	var f *fault.Error
	if !errors.As(err, &f) {
		return nil
	}
	return f
}
