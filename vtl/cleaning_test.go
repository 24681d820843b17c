package vtl

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"calypso/sys/errcode"
	"calypso/tape/scsi"
	"calypso/vtl/smc"
)

func new51() *int {
	n := 51
	return &n
}

func addTape(t *testing.T, s *Store, spec TapeSpec) TapeInfo {
	t.Helper()
	info, err := s.AddTape(background, "vtl01", spec)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func TestCleaningCartridgeInLibrary(t *testing.T) {
	s := newStore(t)
	create(t, s, spec("vtl01", 1))
	one := 1
	info := addTape(t, s, TapeSpec{Barcode: "CLNU01CU", Cleanings: &one})
	if !info.Cleaning || info.CleaningsLeft != 1 || info.CapacityBytes != 0 || info.Generation != "universal" {
		t.Errorf("added %+v", info)
	}
	addTape(t, s, TapeSpec{Barcode: "CLN001L5"})
	if info, _ := s.Tape("vtl01", "CLN001L5"); info.CleaningsLeft != 50 || info.Problem != nil {
		t.Errorf("a new one: %+v", info)
	}
	c := openChanger(t, s)
	defer closeDevice(t, c)
	if e, _ := c.(*Changer).server.Inventory().Element(smc.FirstStorage + 1); e.Medium != smc.CleaningMedium {
		t.Errorf("element %+v, want a cleaning cartridge", e)
	}
	for i, asc := range []scsi.ASC{0x3003, 0x3007} {
		if err := moveMedium(c, Place{Slot, 2}, Place{InDrive, 0}); err != nil {
			t.Fatal(err)
		}
		d := openDrive(t, s, 0)
		settle(t, d)
		wantSense(t, "loaded", ready(d), scsi.NotReady, asc)
		closeDevice(t, d)
		if err := moveMedium(c, Place{InDrive, 0}, Place{Slot, 2}); err != nil {
			t.Fatal(err)
		}
		if info, _ := s.Tape("vtl01", "CLNU01CU"); info.CleaningsLeft != 0 || info.LoadCount != int64(i+1) {
			t.Errorf("after load %d: %+v", i+1, info)
		}
	}
	// An LTO-5 one cleans an LTO-8 drive.
	if err := moveMedium(c, Place{Slot, 3}, Place{InDrive, 1}); err != nil {
		t.Fatal(err)
	}
	if info, _ := s.Tape("vtl01", "CLN001L5"); info.CleaningsLeft != 49 {
		t.Errorf("after a cleaning: %+v", info)
	}
}

func exchangeMedium(c scsi.Transport, from, first, second Place) error {
	a, b, e := from.address(), first.address(), second.address()
	_, err := exec(c, []byte{0xA6, 0, 0, 0, byte(a >> 8), byte(a), byte(b >> 8), byte(b), byte(e >> 8), byte(e), 0, 0}, nil, nil)
	return err
}

func TestExchange(t *testing.T) {
	s := newStore(t)
	create(t, s, spec("vtl01", 3))
	mustMove(t, s, Place{Slot, 1}, Place{InDrive, 0})
	c := openChanger(t, s)
	d := openDrive(t, s, 0)
	settle(t, d)
	write(t, d, []byte("one"))
	if err := exchangeMedium(c, Place{Slot, 2}, Place{InDrive, 0}, Place{Slot, 2}); err != nil {
		t.Fatal(err)
	}
	if seen := settle(t, d); len(seen) == 0 {
		t.Error("no unit attention after the exchange")
	}
	write(t, d, []byte("two"))
	// Drive with drive: each gives one and takes one.
	if err := moveMedium(c, Place{Slot, 3}, Place{InDrive, 1}); err != nil {
		t.Fatal(err)
	}
	if err := exchangeMedium(c, Place{InDrive, 1}, Place{InDrive, 0}, Place{InDrive, 1}); err != nil {
		t.Fatal(err)
	}
	closeDevice(t, d)
	closeDevice(t, c)
	type where struct{ At, Home Place }
	got := map[string]where{}
	for _, code := range []string{"V00001L8", "V00002L8", "V00003L8"} {
		info, err := s.Tape("vtl01", code)
		if err != nil {
			t.Fatal(err)
		}
		got[code] = where{info.At, info.Home}
	}
	want := map[string]where{"V00001L8": {Place{Slot, 2}, Place{Slot, 1}}, "V00002L8": {Place{InDrive, 1}, Place{Slot, 2}}, "V00003L8": {Place{InDrive, 0}, Place{Slot, 3}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	d = openDrive(t, s, 1)
	settle(t, d)
	if _, err := exec(d, []byte{scsi.OpRewind, 0, 0, 0, 0, 0}, nil, nil); err != nil {
		t.Fatal(err)
	}
	if data, err := read(d, 3); err != nil || string(data) != "two" {
		t.Errorf("drive 1 reads %q, %v; want what V00002L8 has", data, err)
	}
	closeDevice(t, d)
}

// An exchange that fails leaves both cartridges where they were, whatever it was that failed.
func TestExchangeThatFailsIsUndone(t *testing.T) {
	s := newStore(t)
	create(t, s, spec("vtl01", 2))
	addTape(t, s, TapeSpec{Barcode: "X00001L9"})
	mustMove(t, s, Place{Slot, 1}, Place{InDrive, 0})
	mustMove(t, s, Place{Slot, 2}, Place{InDrive, 1})
	c, d, e := openChanger(t, s), openDrive(t, s, 0), openDrive(t, s, 1)
	defer closeDevice(t, c)
	defer closeDevice(t, d)
	defer closeDevice(t, e)
	unmoved := func(what string) {
		t.Helper()
		if a, b := at(t, s, "V00001L8"), at(t, s, "V00002L8"); a != (Place{InDrive, 0}) || b != (Place{InDrive, 1}) {
			t.Errorf("%s: the cartridges are at %s and %s", what, a, b)
		}
		for _, drive := range []Device{d, e} {
			settle(t, drive)
			if err := ready(drive); err != nil {
				t.Errorf("%s: %v", what, err)
			}
		}
	}
	err := exchangeMedium(c, Place{Slot, 3}, Place{InDrive, 0}, Place{Slot, 3})
	if errcode.Of(err) != errcode.MediaIncompatible {
		t.Errorf("an LTO-9 cartridge for an LTO-8 drive: %v", err)
	}
	unmoved("incompatible")
	prevent := []byte{scsi.OpPreventAllow, 0, 0, 0, 1, 0}
	if _, err := exec(e, prevent, nil, nil); err != nil {
		t.Fatal(err)
	}
	wantSense(t, "prevented", exchangeMedium(c, Place{InDrive, 0}, Place{InDrive, 1}, Place{InDrive, 0}), scsi.IllegalRequest, 0x5302)
	unmoved("prevented")
	prevent[4] = 0
	if _, err := exec(e, prevent, nil, nil); err != nil {
		t.Fatal(err)
	}
	path := s.yamlFile("vtl01")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	step = func(string) { _ = os.WriteFile(path, []byte("{"), 0o600) }
	err = exchangeMedium(c, Place{InDrive, 0}, Place{InDrive, 1}, Place{InDrive, 0})
	step = func(string) {}
	if errcode.Of(err) != errcode.StateInvalid {
		t.Errorf("not recorded: %v", err)
	}
	if err := os.WriteFile(path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	unmoved("not recorded")
}

func TestDoorOfLibrary(t *testing.T) {
	s := newStore(t)
	create(t, s, spec("vtl01", 1))
	c := openChanger(t, s)
	if _, err := exec(c, []byte{scsi.OpPreventAllow, 0, 0, 0, 1, 0}, nil, nil); err != nil {
		t.Fatal(err)
	}
	closeDevice(t, c)
	wantCode(t, "locked", s.Door(background, "vtl01", true), errcode.RemovalPrevented)
	_, err := s.AddTape(background, "vtl01", TapeSpec{Barcode: "X00001L8", IOSlot: 1})
	wantCode(t, "locked", err, errcode.RemovalPrevented)
	c = openChanger(t, s)
	if _, err := exec(c, []byte{scsi.OpPreventAllow, 0, 0, 0, 0, 0}, nil, nil); err != nil {
		t.Fatal(err)
	}
	closeDevice(t, c)
	if err := s.Door(background, "vtl01", true); err != nil || !s.DoorOpen("vtl01") {
		t.Fatalf("open = %v", err)
	}
	addTape(t, s, TapeSpec{Barcode: "X00001L8", IOSlot: 1})
	c, err = s.OpenChanger(background, "vtl01")
	if err != nil {
		t.Fatal(err)
	}
	if seen := settle(t, c); len(seen) != 0 {
		t.Errorf("unit attentions %04X while the door is open", seen)
	}
	wantSense(t, "behind the door", moveMedium(c, Place{MailSlot, 1}, Place{Slot, 5}), scsi.IllegalRequest, 0x3B11)
	closeDevice(t, c)
	if err := s.Door(background, "vtl01", false); err != nil || s.DoorOpen("vtl01") {
		t.Fatalf("close = %v", err)
	}
	c, err = s.OpenChanger(background, "vtl01")
	if err != nil {
		t.Fatal(err)
	}
	if seen := settle(t, c); !cmp.Equal(seen, []scsi.ASC{0x2801}) {
		t.Errorf("unit attentions %04X", seen)
	}
	if err := moveMedium(c, Place{MailSlot, 1}, Place{Slot, 5}); err != nil {
		t.Error(err)
	}
	closeDevice(t, c)
	small := spec("vtl02", 0)
	small.IOSlots = 0
	create(t, s, small)
	wantCode(t, "no door", s.Door(background, "vtl02", true), errcode.SlotNotFound)
}
