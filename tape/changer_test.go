package tape

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"calypso/sys/errcode"
	"calypso/tape/scsi"

	"github.com/google/go-cmp/cmp"
)

func newTestChanger(r *robot) *Changer {
	c := NewChanger(r)
	c.Name = "vtl01"
	c.sleep = func(context.Context, time.Duration) error { return nil }
	return c
}

// lines is an inventory as short text.
func lines(v Inventory) []string {
	var list []string
	for _, e := range v.Elements {
		s := fmt.Sprintf("%s @%d %s", e, e.Address, e.DriveSerial)
		if e.Full {
			s += fmt.Sprintf(" %s from %d", e.Barcode, e.Source)
		}
		list = append(list, s)
	}
	return list
}

var wantInventory = []string{
	"drive 0 @256 HU0000000A", "drive 1 @257 HU0000000B V00002L8 from 1002",
	"slot 1 @1001  V00001L8 from -1", "slot 2 @1002 ", "slot 3 @1003  V00003L8 from -1", "slot 4 @1004 ",
	"io slot 1 @101 ", "io slot 2 @102  V00009L8 from -1",
	"transport 0 @0 ",
}

func TestInventory(t *testing.T) {
	tests := []struct {
		name    string
		flaw    func(*robot)
		queries int
	}{
		{"sound", func(*robot) {}, 4},
		{"CURDATA refused", func(r *robot) { r.refuseCurrent = true }, 5},
		{"VOLTAG with DVCID refused", func(r *robot) { r.refuseBoth = true }, 7},
		{"both refused", func(r *robot) { r.refuseBoth, r.refuseCurrent = true, true }, 8},
		{"one element an answer", func(r *robot) { r.most = 1 }, 9},
		{"ghosts", func(r *robot) { r.ghosts = true }, 4},
		{"more than was asked for", func(r *robot) { r.beyond = true; r.places = append(r.places, place{kind: 4, address: 300}) }, 4},
		{"too early", func(r *robot) { r.notReady = 1 }, 5},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRobot()
			tt.flaw(r)
			v, err := newTestChanger(r).Inventory(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(wantInventory, lines(v)); diff != "" {
				t.Error(diff)
			}
			if len(r.queries) != tt.queries {
				t.Errorf("%d queries, want %d: % x", len(r.queries), tt.queries, r.queries)
			}
		})
	}
}

func TestInventoryCommands(t *testing.T) {
	r := newRobot()
	if _, err := newTestChanger(r).Inventory(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{
		"b8 14 0100 0002 03 00ffff 00 00", "b8 12 03e9 0004 02 00ffff 00 00",
		"b8 13 0065 0002 02 00ffff 00 00", "b8 11 0000 0001 02 00ffff 00 00",
	} {
		if !bytes.Equal(r.queries[i], unhex(t, want)) {
			t.Errorf("query %d: % x, want %s", i, r.queries[i], want)
		}
	}
}

// TestInventoryLearns: a refusal is not provoked again.
func TestInventoryLearns(t *testing.T) {
	r := newRobot()
	r.refuseBoth, r.refuseCurrent = true, true
	c := newTestChanger(r)
	for i, want := range []int{8, 5} {
		r.queries = nil
		if _, err := c.Inventory(t.Context()); err != nil || len(r.queries) != want {
			t.Errorf("%d: %d queries, want %d, %v", i, len(r.queries), want, err)
		}
	}
}

func TestInventoryWithoutDriveIDs(t *testing.T) {
	r := newRobot()
	r.refuseIDs = true
	v, err := newTestChanger(r).Inventory(t.Context())
	if err != nil || len(v.Elements) != 9 || v.Elements[1].Barcode != "V00002L8" || v.Elements[1].DriveSerial != "" {
		t.Errorf("%v, %v", lines(v), err)
	}
}

// TestInventoryOfALargeLibrary: no answer may be asked for more than 1000 elements, and 64 KiB cut
// one in the middle of a descriptor.
func TestInventoryOfALargeLibrary(t *testing.T) {
	r := &robot{page1D: []byte{0x1D, 0x12, 0, 1, 0, 0, 0x03, 0xE8, 0x0D, 0xAC, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}}
	for i := range 3500 {
		r.places = append(r.places, place{kind: 2, address: uint16(1000 + i), barcode: fmt.Sprintf("T%05dL8", i)})
	}
	v, err := newTestChanger(r).Inventory(t.Context())
	if err != nil || len(v.Elements) != 3500 {
		t.Fatalf("%d elements, %v", len(v.Elements), err)
	}
	for i, e := range v.Elements {
		if e.Number != i+1 || e.Barcode != fmt.Sprintf("T%05dL8", i) {
			t.Fatalf("%d: %+v", i, e)
		}
	}
	for _, q := range r.queries {
		if int(q[4])<<8|int(q[5]) > 1000 {
			t.Errorf("query for %d elements", int(q[4])<<8|int(q[5]))
		}
	}
	if len(r.queries) != 4 { // few and large: a library answers each from the beginning
		t.Errorf("%d queries for 3500 elements, want 4", len(r.queries))
	}
}

func TestInventoryExceptions(t *testing.T) {
	r := newRobot()
	r.at(1001).except = 0x8301
	v, err := newTestChanger(r).Inventory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if e, _ := v.Find(Slot, 1); !e.Exception || e.ASC != 0x8301 {
		t.Errorf("%+v", e)
	}
}

// A library that tells one serial number of two bays proves nothing of either.
func TestInventoryTwins(t *testing.T) {
	r := newRobot()
	r.at(257).serial = r.at(256).serial
	v, err := newTestChanger(r).Inventory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, err = v.ByDriveSerial("HU0000000A")
	wantCode(t, err, errcode.DeviceAmbiguous, "drive 0 and of drive 1")
}

// Nor is a cartridge known by a barcode that two have.
func TestInventoryTwinCartridges(t *testing.T) {
	r := newRobot()
	r.at(1003).barcode = "V00001L8"
	v, err := newTestChanger(r).Inventory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, err = v.ByBarcode("V00001L8")
	wantCode(t, err, errcode.BarcodeAmbiguous, "in slot 1 and in slot 3")
}

func TestInventoryLookups(t *testing.T) {
	v, err := newTestChanger(newRobot()).Inventory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if e, err := v.ByBarcode("v00003l8"); err != nil || e.Number != 3 {
		t.Error(e, err)
	}
	if e, err := v.ByDriveSerial("HU0000000B"); err != nil || e.Number != 1 {
		t.Error(e, err)
	}
	if e, err := v.Free(); err != nil || e.Number != 2 {
		t.Error(e, err)
	}
	if e, ok := v.ByAddress(102); !ok || e.Number != 2 {
		t.Error(e, ok)
	}
	if e, _ := v.Find(DriveBay, 1); e.Number != 1 {
		t.Error(e)
	}
	_, err = v.ByBarcode("")
	wantCode(t, err, errcode.BarcodeNotFound)
	_, err = v.ByDriveSerial("")
	wantCode(t, err, errcode.DriveNotFound)
	_, err = v.Find(DriveBay, 2)
	wantCode(t, err, errcode.DriveNotFound, "no drive 2: it has 0 to 1")
	_, err = v.Find(Slot, 0)
	wantCode(t, err, errcode.SlotNotFound, "no slot 0: it has 1 to 4")
	_, err = Inventory{}.Free()
	wantCode(t, err, errcode.NoFreeSlot)
	if _, ok := v.ByAddress(9999); ok {
		t.Error("address 9999 found")
	}
}

func TestAssignmentFailures(t *testing.T) {
	r := newRobot()
	r.page1D = []byte{0x1E, 2, 0, 0}
	_, err := newTestChanger(r).Inventory(t.Context())
	wantCode(t, err, errcode.DeviceError, "no page 1Dh")
	r.page1D = []byte{0x1D, 2, 0, 0}
	_, err = newTestChanger(r).Inventory(t.Context())
	wantCode(t, err, errcode.DeviceError, "too few bytes")
}

func TestMoves(t *testing.T) {
	r := newRobot()
	c := newTestChanger(r)
	ctx := t.Context()
	steps := []struct {
		what     string
		do       func() (Moved, error)
		barcode  string
		from, to string
	}{
		{"load", func() (Moved, error) { return c.Load(ctx, 1, 0) }, "V00001L8", "slot 1", "drive 0"},
		{"unload home", func() (Moved, error) { return c.Unload(ctx, 0, 0) }, "V00001L8", "drive 0", "slot 1"},
		{"unload to a slot", func() (Moved, error) { return c.Unload(ctx, 1, 4) }, "V00002L8", "drive 1", "slot 4"},
		{"import to the first free slot", func() (Moved, error) { return c.Import(ctx, 2, 0) }, "V00009L8", "io slot 2", "slot 2"},
		{"export", func() (Moved, error) { return c.Export(ctx, 3, 1) }, "V00003L8", "slot 3", "io slot 1"},
	}
	for _, s := range steps {
		m, err := s.do()
		if err != nil || m.Barcode != s.barcode || m.From.String() != s.from || m.To.String() != s.to {
			t.Errorf("%s: %+v, %v", s.what, m, err)
		}
		if m.From.Full || !m.To.Full {
			t.Errorf("%s: the places are as before the move: %+v", s.what, m)
		}
	}
}

// Home is where it came from, though another slot is free before it.
func TestUnloadGoesHome(t *testing.T) {
	r := newRobot()
	c := newTestChanger(r)
	if m, err := c.Load(t.Context(), 3, 0); err != nil || m.Barcode != "V00003L8" {
		t.Fatalf("%+v, %v", m, err)
	}
	if r.at(1002).barcode != "" {
		t.Fatal("slot 2 is to be free")
	}
	if m, err := c.Unload(t.Context(), 0, 0); err != nil || m.To.String() != "slot 3" {
		t.Errorf("%+v, %v; want it in slot 3", m, err)
	}
}

func TestUnloadWhenHomeIsTaken(t *testing.T) {
	r := newRobot()
	r.at(1002).barcode = "V00007L8"
	if m, err := newTestChanger(r).Unload(t.Context(), 1, 0); err != nil || m.To.String() != "slot 4" {
		t.Errorf("%+v, %v", m, err)
	}
	r = newRobot()
	r.at(257).source = 101 // it came through the mail slot
	if m, err := newTestChanger(r).Unload(t.Context(), 1, 0); err != nil || m.To.String() != "slot 2" {
		t.Errorf("%+v, %v", m, err)
	}
	r.at(1004).barcode = "V00008L8"
	r.at(256).barcode = "V00006L8"
	_, err := newTestChanger(r).Unload(t.Context(), 0, 0)
	wantCode(t, err, errcode.NoFreeSlot, "vtl01: every slot is full")
}

func TestMovesThatCannotBe(t *testing.T) {
	tests := []struct {
		name string
		do   func(context.Context, *Changer) (Moved, error)
		code errcode.Code
		says string
	}{
		{"empty slot", func(ctx context.Context, c *Changer) (Moved, error) { return c.Load(ctx, 2, 0) }, errcode.SlotEmpty, "move vtl01: slot 2 holds no cartridge"},
		{"full drive", func(ctx context.Context, c *Changer) (Moved, error) { return c.Load(ctx, 1, 1) }, errcode.DriveFull, "drive 1 holds cartridge V00002L8"},
		{"no such slot", func(ctx context.Context, c *Changer) (Moved, error) { return c.Load(ctx, 5, 0) }, errcode.SlotNotFound, "vtl01: the library has no slot 5: it has 1 to 4"},
		{"no such drive", func(ctx context.Context, c *Changer) (Moved, error) { return c.Load(ctx, 1, 7) }, errcode.DriveNotFound, "no drive 7"},
		{"empty drive", func(ctx context.Context, c *Changer) (Moved, error) { return c.Unload(ctx, 0, 0) }, errcode.DriveEmpty, "drive 0 holds no cartridge"},
		{"full slot", func(ctx context.Context, c *Changer) (Moved, error) { return c.Unload(ctx, 1, 1) }, errcode.SlotFull, "slot 1 holds cartridge V00001L8"},
		{"no such io slot", func(ctx context.Context, c *Changer) (Moved, error) { return c.Export(ctx, 1, 3) }, errcode.SlotNotFound, "no io slot 3: it has 1 to 2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRobot()
			_, err := tt.do(t.Context(), newTestChanger(r))
			wantCode(t, err, tt.code, tt.says)
			if r.moves != 0 {
				t.Error("the robot moved")
			}
		})
	}
}

func TestMoveRefused(t *testing.T) {
	illegal := func(asc scsi.ASC) *scsi.Sense { return &scsi.Sense{Key: scsi.IllegalRequest, ASC: asc} }
	tests := []struct {
		name     string
		from, to uint16
		sense    *scsi.Sense
		code     errcode.Code
		says     string
	}{
		{"source slot empty", 1002, 256, nil, errcode.SlotEmpty, "slot 2 holds no cartridge"},
		{"source drive empty", 256, 1002, nil, errcode.DriveEmpty, "drive 0 holds no cartridge"},
		{"destination slot full", 1001, 1003, nil, errcode.SlotFull, "slot 3 holds a cartridge"},
		{"destination drive full", 1001, 257, nil, errcode.DriveFull, "drive 1 holds a cartridge"},
		{"no source", 9, 256, nil, errcode.SlotNotFound, "moves nothing from element address 9"},
		{"no destination", 1001, 1005, nil, errcode.SlotNotFound, "moves nothing to element address 1005"},
		{"drive address refused", 1001, 256, illegal(scsi.ASCInvalidElement), errcode.DriveNotFound, "nothing to element address 256"},
		{"removal prevented", 257, 1002, illegal(scsi.ASCRemovalPrevented), errcode.RemovalPrevented, "medium removal prevented (5/53/02)"},
		{"library changed", 1001, 256, &scsi.Sense{Key: scsi.UnitAttention, ASC: scsi.ASCImportExport}, errcode.DeviceBusy, "nothing was moved: import or export element accessed"},
		{"jammed", 1001, 256, &scsi.Sense{Key: scsi.HardwareError, ASC: 0x1501}, errcode.DeviceError, "mechanical positioning error"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRobot()
			r.moveSense = tt.sense
			_, err := newTestChanger(r).Move(t.Context(), tt.from, tt.to)
			wantCode(t, err, tt.code, tt.says, "move vtl01")
			if _, ok := scsi.SenseOf(err); !ok {
				t.Error("no sense in the chain")
			}
			if r.moves != 1 {
				t.Errorf("%d moves were sent", r.moves)
			}
		})
	}
}

func TestMoveAnswerLost(t *testing.T) {
	r := newRobot()
	r.moveErr = &scsi.TransportError{CDB: []byte{scsi.OpMoveMedium}, Err: errCable}
	_, err := newTestChanger(r).Load(t.Context(), 1, 0)
	wantCode(t, err, errcode.DeviceUnknown)
	if r.moves != 1 || !errors.Is(err, errCable) {
		t.Errorf("%d moves, %v", r.moves, err)
	}
}

func TestMoveIsVerified(t *testing.T) {
	r := newRobot()
	r.pretend = true
	_, err := newTestChanger(r).Load(t.Context(), 1, 0)
	wantCode(t, err, errcode.DeviceError, "reported success, but slot 1 is full and drive 0 is empty")
	r = newRobot()
	r.swap = "X00000L8"
	_, err = newTestChanger(r).Load(t.Context(), 1, 0)
	wantCode(t, err, errcode.DeviceError, "drive 0 was to receive V00001L8 and holds X00000L8")
	r = newRobot()
	c := newTestChanger(r)
	v, err := c.Inventory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r.noTags = true // labels are read again only at the next inventory
	from, _ := v.Find(Slot, 1)
	to, _ := v.Find(DriveBay, 0)
	if m, err := c.Transfer(t.Context(), from, to); err != nil || m.Barcode != "V00001L8" {
		t.Errorf("%+v, %v", m, err)
	}
}

// TestMoveIsReportedThoughCancelled: what was sent is done, and must be said.
func TestMoveIsReportedThoughCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r := newRobot()
	r.onMove = cancel
	if m, err := newTestChanger(r).Load(ctx, 1, 0); err != nil || m.Barcode != "V00001L8" {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestMoveToItself(t *testing.T) {
	r := newRobot()
	r.pretend = true // many libraries take it for done
	if _, err := newTestChanger(r).Move(t.Context(), 1001, 1001); err != nil {
		t.Error(err)
	}
}

func TestInitializeAndIdentifyChanger(t *testing.T) {
	w := &wire{t: t, steps: []step{tur, {cdb: "07 00 00 00 00 00"},
		{cdb: stdInquiry, in: inquiryData(8, "HPE", "MSL3040", "3350")}, {cdb: vpd(0), in: "08 00 0002 00 80"},
		{cdb: vpd(0x80), in: "08 80 000f" + ascii("DEC418146K_LL02")}}}
	defer w.done()
	c := NewChanger(w)
	c.asked = true
	if err := c.Initialize(t.Context()); err != nil {
		t.Error(err)
	}
	if id, err := c.Identify(t.Context()); err != nil || id.Serial != "DEC418146K_LL02" || id.Type != scsi.ChangerDevice {
		t.Errorf("%+v, %v", id, err)
	}
}

func TestMoveCommand(t *testing.T) {
	assign := step{cdb: "1a 08 1d 00 fc 00", in: "17 00 00 00 1d 12 0000 0001 03e9 0004 0065 0002 0100 0002 0000"}
	w := &wire{t: t, steps: []step{tur, assign,
		{cdb: "a5 00 0000 03e9 0100 0000 00 00"},
		{cdb: "b8 14 0100 0001 03 00ffff 00 00", in: "0100 0001 00 000018 04 00 0010 00 000010 0100 09 00 0000 00 00 00 81 03e9 00000000"},
		{cdb: "b8 12 03e9 0001 02 00ffff 00 00", in: "03e9 0001 00 000018 02 00 0010 00 000010 03e9 08 00 0000 00 00 00 00 0000 00000000"}}}
	defer w.done()
	c := NewChanger(w)
	c.asked = true
	m, err := c.Move(t.Context(), 1001, 256)
	if err != nil || m.To.Source != 1001 || m.From.Full {
		t.Errorf("%+v, %v", m, err)
	}
}

func BenchmarkInventory1000(b *testing.B) {
	r := &robot{page1D: []byte{0x1D, 0x12, 0, 1, 0, 0, 0x03, 0xE8, 0x03, 0xE8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}}
	for i := range 1000 {
		r.places = append(r.places, place{kind: 2, address: uint16(1000 + i), barcode: fmt.Sprintf("T%05dL8", i)})
	}
	for b.Loop() {
		if v, err := newTestChanger(r).Inventory(b.Context()); err != nil || len(v.Elements) != 1000 {
			b.Fatal(err)
		}
	}
}
