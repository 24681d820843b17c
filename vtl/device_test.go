package vtl

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"calypso/sys/errcode"
	"calypso/sys/proc"
	"calypso/tape/scsi"
	"calypso/vtl/image"
)

func openDrive(t testing.TB, s *Store, n int) Device {
	t.Helper()
	d, err := s.OpenDrive(background, "vtl01", n)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func openChanger(t testing.TB, s *Store) Device {
	t.Helper()
	c, err := s.OpenChanger(background, "vtl01")
	if err != nil {
		t.Fatal(err)
	}
	settle(t, c)
	return c
}

func closeDevice(t testing.TB, d Device) {
	t.Helper()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}

func exec(d scsi.Transport, cdb []byte, out, in []byte) (int, error) {
	cmd := &scsi.Command{CDB: cdb, DataOut: out, DataIn: in}
	err := d.Exec(context.Background(), cmd)
	return cmd.Transferred, err
}

func ready(d scsi.Transport) error {
	_, err := exec(d, make([]byte, 6), nil, nil)
	return err
}

// settle takes the unit attentions away and gives them.
func settle(t testing.TB, d scsi.Transport) (seen []scsi.ASC) {
	t.Helper()
	for range 10 {
		sense, ok := scsi.SenseOf(ready(d))
		if !ok || sense.Key != scsi.UnitAttention {
			return seen
		}
		seen = append(seen, sense.ASC)
	}
	t.Fatal("no end of unit attentions")
	return nil
}

func moveMedium(c scsi.Transport, from, to Place) error {
	cdb := make([]byte, 12)
	cdb[0] = scsi.OpMoveMedium
	a, b := from.address(), to.address()
	cdb[4], cdb[5], cdb[6], cdb[7] = byte(a>>8), byte(a), byte(b>>8), byte(b)
	_, err := exec(c, cdb, nil, nil)
	return err
}

func mustMove(t testing.TB, s *Store, from, to Place) {
	t.Helper()
	c := openChanger(t, s)
	if err := moveMedium(c, from, to); err != nil {
		t.Fatal(err)
	}
	closeDevice(t, c)
}

func write(t testing.TB, d scsi.Transport, p []byte) {
	t.Helper()
	n := len(p)
	if _, err := exec(d, []byte{scsi.OpWrite6, 0, byte(n >> 16), byte(n >> 8), byte(n), 0}, p, nil); err != nil {
		t.Fatal(err)
	}
}

func read(d scsi.Transport, n int) ([]byte, error) {
	buf := make([]byte, n)
	got, err := exec(d, []byte{scsi.OpRead6, 0, byte(n >> 16), byte(n >> 8), byte(n), 0}, nil, buf)
	return buf[:got], err
}

func wantSense(t *testing.T, what string, err error, key scsi.SenseKey, asc scsi.ASC) {
	t.Helper()
	sense, ok := scsi.SenseOf(err)
	if !ok || sense.Key != key || sense.ASC != asc {
		t.Errorf("%s: %v, want %X/%04X", what, err, key, asc)
	}
}

func at(t testing.TB, s *Store, barcode string) Place {
	t.Helper()
	info, err := s.Tape("vtl01", barcode)
	if err != nil {
		t.Fatal(err)
	}
	return info.At
}

func TestPositionSurvivesClose(t *testing.T) {
	s := newStore(t)
	create(t, s, spec("vtl01", 2))
	mustMove(t, s, Place{Slot, 1}, Place{InDrive, 0})
	if got := at(t, s, "V00001L8"); got != (Place{InDrive, 0}) {
		t.Fatalf("the cartridge is at %s", got)
	}
	d := openDrive(t, s, 0)
	settle(t, d)
	write(t, d, []byte("first"))
	write(t, d, []byte("second"))
	if _, err := exec(d, []byte{scsi.OpRewind, 0, 0, 0, 0, 0}, nil, nil); err != nil {
		t.Fatal(err)
	}
	if got, err := read(d, 5); err != nil || string(got) != "first" {
		t.Fatalf("%q, %v", got, err)
	}
	closeDevice(t, d)
	d = openDrive(t, s, 0)
	if seen := settle(t, d); len(seen) != 0 {
		t.Errorf("unit attentions %04X after a clean close", seen)
	}
	if got, err := read(d, 6); err != nil || string(got) != "second" {
		t.Errorf("the position is lost: %q, %v", got, err)
	}
	closeDevice(t, d)
	if info, _ := s.Tape("vtl01", "V00001L8"); !info.Written || info.LoadCount != 1 {
		t.Errorf("%+v", info)
	}
}

// A process that was killed is a power cycle to the next one: beginning of tape, 6/29/00.
func TestKilledProcessIsPowerCycle(t *testing.T) {
	s := newStore(t)
	create(t, s, spec("vtl01", 1))
	mustMove(t, s, Place{Slot, 1}, Place{InDrive, 1})
	d := openDrive(t, s, 1)
	settle(t, d)
	closeDevice(t, d)
	d = openDrive(t, s, 1)
	write(t, d, []byte("first"))
	again := NewStore(s.places) // another process
	d = openDrive(t, again, 1)
	wantSense(t, "after a kill", ready(d), scsi.UnitAttention, 0x2900)
	settle(t, d)
	if got, err := read(d, 5); err != nil || string(got) != "first" {
		t.Errorf("%q, %v", got, err)
	}
	closeDevice(t, d)
}

func TestRebootIsPowerCycle(t *testing.T) {
	s := newStore(t)
	create(t, s, spec("vtl01", 1))
	d := openDrive(t, s, 0)
	settle(t, d)
	closeDevice(t, d)
	path := s.driveFile("vtl01", 0)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, state := range [][]byte{bytes.Replace(data, []byte(proc.BootID()), []byte("another"), 1), []byte("{torn"), nil} {
		if err := os.WriteFile(path, state, 0o600); err != nil {
			t.Fatal(err)
		}
		d := openDrive(t, s, 0)
		wantSense(t, "after a reboot", ready(d), scsi.UnitAttention, 0x2900)
		closeDevice(t, d)
	}
}

func TestMoves(t *testing.T) {
	s := newStore(t)
	create(t, s, spec("vtl01", 2))
	c := openChanger(t, s)
	if err := moveMedium(c, Place{Slot, 1}, Place{InDrive, 0}); err != nil {
		t.Fatal(err)
	}
	d := openDrive(t, s, 0)
	if seen := settle(t, d); len(seen) == 0 {
		t.Error("no unit attention after the load")
	}
	write(t, d, []byte("data"))

	prevent := []byte{scsi.OpPreventAllow, 0, 0, 0, 1, 0}
	if _, err := exec(d, prevent, nil, nil); err != nil {
		t.Fatal(err)
	}
	wantSense(t, "prevented", moveMedium(c, Place{InDrive, 0}, Place{Slot, 5}), scsi.IllegalRequest, 0x5302)
	if got := at(t, s, "V00001L8"); got != (Place{InDrive, 0}) {
		t.Errorf("prevented, and yet at %s", got)
	}
	prevent[4] = 0
	if _, err := exec(d, prevent, nil, nil); err != nil {
		t.Fatal(err)
	}

	// Loaded but not prevented: the library unloads it itself.
	if err := moveMedium(c, Place{InDrive, 0}, Place{InDrive, 1}); err != nil {
		t.Fatal(err)
	}
	wantSense(t, "empty drive", ready(d), scsi.NotReady, 0x3A00)
	info, _ := s.Tape("vtl01", "V00001L8")
	if info.At != (Place{InDrive, 1}) || info.Home != (Place{Slot, 1}) || info.LoadCount != 2 || info.UsedBytes != 12 {
		t.Errorf("%+v", info)
	}
	wantSense(t, "from an empty slot", moveMedium(c, Place{Slot, 1}, Place{Slot, 3}), scsi.IllegalRequest, 0x3B0E)
	wantSense(t, "to a full drive", moveMedium(c, Place{Slot, 2}, Place{InDrive, 1}), scsi.IllegalRequest, 0x3B0D)
	if err := moveMedium(c, Place{InDrive, 1}, Place{Slot, 5}); err != nil {
		t.Fatal(err)
	}
	closeDevice(t, d)
	closeDevice(t, c)
	wantCode(t, "two at once", func() error {
		d := openDrive(t, s, 0)
		defer closeDevice(t, d)
		_, err := s.OpenDrive(background, "vtl01", 0)
		return err
	}(), errcode.DeviceBusy)
	_, err := s.OpenDrive(background, "vtl01", 2)
	wantCode(t, "no such drive", err, errcode.DriveNotFound)
}

// A move that cannot be recorded is undone: the drive has its cartridge again.
func TestMoveThatFailsIsUndone(t *testing.T) {
	s := newStore(t)
	create(t, s, spec("vtl01", 1))
	mustMove(t, s, Place{Slot, 1}, Place{InDrive, 0})
	path := s.yamlFile("vtl01")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, to := range []Place{{Slot, 5}, {InDrive, 1}} {
		c := openChanger(t, s)
		source, target := openDrive(t, s, 0), openDrive(t, s, 1)
		settle(t, source)
		step = func(string) { _ = os.WriteFile(path, []byte("{"), 0o600) }
		err = moveMedium(c, Place{InDrive, 0}, to)
		step = func(string) {}
		if err == nil || errcode.Of(err) != errcode.StateInvalid {
			t.Errorf("to %s: %v", to, err)
		}
		if err := os.WriteFile(path, good, 0o600); err != nil {
			t.Fatal(err)
		}
		settle(t, source)
		settle(t, target)
		if err := ready(source); err != nil {
			t.Errorf("to %s: the cartridge is not in its drive again: %v", to, err)
		}
		wantSense(t, "target", ready(target), scsi.NotReady, 0x3A00)
		for _, d := range []Device{source, target, c} {
			closeDevice(t, d)
		}
	}
}

// A cartridge whose image cannot be closed well goes back into its drive.
func TestRemoveThatFailsIsUndone(t *testing.T) {
	s := newStore(t)
	create(t, s, spec("vtl01", 1))
	mustMove(t, s, Place{Slot, 1}, Place{InDrive, 0})
	d, c := openDrive(t, s, 0), openChanger(t, s)
	settle(t, d)
	if err := d.(*Drive).tape.Close(); err != nil { // so that the next one fails
		t.Fatal(err)
	}
	if err := moveMedium(c, Place{InDrive, 0}, Place{Slot, 1}); !errors.Is(err, os.ErrClosed) {
		t.Errorf("MOVE MEDIUM = %v; want that the file was closed", err)
	}
	settle(t, d)
	if err := ready(d); err != nil || at(t, s, "V00001L8") != (Place{InDrive, 0}) {
		t.Errorf("ready: %v, the cartridge is at %s; want it in the drive", err, at(t, s, "V00001L8"))
	}
	if err := moveMedium(c, Place{InDrive, 0}, Place{Slot, 1}); err != nil {
		t.Error(err)
	}
	closeDevice(t, d)
	closeDevice(t, c)
}

func TestUnfitCartridgeStays(t *testing.T) {
	s := newStore(t)
	create(t, s, spec("vtl01", 1))
	if _, err := s.AddTape(background, "vtl01", TapeSpec{Barcode: "X00001L9"}); err != nil {
		t.Fatal(err)
	}
	c := openChanger(t, s)
	err := moveMedium(c, Place{Slot, 2}, Place{InDrive, 0})
	closeDevice(t, c)
	if sense, ok := scsi.SenseOf(err); !ok || sense.Key != scsi.IllegalRequest || errcode.Of(err) != errcode.MediaIncompatible {
		t.Errorf("%v", err)
	}
	if got := at(t, s, "X00001L9"); got != (Place{Slot, 2}) {
		t.Errorf("it is at %s", got)
	}
}

// A cartridge whose image cannot be opened stays where it is, and the library stays usable.
func TestBrokenCartridgeStays(t *testing.T) {
	s := newStore(t)
	l := create(t, s, spec("vtl01", 2))
	if err := os.Remove(filepath.Join(l.tapeDir("V00001L8"), "meta.json")); err != nil {
		t.Fatal(err)
	}
	// V00002L8's directory holds another cartridge.
	err := image.UpdateMeta(l.tapeDir("V00002L8"), func(m *image.Meta) { m.Barcode = "V00009L8" })
	if err != nil {
		t.Fatal(err)
	}
	c := openChanger(t, s)
	for n, code := range map[int]string{1: "V00001L8", 2: "V00002L8"} {
		if err := moveMedium(c, Place{Slot, n}, Place{InDrive, 0}); errcode.Of(err) != errcode.ImageDamaged || !errors.Is(err, image.ErrDamaged) && n == 1 {
			t.Errorf("%s: %v", code, err)
		}
		if got := at(t, s, code); got != (Place{Slot, n}) {
			t.Errorf("%s is at %s", code, got)
		}
	}
	closeDevice(t, c)
	closeDevice(t, openDrive(t, s, 0))
}

// A cartridge that cannot be used any more does not stay in its drive for ever: the drive is not ready, says why to
// who asks it directly, and the robot takes the cartridge out. The disk of all of them is another matter.
func TestBrokenCartridgeLeavesItsDrive(t *testing.T) {
	for name, breakIt := range map[string]func(dir string) error{
		"memory": func(dir string) error { return os.WriteFile(filepath.Join(dir, "meta.json"), []byte("{"), 0o600) },
		"newer": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "meta.json"), []byte(`{"schema_version":99}`), 0o600)
		},
		"data":    func(dir string) error { return os.Remove(filepath.Join(dir, "partition-0.tap")) },
		"removed": os.RemoveAll,
	} {
		s := newStore(t)
		l := create(t, s, spec("vtl01", 2))
		mustMove(t, s, Place{Slot, 1}, Place{InDrive, 0})
		if err := breakIt(l.tapeDir("V00001L8")); err != nil {
			t.Fatal(err)
		}
		if _, err := s.OpenDrive(background, "vtl01", 0); err == nil {
			t.Errorf("%s: opened", name)
		}
		if _, err := s.ObserveDrive(background, "vtl01", 0); err == nil {
			t.Errorf("%s: observed", name)
		}
		mustMove(t, s, Place{InDrive, 0}, Place{Slot, 1})
		mustMove(t, s, Place{Slot, 2}, Place{InDrive, 0})
		closeDevice(t, openDrive(t, s, 0))
		if err := os.Rename(l.tapesDir(), l.tapesDir()+"-unmounted"); err != nil {
			t.Fatal(err)
		}
		c := openChanger(t, s)
		settle(t, c)
		if err := moveMedium(c, Place{InDrive, 0}, Place{Slot, 2}); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s, all images gone: MOVE MEDIUM = %v; want that they are not there", name, err)
		}
		closeDevice(t, c)
	}
}

// Behind the kernel the drive with a cartridge that cannot be used answers whatever it is asked.
func TestServedDriveWithBrokenCartridge(t *testing.T) {
	s := newStore(t)
	l := create(t, s, spec("vtl01", 1))
	mustMove(t, s, Place{Slot, 1}, Place{InDrive, 0})
	if err := os.Remove(filepath.Join(l.tapeDir("V00001L8"), "meta.json")); err != nil {
		t.Fatal(err)
	}
	var told []string
	v := &Service{Library: l, store: s, report: func(unit string, err error) { told = append(told, unit+": "+err.Error()) }}
	if err := v.open(background, 0); err != nil {
		t.Fatal(err)
	}
	if len(told) != 1 || !strings.Contains(told[0], "vtl01-drive-0: cartridge V00001L8") {
		t.Errorf("told %q; want of the cartridge", told)
	}
	changer, drive := v.devices[0], v.devices[1]
	settle(t, changer)
	settle(t, drive)
	wantSense(t, "TEST UNIT READY", ready(drive), scsi.NotReady, 0x3000)
	for opcode := range 256 {
		for action := range 32 {
			cdb := make([]byte, 16)
			cdb[0], cdb[1] = byte(opcode), byte(action)
			for _, n := range []int{6, 10, 12, 16} {
				_, _ = exec(drive, cdb[:n], make([]byte, 64), make([]byte, 4096))
			}
		}
	}
	for page := range 64 {
		_, _ = exec(drive, []byte{0x4D, 0, byte(0x40 | page), 0, 0, 0, 0, 0x10, 0, 0}, nil, make([]byte, 4096))
		_, _ = exec(drive, []byte{0x5A, 0, byte(page), 0xFF, 0, 0, 0, 0x10, 0, 0}, nil, make([]byte, 4096))
	}
	settle(t, changer)
	if err := moveMedium(changer, Place{InDrive, 0}, Place{Slot, 1}); err != nil {
		t.Errorf("MOVE MEDIUM: %v", err)
	}
	settle(t, drive)
	wantSense(t, "without it", ready(drive), scsi.NotReady, 0x3A00)
	closeDevice(t, drive)
	closeDevice(t, changer)
}

func TestObserveLeavesNoTrace(t *testing.T) {
	s := newStore(t)
	create(t, s, spec("vtl01", 2))
	mustMove(t, s, Place{Slot, 1}, Place{InDrive, 0})
	used := openDrive(t, s, 0)
	settle(t, used)
	closeDevice(t, used)
	used = openDrive(t, s, 0)
	write(t, used, []byte("data"))
	before := files(t, s)
	d, err := s.ObserveDrive(background, "vtl01", 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := ready(d); err != nil {
		t.Errorf("a drive that is in use looks as after a power cycle: %v", err)
	}
	if _, err := exec(d, []byte{scsi.OpWrite6, 0, 0, 0, 1, 0}, []byte("x"), nil); err == nil {
		t.Error("an observer can write")
	}
	closeDevice(t, d)
	c, err := s.ObserveChanger(background, "vtl01")
	if err != nil {
		t.Fatal(err)
	}
	settle(t, c)
	if err := moveMedium(c, Place{Slot, 2}, Place{Slot, 3}); err == nil {
		t.Error("an observer can move")
	}
	closeDevice(t, c)
	if diff := cmp.Diff(before, files(t, s)); diff != "" {
		t.Error(diff)
	}
	write(t, used, []byte("more"))
	closeDevice(t, used)
	// Also without a run directory.
	if err := os.RemoveAll(s.places.RunDir); err != nil {
		t.Fatal(err)
	}
	d, err = s.ObserveDrive(background, "vtl01", 0)
	if err != nil {
		t.Fatal(err)
	}
	closeDevice(t, d)
	if _, err := os.Stat(s.places.RunDir); !os.IsNotExist(err) {
		t.Error("the observer made the run directory")
	}
}

func TestHostLearnsOfNewTape(t *testing.T) {
	s := newStore(t)
	create(t, s, spec("vtl01", 1))
	closeDevice(t, openChanger(t, s))
	if _, err := s.AddTape(background, "vtl01", TapeSpec{Barcode: "X00001L8", IOSlot: 1}); err != nil {
		t.Fatal(err)
	}
	c, err := s.OpenChanger(background, "vtl01")
	if err != nil {
		t.Fatal(err)
	}
	defer closeDevice(t, c)
	if seen := settle(t, c); !cmp.Equal(seen, []scsi.ASC{0x2801}) {
		t.Errorf("unit attentions %04X", seen)
	}
}

func TestRemoveTapeInDrive(t *testing.T) {
	s := newStore(t)
	create(t, s, spec("vtl01", 1))
	mustMove(t, s, Place{Slot, 1}, Place{InDrive, 0})
	wantCode(t, "remove", s.RemoveTape(background, "vtl01", "V00001L8", true), errcode.DeviceBusy)
	wantCode(t, "protect", s.Protect(background, "vtl01", "V00001L8", true), errcode.DeviceBusy)
}
