package vtl

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"calypso/sys/errcode"
)

// What a library's drives remembered and the faults set on them go with it: another of its name begins new.
func TestDeleteForgetsWhatDrivesKnew(t *testing.T) {
	s := newStore(t)
	create(t, s, spec("vtl01", 1))
	left := []string{filepath.Join(s.runDir("vtl01"), "drive-0"), s.faultFile("vtl01")}
	for _, path := range left {
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o750), os.WriteFile(path, []byte("x"), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Delete(background, "vtl01", false); err != nil {
		t.Fatal(err)
	}
	for _, path := range left {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is still there: %v", path, err)
		}
	}
}

// The file of one library under the name of another changes nothing of either.
func TestUpdateOfAnotherLibrarysFile(t *testing.T) {
	s := newStore(t)
	create(t, s, spec("vtl01", 1))
	if err := os.Rename(s.yamlFile("vtl01"), s.yamlFile("vtl02")); err != nil {
		t.Fatal(err)
	}
	err := s.update(background, "vtl02", func(*Library) error { t.Error("changed"); return nil })
	wantCode(t, "update", err, errcode.StateInvalid)
	if err := os.Rename(s.yamlFile("vtl02"), s.yamlFile("vtl01")); err != nil {
		t.Fatal(err)
	}
	err = s.update(background, "vtl01", func(l *Library) error { l.Cartridges = append(l.Cartridges, l.Cartridges[0]); return nil })
	wantCode(t, "update to two of one barcode", err, errcode.StateInvalid)
	if l, err := s.Get("vtl01"); err != nil || len(l.Cartridges) != 1 {
		t.Errorf("%+v, %v; want it as before", l, err)
	}
}
