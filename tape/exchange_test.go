package tape

import (
	"strings"
	"testing"

	"calypso/sys/errcode"
	"calypso/tape/scsi"
)

// exchangeRig is a library whose slot 1 and drive 1 are to be exchanged.
func exchangeRig(t *testing.T) (*robot, *Changer, Element, Element) {
	t.Helper()
	r := newRobot()
	c := newTestChanger(r)
	v, err := c.Inventory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	slot, err := v.Find(Slot, 1)
	if err != nil {
		t.Fatal(err)
	}
	bay, err := v.Find(DriveBay, 1)
	if err != nil {
		t.Fatal(err)
	}
	return r, c, slot, bay
}

func TestExchange(t *testing.T) {
	r, c, slot, bay := exchangeRig(t)
	list, err := c.Exchange(t.Context(), slot, bay)
	if err != nil {
		t.Fatal(err)
	}
	if r.at(1001).barcode != "V00002L8" || r.at(257).barcode != "V00001L8" {
		t.Errorf("slot 1 holds %q, drive 1 %q", r.at(1001).barcode, r.at(257).barcode)
	}
	if len(list) != 2 || list[0].Barcode != "V00001L8" || list[0].To.Address != 257 || list[1].Barcode != "V00002L8" || list[1].To.Address != 1001 {
		t.Errorf("%+v", list)
	}
}

func TestExchangeRefused(t *testing.T) {
	pointer := func(asc scsi.ASC, at byte) *scsi.Sense {
		return &scsi.Sense{Key: scsi.IllegalRequest, ASC: asc, SKSValid: true, SKS: [3]byte{0xC0, 0, at}}
	}
	for _, tt := range []struct {
		name  string
		sense *scsi.Sense
		code  errcode.Code
		says  string
	}{
		{"unknown", pointer(0x2000, 0), errcode.DeviceUnsupported, "cannot exchange"},
		{"source empty", pointer(0x3B0E, 4), errcode.SlotEmpty, "slot 1 holds no cartridge"},
		{"destination empty", pointer(0x3B0E, 6), errcode.DriveEmpty, "drive 1 holds no cartridge"},
		{"prevented", senseOf(scsi.IllegalRequest, 0x5302), errcode.RemovalPrevented, ""},
		{"door", pointer(0x3B11, 4), errcode.DeviceBusy, "cannot reach slot 1"},
		{"changed", senseOf(scsi.UnitAttention, 0x2801), errcode.DeviceBusy, "nothing was moved"},
		{"broken", senseOf(scsi.HardwareError, 0x1501), errcode.DeviceError, ""},
	} {
		r, c, slot, bay := exchangeRig(t)
		r.moveSense = tt.sense
		_, err := c.Exchange(t.Context(), slot, bay)
		if errcode.Of(err) != tt.code || !strings.Contains(err.Error(), tt.says) || !strings.HasPrefix(err.Error(), "exchange vtl01: ") {
			t.Errorf("%s: %q, %v; want %q, %q", tt.name, errcode.Of(err), err, tt.code, tt.says)
		}
	}
}

// What the library says is checked against what is where.
func TestExchangeIsVerified(t *testing.T) {
	r, c, slot, bay := exchangeRig(t)
	r.pretend = true
	if _, err := c.Exchange(t.Context(), slot, bay); errcode.Of(err) != errcode.DeviceError {
		t.Errorf("%v", err)
	}
	r, c, slot, bay = exchangeRig(t)
	r.onMove = func() {
		r.deafFor(1, &scsi.StatusError{CDB: []byte{scsi.OpReadElementStatus}, Status: scsi.StatusBusy})
	}
	if _, err := c.Exchange(t.Context(), slot, bay); !MayHaveMoved(err) || !strings.Contains(err.Error(), "reported success") {
		t.Errorf("made, and not shown: %v", err)
	}
	r.moves = 0
	slot.Full = false
	if _, err := c.Exchange(t.Context(), slot, bay); errcode.Of(err) != errcode.SlotEmpty || r.moves != 0 {
		t.Errorf("%v, %d commands", err, r.moves)
	}
}
