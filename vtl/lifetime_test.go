package vtl

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"calypso/vtl/ssc"
)

// statistic reads a parameter of the device statistics log page, of 4 bytes.
func statistic(t *testing.T, d Device, code byte) int {
	t.Helper()
	in := make([]byte, 255)
	n, err := exec(d, []byte{0x4D, 0, 0x54, 0, 0, 0, code, 0, 255, 0}, nil, in)
	if err != nil || n < 12 || in[5] != code || in[7] != 4 {
		t.Fatalf("parameter %02xh: % x, %v", code, in[:n], err)
	}
	return int(in[8])<<24 | int(in[9])<<16 | int(in[10])<<8 | int(in[11])
}

// TestDriveRemembersItsLife: loads and power cycles are counted over runs, also when the volatile state is
// lost, as in a reboot.
func TestDriveRemembersItsLife(t *testing.T) {
	s := newStore(t)
	l := create(t, s, spec("vtl01", 1))
	for range 2 {
		mustMove(t, s, Place{Slot, 1}, Place{InDrive, 0})
		mustMove(t, s, Place{InDrive, 0}, Place{Slot, 1})
	}
	d := openDrive(t, s, 0)
	settle(t, d)
	if loads, cycles := statistic(t, d, 0x00), statistic(t, d, 0x0C); loads != 2 || cycles != 1 {
		t.Errorf("%d loads, %d power cycles; want 2, 1", loads, cycles)
	}
	closeDevice(t, d)
	if err := os.RemoveAll(s.runDir("vtl01")); err != nil {
		t.Fatal(err)
	}
	d = openDrive(t, s, 0)
	settle(t, d)
	if loads, cycles := statistic(t, d, 0x00), statistic(t, d, 0x0C); loads != 2 || cycles != 2 {
		t.Errorf("after a reboot %d loads, %d power cycles; want 2, 2", loads, cycles)
	}
	closeDevice(t, d)
	other := openDrive(t, s, 1)
	settle(t, other)
	if loads := statistic(t, other, 0x00); loads != 0 {
		t.Errorf("the other drive has %d loads", loads)
	}
	closeDevice(t, other)
	if err := s.Delete(background, "vtl01", true); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(l.dir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after delete the library's directory is still there: %v", err)
	}
}

// TestUnusableLifetime: the drive works, starts anew, says so, and destroys nothing.
func TestUnusableLifetime(t *testing.T) {
	for name, text := range map[string]string{
		"garbage":       "\x00garbage",
		"newer":         `{"schema_version": 99}`,
		"another drive": `{"schema_version": 1, "serial": "OTHER", "lifetime": {"loads": 5}}`,
		"empty":         "",
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			l := create(t, s, spec("vtl01", 0))
			path := l.lifetimePath(0)
			if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
				t.Fatal(err)
			}
			observer, err := s.ObserveDrive(background, "vtl01", 0)
			if err != nil {
				t.Fatal(err)
			}
			closeDevice(t, observer)
			if got, _ := os.ReadFile(path); string(got) != text {
				t.Errorf("an observer wrote %q", got)
			}
			d := openDrive(t, s, 0)
			if err := d.(*Drive).Warning(); err == nil || !strings.Contains(err.Error(), path) {
				t.Errorf("warning = %v", err)
			}
			settle(t, d)
			if loads := statistic(t, d, 0x00); loads != 0 {
				t.Errorf("%d loads", loads)
			}
			closeDevice(t, d)
			if got, err := os.ReadFile(path + ".unusable"); err != nil || string(got) != text {
				t.Errorf("set aside: %q, %v", got, err)
			}
			if _, err := l.readLifetime(0); err != nil {
				t.Errorf("after that: %v", err)
			}
		})
	}
}

func FuzzLifetimeFile(f *testing.F) {
	f.Add([]byte(`{"schema_version": 1, "serial": "S", "lifetime": {"loads": 5, "diagnostics": [{"asc": 4352}]}}`))
	f.Add([]byte(`{"schema_version": 1}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		life, err := decodeLifetime(text, "S")
		if (life == nil) == (err == nil) {
			t.Errorf("decodeLifetime(%q) = %v, %v", text, life, err)
		}
		if life != nil {
			if _, err := ssc.New(ssc.Config{Generation: "LTO-8", Lifetime: life}, nil); err != nil {
				t.Error(err)
			}
		}
	})
}
