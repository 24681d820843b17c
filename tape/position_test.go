package tape

import (
	"errors"
	"testing"

	"calypso/sys/errcode"
	"calypso/tape/scsi"
)

func TestPosition(t *testing.T) {
	d, _ := newDrive(t, step{cdb: "34 06 00 00 00 00 00 00 00 00", in: "41 00 00 00 00000001 0000000000000102 0000000000000003 0000000000000000"})
	got, err := d.Position(t.Context())
	if want := (Position{EOP: true, EarlyWarning: true, Partition: 1, Block: 258, File: 3}); got != want || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestPositionShortForm(t *testing.T) {
	short := step{cdb: "34 00 00 00 00 00 00 00 00 00", in: "80 00 0000 00000000 00000000 00 000000 00000000"}
	d, _ := newDrive(t, step{cdb: "34 06 00 00 00 00 00 00 00 00", sense: badField}, short, short)
	for range 2 { // the long form is not tried again
		got, err := d.Position(t.Context())
		if want := (Position{BOP: true, File: -1}); got != want || err != nil {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

func TestPositionGarbled(t *testing.T) {
	d, _ := newDrive(t, step{cdb: "34 06 00 00 00 00 00 00 00 00", in: "80 00"})
	_, err := d.Position(t.Context())
	wantCode(t, err, errcode.DeviceError, "too few bytes")
}

func TestPositionIsAskedAgain(t *testing.T) {
	cdb := at(0, 0).cdb
	d, _ := newDrive(t, step{cdb: cdb, sense: powerOn}, step{cdb: cdb, sense: aborted}, at(0, 0), step{cdb: cdb, sense: aborted}, step{cdb: cdb, sense: aborted})
	if _, err := d.Position(t.Context()); err != nil {
		t.Error(err)
	}
	_, err := d.Position(t.Context())
	wantCode(t, err, errcode.DeviceError)
}

func TestSpace(t *testing.T) {
	d, _ := newDrive(t,
		step{cdb: "11 01 00 00 02 00"}, step{cdb: "11 01 ff ff ff 00"}, step{cdb: "11 00 7f ff ff 00"},
		step{cdb: "91 00 00 00 0000000000800000 00000000"}, step{cdb: "91 01 00 00 ffffffffff7fffff 00000000"},
		step{cdb: "11 03 00 00 00 00"})
	ctx := t.Context()
	for i, err := range []error{
		d.SpaceFilemarks(ctx, 2), d.SpaceFilemarks(ctx, -1), d.SpaceBlocks(ctx, 1<<23-1),
		d.SpaceBlocks(ctx, 1<<23), d.SpaceFilemarks(ctx, -1<<23-1), d.SpaceBlocks(ctx, 0), d.SpaceEOD(ctx),
	} {
		if err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
}

func TestSpaceStops(t *testing.T) {
	tests := []struct {
		name, sense string
		want        error
		left        int64
	}{
		{"filemark", "f0 00 80 00000003 0a 00000000 0001 00 000000", ErrFilemark, 3},
		{"filemark, negative residue", "f0 00 80 fffffffd 0a 00000000 0001 00 000000", ErrFilemark, 3},
		{"end of data", "f0 00 08 00000002 0a 00000000 0005 00 000000", ErrEndOfData, 2},
		{"end of data, no residue", endOfData, ErrEndOfData, -1},
		{"beginning", "f0 00 40 00000001 0a 00000000 0004 00 000000", ErrBeginningOfTape, 1},
	}
	for _, tt := range tests {
		d, _ := newDrive(t, step{cdb: "11 00 00 00 05 00", sense: tt.sense})
		err := d.SpaceBlocks(t.Context(), 5)
		var stopped *Stopped
		if !errors.Is(err, tt.want) || !errors.As(err, &stopped) || stopped.Left != tt.left {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestSpaceFailures(t *testing.T) {
	cdb := "11 00 00 00 05 00"
	d, _ := newDrive(t, step{cdb: cdb, sense: readError}, at(7, 0), step{cdb: cdb, sense: noEndOfData}, at(7, 0), step{cdb: cdb, sense: powerOn})
	wantCode(t, d.SpaceBlocks(t.Context(), 5), errcode.TapeMediumError, "block 7")
	wantCode(t, d.SpaceBlocks(t.Context(), 5), errcode.TapeMediumError, "block 7")
	wantCode(t, d.SpaceBlocks(t.Context(), 5), errcode.TapePosition)
}

func TestLocateBlock(t *testing.T) {
	d, _ := newDrive(t, step{cdb: "92 00 00 00 0000000000012345 00000000"}, at(0x12345, 3))
	if err := d.LocateBlock(t.Context(), 0x12345); err != nil {
		t.Error(err)
	}
}

func TestLocateBlockWithTheShortCommand(t *testing.T) {
	d, _ := newDrive(t,
		step{cdb: "92 00 00 00 0000000000000005 00000000", sense: badOpcode}, step{cdb: "2b 00 00 00000005 00 00 00"}, at(5, 0),
		step{cdb: "92 00 00 00 0000000100000000 00000000", sense: badOpcode})
	if err := d.LocateBlock(t.Context(), 5); err != nil {
		t.Error(err)
	}
	wantCode(t, d.LocateBlock(t.Context(), 1<<32), errcode.CommandRefused)
}

func TestLocateBlockFailures(t *testing.T) {
	cdb := "92 00 00 00 0000000000000005 00000000"
	d, _ := newDrive(t, step{cdb: cdb, sense: endOfData}, step{cdb: cdb}, at(4, 0))
	err := d.LocateBlock(t.Context(), 5)
	wantCode(t, err, errcode.TapeFileNotFound, "the tape ends before it")
	wantSense(t, err, scsi.ASCEndOfData)
	if !errors.Is(err, ErrEndOfData) {
		t.Error("not ErrEndOfData")
	}
	wantCode(t, d.LocateBlock(t.Context(), 5), errcode.TapePosition, "stopped at block 4")
	if err := d.LocateBlock(t.Context(), -1); err == nil {
		t.Error("block -1 accepted")
	}
}

// The rewind that met the attention may be of another cartridge than what was read before it: who writes looks
// again, behind a rewind that met none.
func TestRewindIsSentAgainAfterUnitAttention(t *testing.T) {
	rewind := step{cdb: "01 00 00 00 00 00"}
	d, _ := newDrive(t, step{cdb: rewind.cdb, sense: mediumChanged}, rewind, rewind, step{cdb: write3, out: "*"})
	if err := d.Rewind(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err := d.Write(t.Context(), []byte("abc"))
	wantCode(t, err, errcode.TapePosition, "which cartridge this is", "medium may have changed")
	if err := d.Rewind(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Write(t.Context(), []byte("abc")); err != nil {
		t.Error(err)
	}
}

// TestDeferredErrorIsNeverSwallowed: it is about data that was written before.
func TestDeferredErrorIsNeverSwallowed(t *testing.T) {
	d, _ := newDrive(t, step{cdb: "01 00 00 00 00 00", sense: "71 00 01 00000000 0a 00000000 0c00 00 000000"})
	wantCode(t, d.Rewind(t.Context()), errcode.DeviceError, "deferred recovered error")
}

func TestRewindFailureLeavesThePositionUnknown(t *testing.T) {
	d, _ := newDrive(t, step{cdb: "01 00 00 00 00 00", err: lost(1)})
	wantCode(t, d.Rewind(t.Context()), errcode.DeviceUnknown)
	_, err := d.Write(t.Context(), []byte("abc"))
	wantCode(t, err, errcode.TapePosition)
}

func TestLoadUnloadErasePrevent(t *testing.T) {
	d, _ := newDrive(t,
		step{cdb: "1b 00 00 00 01 00"}, tur, step{cdb: "1b 00 00 00 00 00"},
		tur, step{cdb: "1e 00 00 00 01 00"}, step{cdb: "1e 00 00 00 00 00"},
		step{cdb: "19 00 00 00 00 00"}, step{cdb: "19 01 00 00 00 00", sense: "70 00 07 00000000 0a 00000000 2700 00 000000"},
		step{cdb: "1b 00 00 00 00 00", sense: "70 00 05 00000000 0a 00000000 5302 00 000000"})
	ctx := t.Context()
	for i, err := range []error{d.Load(ctx), d.Unload(ctx), d.Prevent(ctx, true), d.Prevent(ctx, false), d.Erase(ctx, false)} {
		if err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
	wantCode(t, d.Erase(ctx, true), errcode.TapeWriteProtected)
	wantCode(t, d.Unload(ctx), errcode.RemovalPrevented, "medium removal prevented (5/53/02)")
}
