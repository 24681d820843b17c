package smc

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"pgregory.net/rapid"

	"calypso/tape/scsi"
	"calypso/vtl/spc"
)

func TestMoveMedium(t *testing.T) {
	tests := []struct{ name, cdb, sense, moves string }{
		{"slot to drive", "A5 00 0001 03E9 01F5 0000 00 00", "good", "1001-501"},
		{"default transport", "A5 00 0000 03E9 01F5 0000 00 00", "good", "1001-501"},
		{"mail slot to slot", "A5 00 0000 0066 03EB 0000 00 00", "good", "102-1003"},
		{"slot to mail slot", "A5 00 0000 03E9 0065 0000 00 00", "good", "1001-101"},
		{"to itself", "A5 00 0000 03E9 03E9 0000 00 00", "good", ""},
		{"source empty", "A5 00 0000 03EA 01F5 0000 00 00", "5/3b/0e", ""},
		{"source empty, to itself", "A5 00 0000 03EA 03EA 0000 00 00", "5/3b/0e", ""},
		{"drive empty", "A5 00 0000 01F5 03EA 0000 00 00", "5/3b/0e", ""},
		{"destination full", "A5 00 0000 03E9 0066 0000 00 00", "5/3b/0d", ""},
		{"both empty and full", "A5 00 0000 03EA 0066 0000 00 00", "5/3b/0e", ""},
		{"no such source", "A5 00 0000 03EC 01F5 0000 00 00", "5/21/01 cdb[4]", ""},
		{"no such destination", "A5 00 0000 03E9 01F6 0000 00 00", "5/21/01 cdb[6]", ""},
		{"source 0", "A5 00 0000 0000 01F5 0000 00 00", "5/21/01 cdb[4]", ""},
		{"no such transport", "A5 00 0002 03E9 01F5 0000 00 00", "5/21/01 cdb[2]", ""},
		{"a slot is no transport", "A5 00 03EA 03E9 01F5 0000 00 00", "5/21/01 cdb[2]", ""},
		{"into the hand", "A5 00 0000 03E9 0001 0000 00 00", "5/21/01 cdb[6]", ""},
		{"out of the hand", "A5 00 0000 0001 03EA 0000 00 00", "5/21/01 cdb[4]", ""},
		{"inverted", "A5 00 0000 03E9 01F5 0000 01 00", "5/24/00 cdb[10].0", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, smallLibrary(t))
			r.want(tt.cdb, tt.sense)
			if got := strings.Join(r.h.moves, " "); got != tt.moves {
				t.Errorf("moves = %q, want %q", got, tt.moves)
			}
			if tt.moves == "" && !slices.Equal(r.s.Inventory().Elements, smallLibrary(t).Elements) {
				t.Error("the inventory changed without a move")
			}
		})
	}
}

func TestMoveKeepsTheSource(t *testing.T) {
	lib := smallLibrary(t)
	mail, _ := lib.Element(101)
	mail.ByOperator = true // left over from a cartridge that is gone
	r := newRig(t, lib)
	source := func(address uint16, want uint16) {
		t.Helper()
		inv := r.s.Inventory()
		e, _ := inv.Element(address)
		if !e.Full || e.Barcode != "V00001L9" || e.Medium != DataMedium || e.Source != want {
			t.Errorf("element %d = %+v, want V00001L9 from %d", address, *e, want)
		}
	}
	r.want("A5 00 0000 03E9 01F5 0000 00 00", "good")
	source(501, 1001)
	r.get("B8 14 0000 FFFF 00 00FFFF 00 00", "01f5 0001 00 00003c 04 80 0034 00 000034"+
		"01f5 09 00 0000 000000 81 03e9"+ascii("V00001L9", 32)+"00000000"+"00000000")
	r.want("A5 00 0000 01F5 03EB 0000 00 00", "good")
	source(1003, 1001) // the slot it left last, not the drive
	r.want("A5 00 0000 03EB 0065 0000 00 00", "good")
	source(101, 1003)
	inv := r.s.Inventory()
	if e, _ := inv.Element(101); e.ByOperator {
		t.Error("a cartridge that the robot put into a mail slot shows as put there by hand")
	}
}

func TestMoveFails(t *testing.T) {
	tests := []struct {
		err   error
		sense string
	}{
		{fmt.Errorf("drive 0: %w", spc.ErrRemovalPrevented), "5/53/02"},
		{fmt.Errorf("drive 0: %w", spc.ErrIncompatible), "5/30/00"},
		{fmt.Errorf("open image: %w", syscall.ENOSPC), "4/15/01"},
	}
	for _, tt := range tests {
		r := newRig(t, smallLibrary(t))
		r.h.err = tt.err
		_, err := r.exec("A5 00 0000 03E9 01F5 0000 00 00", 0)
		if got := describe(t, err); got != tt.sense {
			t.Errorf("MOVE MEDIUM with %v = %s, want %s", tt.err, got, tt.sense)
		}
		if !errors.Is(err, errors.Unwrap(tt.err)) {
			t.Errorf("cause lost: %v", err)
		}
		if !slices.Equal(r.s.Inventory().Elements, smallLibrary(t).Elements) {
			t.Errorf("the inventory changed although the move failed with %v", tt.err)
		}
	}
}

func TestOperator(t *testing.T) {
	r := newRig(t, smallLibrary(t))
	for _, tt := range []struct {
		name string
		err  error
		want error
	}{
		{"put into a slot", r.s.Put(1002, "X", DataMedium), ErrNotMailSlot},
		{"put into nothing", r.s.Put(999, "X", DataMedium), ErrNotMailSlot},
		{"put into a full one", r.s.Put(102, "X", DataMedium), ErrFull},
		{"take from a slot", r.s.Take(1001), ErrNotMailSlot},
		{"take from an empty one", r.s.Take(101), ErrEmpty},
	} {
		if !errors.Is(tt.err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, tt.err, tt.want)
		}
	}
	if err := r.s.Put(101, strings.Repeat("X", 33), DataMedium); err == nil {
		t.Error("a barcode of 33 characters was taken")
	}
	r.want("00 00 00 00 00 00", "good") // no refusal raised an attention
	r.want("1E 00 00 00 01 00", "good")
	for name, err := range map[string]error{"put": r.s.Put(101, "X", DataMedium), "take": r.s.Take(102)} {
		if !errors.Is(err, spc.ErrRemovalPrevented) {
			t.Errorf("%s while locked: %v, want removal prevented", name, err)
		}
	}
	r.want("A5 00 0000 03E9 0065 0000 00 00", "good") // the robot may
	r.want("1E 00 00 00 00 00", "good")
	if err := r.s.Take(101); err != nil {
		t.Fatal(err)
	}
	r.want("00 00 00 00 00 00", "6/28/01")
	inv := r.s.Inventory()
	if e, _ := inv.Element(101); *e != (Element{Address: 101, Type: ImportExport}) {
		t.Errorf("element 101 = %+v, want empty", *e)
	}
}

// TestRobotMovesCartridges compares random moves with a map of what is where.
func TestRobotMovesCartridges(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		inv, err := NewInventory(make([]spc.Identity, 2), 5, 2)
		if err != nil {
			rt.Fatal(err)
		}
		places := []uint16{0, 1, 101, 102, 103, 501, 502, 503, 1001, 1002, 1003, 1004, 1005, 1006, 65535}
		where := map[uint16]string{}
		exists := map[uint16]bool{}
		for i := range inv.Elements {
			e := &inv.Elements[i]
			exists[e.Address] = e.Type != Transport
			if e.Type == Storage && rapid.Bool().Draw(rt, "full") {
				e.Full, e.Barcode = true, fmt.Sprintf("V%05dL8", e.Address)
				where[e.Address] = e.Barcode
			}
		}
		r := newRig(t, inv)
		rt.Repeat(map[string]func(*rapid.T){
			"": func(rt *rapid.T) { compareInventory(rt, r.s.Inventory(), where) },
			"move": func(rt *rapid.T) {
				src, dst := rapid.SampledFrom(places).Draw(rt, "from"), rapid.SampledFrom(places).Draw(rt, "to")
				want := expectMove(where, exists, src, dst)
				_, err := r.exec(fmt.Sprintf("A5 00 0000 %04x %04x 0000 00 00", src, dst), 0)
				if got := describe(t, err); got != want {
					rt.Fatalf("move %d to %d = %s, want %s", src, dst, got, want)
				}
			},
		})
	})
}

func expectMove(where map[uint16]string, exists map[uint16]bool, src, dst uint16) string {
	switch {
	case !exists[src]:
		return "5/21/01 cdb[4]"
	case !exists[dst]:
		return "5/21/01 cdb[6]"
	case where[src] == "":
		return "5/3b/0e"
	case src != dst && where[dst] != "":
		return "5/3b/0d"
	}
	barcode := where[src]
	delete(where, src)
	where[dst] = barcode
	return "good"
}

func compareInventory(rt *rapid.T, inv Inventory, where map[uint16]string) {
	for _, e := range inv.Elements {
		if e.Full != (where[e.Address] != "") || e.Barcode != where[e.Address] {
			rt.Fatalf("element %d holds %q, want %q", e.Address, e.Barcode, where[e.Address])
		}
	}
}

// FuzzExec sends anything to a changer: the answer is GOOD or a well-formed sense, no byte is written
// behind the room the host gave, and no cartridge is lost or doubled.
func FuzzExec(f *testing.F) {
	f.Add([]byte{0xB8, 0x10, 0, 0, 0xFF, 0xFF, 3, 0, 0xFF, 0xFF, 0, 0}, uint16(400))
	f.Add([]byte{0xB8, 0x14, 0, 0, 0xFF, 0xFF, 1, 0, 0, 8, 0, 0}, uint16(8))
	f.Add([]byte{0xA5, 0, 0, 0, 3, 0xE9, 1, 0xF5, 0, 0, 0, 0}, uint16(0))
	f.Add([]byte{0x1A, 8, 0x1D, 0, 255, 0}, uint16(64))
	f.Add([]byte{0xA6, 0, 0, 0, 3, 0xE9, 0, 0x66, 3, 0xE9, 0, 0}, uint16(0))
	f.Add([]byte{0x1B, 0, 0, 0x65, 0, 0}, uint16(0))
	f.Add([]byte{0x4D, 0, 0x6E, 0, 0, 0, 0, 1, 0x44, 0}, uint16(324))
	f.Add([]byte{0xE7, 1, 3, 0xE9, 0, 0, 0, 3, 0, 0}, uint16(0))
	f.Add([]byte{0x5A, 8, 0x3F, 0xFF, 0, 0, 0, 0, 255, 0}, uint16(64))
	f.Add([]byte{0x12, 1, 0x83, 0, 255, 0}, uint16(255))
	f.Add([]byte{0x03, 0, 0, 0, 255, 0}, uint16(18))
	f.Fuzz(func(t *testing.T, cdb []byte, room uint16) {
		const guard = 64
		r := newRig(t, smallLibrary(t))
		buf := bytes.Repeat([]byte{0xA5}, int(room)+guard)
		cmd := &scsi.Command{CDB: bytes.Clone(cdb), DataIn: buf[:room]}
		err := r.s.Exec(t.Context(), cmd)
		describe(t, err)
		if !bytes.Equal(buf[room:], bytes.Repeat([]byte{0xA5}, guard)) || cmd.Transferred > int(room) {
			t.Errorf("% x: wrote behind DataIn or transferred %d of %d", cdb, cmd.Transferred, room)
		}
		var found []string
		for _, e := range r.s.Inventory().Elements {
			if e.Full {
				found = append(found, e.Barcode)
			}
		}
		slices.Sort(found)
		if !slices.Equal(found, []string{"CLNU01L9", "V00001L9"}) {
			t.Errorf("% x: cartridges %q", cdb, found)
		}
	})
}
