package tape_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"calypso/sys/errcode"
	"calypso/tape"
	"calypso/tape/scsi"
	"calypso/vtl/smc"
	"calypso/vtl/spc"
	"calypso/vtl/ssc"

	"github.com/google/go-cmp/cmp"
)

// library is a changer with two drives, four slots and two io slots; the first three slots are full.
type library struct {
	changer *smc.Server
	drives  []*ssc.Server
	reels   map[uint16]*reel // by element
}

func newLibrary(t testing.TB) *library {
	t.Helper()
	l := &library{reels: map[uint16]*reel{}}
	var ids []spc.Identity
	for i := range 2 {
		l.drives = append(l.drives, server(t, nil))
		ids = append(ids, spc.Identity{DeviceType: 1, Vendor: "CALYPSO", Product: "ULTRIUM-TD8", Serial: fmt.Sprintf("HU000000%02d", i)})
	}
	inv, err := smc.NewInventory(ids, 4, 2)
	must(t, err)
	for i := range uint16(3) {
		e, _ := inv.Element(smc.FirstStorage + i)
		e.Full, e.Barcode, e.Medium = true, fmt.Sprintf("V%05dL8", i+1), smc.DataMedium
		l.reels[e.Address] = newReel()
	}
	l.changer, err = smc.New(smc.Config{Serial: "LIB0000001"}, inv, l)
	must(t, err)
	return l
}

func (l *library) drive(address uint16) *ssc.Server {
	if address < smc.FirstDrive || int(address) >= smc.FirstDrive+len(l.drives) {
		return nil
	}
	return l.drives[address-smc.FirstDrive]
}

// Move is the robot's hand.
func (l *library) Move(_ context.Context, src, dst uint16) error {
	if d := l.drive(src); d != nil {
		if err := d.Remove(); err != nil {
			return err
		}
	}
	r := l.reels[src]
	delete(l.reels, src)
	l.reels[dst] = r
	if d := l.drive(dst); d != nil {
		return d.Insert(r, r.meta.Barcode)
	}
	return nil
}

// Exchange is not for these tests.
func (l *library) Exchange(context.Context, uint16, uint16, uint16) error {
	return errors.New("no exchange")
}

func open(t testing.TB, l *library) *tape.Changer {
	t.Helper()
	c := tape.NewChanger(l.changer)
	c.Name = "vtl01"
	return c
}

func TestServerInventory(t *testing.T) {
	c := open(t, newLibrary(t))
	v, err := c.Inventory(t.Context())
	must(t, err)
	var got []string
	for _, e := range v.Elements {
		got = append(got, fmt.Sprintf("%s %v %s %s", e, e.Full, e.Barcode, e.DriveSerial))
	}
	want := []string{
		"drive 0 false  HU00000000", "drive 1 false  HU00000001",
		"slot 1 true V00001L8 ", "slot 2 true V00002L8 ", "slot 3 true V00003L8 ", "slot 4 false  ",
		"io slot 1 false  ", "io slot 2 false  ", "transport 0 false  ",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if id, err := c.Identify(t.Context()); err != nil || id.Serial != "LIB0000001" || id.Type != scsi.ChangerDevice {
		t.Errorf("%+v, %v", id, err)
	}
	must(t, c.Initialize(t.Context()))
}

func TestServerLoadWriteUnload(t *testing.T) {
	l := newLibrary(t)
	c, ctx := open(t, l), t.Context()
	m, err := c.Load(ctx, 2, 1)
	if err != nil || m.Barcode != "V00002L8" || m.To.DriveSerial != "HU00000001" {
		t.Fatalf("%+v, %v", m, err)
	}
	d := tape.NewDrive(l.drives[1])
	must(t, d.WaitReady(ctx))
	must(t, d.Rewind(ctx))
	write(t, d, "one")
	wantCode(t, second(c.Load(ctx, 2, 0)), errcode.SlotEmpty)
	wantCode(t, second(c.Load(ctx, 1, 1)), errcode.DriveFull)
	must(t, d.Prevent(ctx, true))
	wantCode(t, second(c.Unload(ctx, 1, 0)), errcode.RemovalPrevented)
	must(t, d.Prevent(ctx, false))
	m, err = c.Unload(ctx, 1, 0)
	if err != nil || m.To.String() != "slot 2" || m.Barcode != "V00002L8" {
		t.Fatalf("%+v, %v", m, err)
	}
	wantCode(t, second(c.Unload(ctx, 1, 0)), errcode.DriveEmpty)
	if r, err := d.Ready(ctx); err != nil || r.State != tape.Empty {
		t.Errorf("%+v, %v", r, err)
	}
	m, err = c.Load(ctx, 2, 1)
	must(t, err)
	must(t, d.WaitReady(ctx))
	wantCode(t, second(d.Write(ctx, []byte("two"))), errcode.TapePosition) // the tape was changed
	must(t, d.Rewind(ctx))
	if diff := cmp.Diff([]string{"one"}, rest(t, d)); diff != "" {
		t.Error(diff)
	}
}

func second[T any](_ T, err error) error { return err }

func TestServerExportAndImport(t *testing.T) {
	c, ctx := open(t, newLibrary(t)), t.Context()
	if m, err := c.Export(ctx, 1, 2); err != nil || m.To.String() != "io slot 2" {
		t.Errorf("%+v, %v", m, err)
	}
	wantCode(t, second(c.Export(ctx, 2, 2)), errcode.SlotFull)
	if m, err := c.Import(ctx, 2, 0); err != nil || m.To.String() != "slot 1" {
		t.Errorf("%+v, %v", m, err)
	}
	wantCode(t, second(c.Import(ctx, 2, 0)), errcode.SlotEmpty)
	wantCode(t, second(c.Move(ctx, 1, 1004)), errcode.SlotNotFound) // the robot's hand
	wantCode(t, second(c.Move(ctx, 7, 1004)), errcode.SlotNotFound)
	wantCode(t, second(c.Move(ctx, 1001, 7)), errcode.SlotNotFound)
	wantCode(t, second(c.Move(ctx, 1001, 1002)), errcode.SlotFull)
}

func TestServerMoveAnswerLost(t *testing.T) {
	l := newLibrary(t)
	f := scsi.NewFaulty(l.changer, scsi.Fault{Op: scsi.OpMoveMedium, Done: true, Lose: true})
	c := tape.NewChanger(f)
	wantCode(t, second(c.Load(t.Context(), 1, 0)), errcode.DeviceUnknown)
	v, err := c.Inventory(t.Context())
	must(t, err)
	if e, err := v.ByBarcode("V00001L8"); err != nil || e.Kind != tape.DriveBay {
		t.Errorf("%v, %v", e, err)
	}
}

func TestServerLibraryChangedMeanwhile(t *testing.T) {
	l := newLibrary(t)
	c := open(t, l)
	v, err := c.Inventory(t.Context())
	must(t, err)
	must(t, l.changer.Put(101, "V00009L8", smc.DataMedium))
	l.reels[101] = newReel()
	from, _ := v.Find(tape.Slot, 1)
	to, _ := v.Find(tape.DriveBay, 0)
	wantCode(t, second(c.Transfer(t.Context(), from, to)), errcode.DeviceBusy)
	if m, err := c.Import(t.Context(), 1, 0); err != nil || m.Barcode != "V00009L8" {
		t.Errorf("%+v, %v", m, err)
	}
}
