package vtl

import (
	"os"
	"testing"
)

// FuzzLibraryFile: what passes the checks of a library's file can be played.
func FuzzLibraryFile(f *testing.F) {
	s := newStore(f)
	create(f, s, spec("vtl01", 2))
	good, err := os.ReadFile(s.yamlFile("vtl01"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte("schema_version: 1\nname: vtl01\n"))
	f.Add([]byte("schema_version: 1\ncartridges: [{barcode: V00001L8, at: slot-1, home: slot-1}]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(s.yamlFile("vtl01"), data, 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := s.Get("vtl01")
		if err != nil {
			return
		}
		if _, err := l.inventory(); err != nil {
			t.Fatal("a library that passed the checks cannot be played: ", err)
		}
		if len(l.Barcodes()) != l.TapeCount() {
			t.Fatal("barcodes are missing")
		}
	})
}

// FuzzDriveState: whatever is in the state file, the drive works.
func FuzzDriveState(f *testing.F) {
	s := newStore(f)
	create(f, s, spec("vtl01", 1))
	mustMove(f, s, Place{Slot, 1}, Place{InDrive, 0})
	path := s.driveFile("vtl01", 0)
	good, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		d := openDrive(t, s, 0)
		for range 100 {
			if ready(d) == nil {
				break
			}
		}
		closeDevice(t, d)
	})
}

func FuzzPlace(f *testing.F) {
	for _, seed := range []string{"slot-1", "drive-0", "io-2", "slot--1", "slot-01", ""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var p Place
		if p.UnmarshalText(data) == nil && p.String() != string(data) {
			t.Fatalf("%q is read as %s", data, p)
		}
	})
}
