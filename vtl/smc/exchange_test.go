package smc

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"calypso/vtl/spc"
)

// exchangeLibrary is smallLibrary with V00002L9 of slot 3 in the drive.
func exchangeLibrary(t testing.TB) Inventory {
	t.Helper()
	inv := smallLibrary(t)
	drive, _ := inv.Element(501)
	drive.Full, drive.Barcode, drive.Medium, drive.Source = true, "V00002L9", DataMedium, 1003
	return inv
}

func TestExchangeMedium(t *testing.T) {
	tests := []struct{ name, cdb, sense, moves string }{
		{"slot with drive", "A6 00 0001 03E9 01F5 03E9 00 00", "good", "1001-501-1001"},
		{"default transport", "A6 00 0000 03E9 01F5 03E9 00 00", "good", "1001-501-1001"},
		{"to a third element", "A6 00 0000 03E9 01F5 03EB 00 00", "good", "1001-501-1003"},
		{"from a mail slot, to the other", "A6 00 0000 0066 01F5 0065 00 00", "good", "102-501-101"},
		{"slot with mail slot", "A6 00 0000 03E9 0066 03E9 00 00", "good", "1001-102-1001"},
		{"both destinations the same", "A6 00 0000 03E9 01F5 01F5 00 00", "5/3b/0d cdb[8]", ""},
		{"with itself", "A6 00 0000 03E9 03E9 03EB 00 00", "5/21/01 cdb[6]", ""},
		{"source empty", "A6 00 0000 03EA 01F5 03EB 00 00", "5/3b/0e cdb[4]", ""},
		{"first destination empty", "A6 00 0000 03E9 03EA 03EB 00 00", "5/3b/0e cdb[6]", ""},
		{"second destination full", "A6 00 0000 03E9 01F5 0066 00 00", "5/3b/0d cdb[8]", ""},
		{"no such source", "A6 00 0000 0000 01F5 03EB 00 00", "5/21/01 cdb[4]", ""},
		{"no such first destination", "A6 00 0000 03E9 01F6 03EB 00 00", "5/21/01 cdb[6]", ""},
		{"no such second destination", "A6 00 0000 03E9 01F5 03EC 00 00", "5/21/01 cdb[8]", ""},
		{"into the hand", "A6 00 0000 03E9 01F5 0001 00 00", "5/21/01 cdb[8]", ""},
		{"no such transport", "A6 00 0002 03E9 01F5 03E9 00 00", "5/21/01 cdb[2]", ""},
		{"INV1", "A6 00 0000 03E9 01F5 03E9 02 00", "5/24/00 cdb[10].1", ""},
		{"INV2", "A6 00 0000 03E9 01F5 03E9 01 00", "5/24/00 cdb[10].0", ""},
		{"reserved", "A6 00 0000 03E9 01F5 03E9 04 00", "5/24/00 cdb[10].2", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, exchangeLibrary(t))
			r.want(tt.cdb, tt.sense)
			if got := strings.Join(r.h.moves, " "); got != tt.moves {
				t.Errorf("moves = %q, want %q", got, tt.moves)
			}
			if tt.moves == "" && !slices.Equal(r.s.Inventory().Elements, exchangeLibrary(t).Elements) {
				t.Error("the inventory changed without a move")
			}
		})
	}
}

// Each cartridge keeps the slot that it left last, not the drive that it was in.
func TestExchangeKeepsTheSource(t *testing.T) {
	r := newRig(t, exchangeLibrary(t))
	r.want("A6 00 0000 03E9 01F5 03E9 00 00", "good")
	r.get("B8 14 0000 FFFF 00 00FFFF 00 00", "01f5 0001 00 00003c 04 80 0034 00 000034"+
		"01f5 09 00 0000 000000 81 03e9"+ascii("V00001L9", 32)+"00000000"+"00000000")
	r.get("B8 12 03E9 0001 00 00FFFF 00 00", "03e9 0001 00 00003c 02 80 0034 00 000034"+
		"03e9 09 00 0000 000000 81 03eb"+ascii("V00002L9", 32)+"00000000"+"00000000")
}

func TestExchangeFails(t *testing.T) {
	for _, tt := range []struct {
		err   error
		sense string
	}{
		{fmt.Errorf("drive 0: %w", spc.ErrRemovalPrevented), "5/53/02"},
		{fmt.Errorf("drive 0: %w", spc.ErrIncompatible), "5/30/00"},
		{fmt.Errorf("open image: %w", syscall.ENOSPC), "4/15/01"},
	} {
		r := newRig(t, exchangeLibrary(t))
		r.h.err = tt.err
		_, err := r.exec("A6 00 0000 03E9 01F5 03E9 00 00", 0)
		if got := describe(t, err); got != tt.sense || !errors.Is(err, errors.Unwrap(tt.err)) {
			t.Errorf("EXCHANGE MEDIUM with %v = %s (%v), want %s", tt.err, got, err, tt.sense)
		}
		if !slices.Equal(r.s.Inventory().Elements, exchangeLibrary(t).Elements) {
			t.Errorf("the inventory changed although the exchange failed with %v", tt.err)
		}
	}
}

func TestPositionToElement(t *testing.T) {
	r := newRig(t, smallLibrary(t))
	r.want("2B 00 0001 03E9 0000 00 00", "good")
	r.want("2B 00 0000 01F5 0000 00 00", "good")
	r.want("2B 00 0000 03EC 0000 00 00", "5/21/01 cdb[4]")
	r.want("2B 00 0000 0001 0000 00 00", "5/21/01 cdb[4]")
	r.want("2B 00 03E9 03E9 0000 00 00", "5/21/01 cdb[2]")
	r.want("2B 00 0000 03E9 0000 01 00", "5/24/00 cdb[8].0")
}

func TestInitializeRange(t *testing.T) {
	for _, op := range []string{"37", "E7"} {
		r := newRig(t, smallLibrary(t))
		r.want(op+" 01 03E9 0000 0003 00 00", "good")
		r.want(op+" 03 0001 0000 0000 00 00", "good")
		r.want(op+" 00 FFFF 0000 0000 00 00", "good") // without RANGE the address says nothing
		r.want(op+" 01 FFFF 0000 0001 00 00", "5/21/01 cdb[2]")
		r.want(op+" 01 03E9 0001 0003 00 00", "5/24/00 cdb[5].0")
	}
}

// TestCapabilities: what mode page 1Fh promises is what the library has.
func TestCapabilities(t *testing.T) {
	for _, tt := range []struct {
		drives, slots, mailSlots int
		page                     string
	}{
		{1, 1, 1, "0e 03 00 0e 0e 0e 00000000 00 0e 0e 0e 00000000"},
		{1, 1, 0, "0a 03 00 0a 00 0a 00000000 00 0a 00 0a 00000000"},
		{0, 2, 0, "02 03 00 02 00 00 00000000 00 02 00 00 00000000"},
		{2, 0, 1, "0c 03 00 00 0c 0c 00000000 00 00 0c 0c 00000000"},
	} {
		inv, err := NewInventory(make([]spc.Identity, tt.drives), tt.slots, tt.mailSlots)
		if err != nil {
			t.Fatal(err)
		}
		newRig(t, inv).get("1A 08 1F 00 FF 00", "17 00 00 00 1f 12"+tt.page)
	}
	r := newRig(t, smallLibrary(t))
	r.get("1A 08 1E 00 FF 00", "07 00 00 00 1e 02 00 00")
	r.get("1A 08 5F 00 FF 00", "17 00 00 00 1f 12"+strings.Repeat("00", 18))
}

// alertBytes is the TapeAlert page with the flags that are set; its frame is that of recorded hardware.
func alertBytes(set ...int) string {
	b := "2e 00 0140"
	for flag := 1; flag <= 64; flag++ {
		raised := 0
		if slices.Contains(set, flag) {
			raised = 1
		}
		b += fmt.Sprintf("00%02x c0 01 %02x", flag, raised)
	}
	return b
}

func TestLogSense(t *testing.T) {
	r := newRig(t, smallLibrary(t))
	r.get("4D 00 40 00 00 0000 00FF 00", "00 00 0002 00 2e")
	r.get("4D 00 6E 00 00 0000 FFFF 00", alertBytes())
	r.s.Raise(1)
	r.s.Raise(17)
	r.s.Raise(64)
	r.get("4D 00 6E 00 00 0000 0004 00", "2e 00 0140") // the header alone clears nothing
	r.get("4D 00 6E 00 00 0000 000E 00", "2e 00 0140 0001c00101 0002c00100")
	r.get("4D 00 6E 00 00 0040 FFFF 00", "2e 00 0005 0040c00101")
	r.get("4D 00 6E 00 00 0000 FFFF 00", alertBytes(1, 17, 64)) // only a host that saw all has seen them
	r.get("4D 00 6E 00 00 0000 FFFF 00", alertBytes())
	r.want("4D 00 6E 00 00 0041 FFFF 00", "5/24/00 cdb[5]")
	r.want("4D 00 72 00 00 0000 FFFF 00", "5/24/00 cdb[2].5")
	r.want("4D 00 2E 00 00 0000 FFFF 00", "5/24/00 cdb[2].7")
	r.want("4D 00 6E 01 00 0000 FFFF 00", "5/24/00 cdb[2].5")
	r.want("4D 01 6E 00 00 0000 FFFF 00", "5/24/00 cdb[1].0")
}

func TestAlertsAreRaised(t *testing.T) {
	inv := smallLibrary(t)
	slot, _ := inv.Element(1002)
	slot.Full = true
	r := newRig(t, inv)
	r.want("07 00 00 00 00 00", "good")
	r.get("4D 00 6E 00 00 0000 FFFF 00", alertBytes(32)) // a label that cannot be read
	r.h.err = syscall.EIO
	r.want("A5 00 0000 03E9 01F5 0000 00 00", "4/15/01")
	r.h.err = spc.ErrIncompatible
	r.want("A5 00 0000 03E9 01F5 0000 00 00", "5/30/00")
	r.get("4D 00 6E 00 00 0000 FFFF 00", alertBytes(3))
	r.s.Raise(5)
	r.s.PowerOn()
	r.want("00 00 00 00 00 00", "6/29/00")
	r.get("4D 00 6E 00 00 0000 FFFF 00", alertBytes())
}
