package tape

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"calypso/sys/errcode"
	"calypso/tape/scsi"
)

const write3 = "0a 00 00 00 03 00"

func TestWrite(t *testing.T) {
	d, _ := newDrive(t, step{cdb: write3, out: "010203"}, step{cdb: write3, out: "040506", sense: earlyWarning})
	if ew, err := d.Write(t.Context(), []byte{1, 2, 3}); ew || err != nil {
		t.Error(ew, err)
	}
	if ew, err := d.Write(t.Context(), []byte{4, 5, 6}); !ew || err != nil {
		t.Error(ew, err)
	}
}

func TestWriteFailures(t *testing.T) {
	full := errors.Join(&scsi.SenseError{CDB: []byte{0x0A}, Sense: scsi.Sense{Key: scsi.MediumError, ASC: 0x0C00}}, syscall.ENOSPC)
	damaged := errors.Join(&scsi.SenseError{CDB: []byte{0x0A}, Sense: scsi.Sense{Key: scsi.MediumError, ASC: 0x0C00}},
		errcode.New(errcode.ImageDamaged, "/tapes/V00001L8", "block 7 has a wrong checksum"))
	tests := []struct {
		name  string
		step  step
		code  errcode.Code
		asc   scsi.ASC
		parts []string
	}{
		{"volume overflow", step{sense: "70 00 4d 00000003 0a 00000000 0002 00 000000"}, errcode.TapeFull, 2, []string{"write vtl01:0: volume overflow"}},
		{"early warning with residue", step{sense: "f0 00 40 00000003 0a 00000000 0002 00 000000"}, errcode.TapeFull, 2, []string{"3 bytes"}},
		{"write protected", step{sense: "70 00 07 00000000 0a 00000000 2700 00 000000"}, errcode.TapeWriteProtected, 0x2700, nil},
		{"worm", step{sense: "70 00 07 00000000 0a 00000000 300c 00 000000"}, errcode.TapeWORM, 0x300C, nil},
		{"security", step{sense: "70 00 07 00000000 0a 00000000 7400 00 000000"}, errcode.KeyNeeded, 0x7400, nil},
		{"hardware", step{sense: "70 00 04 00000000 0a 00000000 4400 00 000000"}, errcode.DeviceError, 0x4400, []string{"internal target failure (4/44/00)"}},
		{"aborted", step{sense: aborted}, errcode.TapePosition, 0x4700, nil},
		{"no medium", step{sense: noMedium}, errcode.DriveEmpty, 0x3A00, nil},
		{"becoming ready", step{sense: becomingReady}, errcode.TapeNotReady, 0x0401, nil},
		{"incompatible", step{sense: "70 00 05 00000000 0a 00000000 3000 00 000000"}, errcode.MediaIncompatible, 0x3000, nil},
		{"unit attention", step{sense: powerOn}, errcode.TapePosition, 0x2900, []string{"power on, reset"}},
		{"answer lost", step{err: lost(0x0A)}, errcode.DeviceUnknown, 0, []string{"WRITE(6): answer lost: cable pulled"}},
		{"busy", step{err: &scsi.StatusError{CDB: []byte{0x0A}, Status: scsi.StatusBusy}}, errcode.DeviceBusy, 0, nil},
		{"task aborted", step{err: &scsi.StatusError{CDB: []byte{0x0A}, Status: scsi.StatusTaskAborted}}, errcode.DeviceUnknown, 0, nil},
		{"disk full below", step{err: full}, errcode.DiskFull, 0x0C00, []string{"no space left on device"}},
		{"image damaged below", step{err: damaged}, errcode.ImageDamaged, 0x0C00, []string{"write vtl01:0", "wrong checksum"}},
		{"denied", step{err: lostBecause(syscall.EPERM)}, errcode.PermissionDenied, 0, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.step.cdb, tt.step.out = write3, "*"
			d, _ := newDrive(t, tt.step)
			ew, err := d.Write(t.Context(), []byte("abc"))
			if ew {
				t.Error("early warning with an error")
			}
			wantCode(t, err, tt.code, tt.parts...)
			if tt.asc != 0 {
				wantSense(t, err, tt.asc)
			}
		})
	}
}

func lostBecause(cause error) error {
	return &scsi.TransportError{CDB: []byte{0x0A}, Err: fmt.Errorf("ioctl: %w", cause)}
}

// TestLostAnswers: whether the command was carried out is not known, so neither is the position.
func TestLostAnswers(t *testing.T) {
	for name, err := range map[string]error{
		"transport":    lost(0x0A),
		"cancelled":    lostBecause(context.Canceled), // a cancelled wait is not a command that was never sent
		"task aborted": &scsi.StatusError{Status: scsi.StatusTaskAborted},
	} {
		t.Run(name, func(t *testing.T) {
			d, _ := newDrive(t, step{cdb: write3, out: "*", err: err})
			_, err := d.Write(t.Context(), []byte("abc"))
			wantCode(t, err, errcode.DeviceUnknown)
			_, err = d.Write(t.Context(), []byte("abc"))
			wantCode(t, err, errcode.TapePosition)
		})
	}
}

func TestWriteKeepsTheCauseInTheChain(t *testing.T) {
	d, _ := newDrive(t, step{cdb: write3, out: "*", err: lostBecause(syscall.ENOSPC)})
	if _, err := d.Write(t.Context(), []byte("abc")); !errors.Is(err, syscall.ENOSPC) {
		t.Error(err)
	}
}

func TestMediumErrorNamesTheBlock(t *testing.T) {
	d, _ := newDrive(t, step{cdb: write3, out: "*", sense: readError}, at(4711, 3))
	_, err := d.Write(t.Context(), []byte("abc"))
	wantCode(t, err, errcode.TapeMediumError, "the tape is at block 4711, file 3")
}

// After a unit attention in mid-write nothing is sent that depends on the position, until it is
// established; and the write is not repeated.
func TestWriteAfterUnitAttention(t *testing.T) {
	rewind := step{cdb: "01 00 00 00 00 00"}
	d, _ := newDrive(t, step{cdb: write3, out: "*", sense: powerOn}, at(0, 0), rewind, step{cdb: write3, out: "*"})
	ctx := t.Context()
	_, err := d.Write(ctx, []byte("abc"))
	wantCode(t, err, errcode.TapePosition)
	for name, try := range map[string]func() error{
		"write":           func() error { _, err := d.Write(ctx, []byte("abc")); return err },
		"filemarks":       func() error { _, err := d.WriteFilemarks(ctx, 1, false); return err },
		"read":            func() error { _, err := d.Read(ctx, make([]byte, 3)); return err },
		"space filemarks": func() error { return d.SpaceFilemarks(ctx, 1) },
		"space blocks":    func() error { return d.SpaceBlocks(ctx, 1) },
		"erase":           func() error { return d.Erase(ctx, false) },
	} {
		if err := try(); errcode.Of(err) != errcode.TapePosition {
			t.Errorf("%s: %v", name, err)
		}
	}
	if p, err := d.Position(ctx); err != nil || p.Block != 0 {
		t.Errorf("position: %+v, %v", p, err)
	}
	if _, err := d.Write(ctx, []byte("abc")); errcode.Of(err) != errcode.TapePosition {
		t.Errorf("asking for the position made it known: %v", err)
	}
	if err := d.Rewind(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Write(ctx, []byte("abc")); err != nil {
		t.Error(err)
	}
}

func TestFirstCommandClearsUnitAttentions(t *testing.T) {
	w := &wire{t: t, steps: []step{{cdb: turCDB, sense: powerOn}, {cdb: turCDB, sense: mediumChanged}, tur, {cdb: "01 00 00 00 00 00"}, {cdb: write3, out: "*"}}}
	defer w.done()
	d := NewDrive(w)
	d.asked = true
	_, err := d.Write(t.Context(), []byte("abc"))
	wantCode(t, err, errcode.TapePosition, "medium may have changed")
	if err := d.Rewind(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Write(t.Context(), []byte("abc")); err != nil {
		t.Error(err)
	}
}

func TestUnitAttentionsWithoutEnd(t *testing.T) {
	var steps []step
	for range maxAttentions {
		steps = append(steps, step{cdb: turCDB, sense: powerOn})
	}
	w := &wire{t: t, steps: steps}
	defer w.done()
	err := NewDrive(w).Rewind(t.Context())
	wantCode(t, err, errcode.DeviceError)
	if want := "rewind: the device reports one unit attention after another"; err.Error() != want {
		t.Errorf("%q, want %q", err, want)
	}
}

func TestDeferredErrorLosesThePosition(t *testing.T) {
	d, _ := newDrive(t, step{cdb: write3, out: "*", sense: "71 00 03 00000000 0a 00000000 0c00 00 000000"}, at(9, 1))
	_, err := d.Write(t.Context(), []byte("abc"))
	wantCode(t, err, errcode.TapeMediumError, "deferred medium error: write error", "block 9")
	_, err = d.Write(t.Context(), []byte("abc"))
	wantCode(t, err, errcode.TapePosition)
}

func TestDeferredEarlyWarningIsNoSuccess(t *testing.T) {
	d, _ := newDrive(t, step{cdb: write3, out: "*", sense: "71 00 40 00000000 0a 00000000 0002 00 000000"})
	if ew, err := d.Write(t.Context(), []byte("abc")); ew || err == nil {
		t.Errorf("a block that the drive did not take counts as written: %v %v", ew, err)
	}
}

func TestBlockSizes(t *testing.T) {
	d, _ := newDrive(t,
		step{cdb: "0a 00 80 00 01 00", out: "*", sense: badField}, step{cdb: "05 00 00 00 00 00", in: "00 80 00 00 00 01"})
	_, err := d.Write(t.Context(), make([]byte, 0x800001))
	wantCode(t, err, errcode.TapeBlockTooLarge, "8388608", "8388609")
	for _, n := range []int{0, 1 << 24} {
		_, err = d.Write(t.Context(), make([]byte, n))
		wantCode(t, err, errcode.TapeBlockTooLarge)
		_, err = d.Read(t.Context(), make([]byte, n))
		wantCode(t, err, errcode.TapeBlockTooLarge)
	}
}

func TestRefusedWriteOfAFittingBlock(t *testing.T) {
	d, _ := newDrive(t, step{cdb: write3, out: "*", sense: badField}, step{cdb: "05 00 00 00 00 00", in: "00 80 00 00 00 01"})
	_, err := d.Write(t.Context(), []byte("abc"))
	wantCode(t, err, errcode.CommandRefused)
}

func TestLimits(t *testing.T) {
	d, _ := newDrive(t, step{cdb: "05 00 00 00 00 00", in: "00 80 00 00 00 01"})
	for range 2 { // the second is answered from memory
		if smallest, largest, err := d.Limits(t.Context()); smallest != 1 || largest != 8<<20 || err != nil {
			t.Error(smallest, largest, err)
		}
	}
	d, _ = newDrive(t, step{cdb: "05 00 00 00 00 00", in: "00 00 00 00 00 04"})
	if _, largest, err := d.Limits(t.Context()); largest != maxTransfer || err != nil {
		t.Error("no maximum:", largest, err)
	}
	d, _ = newDrive(t, step{cdb: "05 00 00 00 00 00", in: "00 00 00"})
	_, _, err := d.Limits(t.Context())
	wantCode(t, err, errcode.DeviceError)
}

func TestWriteFilemarks(t *testing.T) {
	d, _ := newDrive(t,
		step{cdb: "10 00 00 00 02 00"}, step{cdb: "10 01 00 00 01 00", sense: earlyWarning},
		step{cdb: "10 00 00 00 00 00"}, step{cdb: "10 00 00 00 01 00", sense: "f0 00 4d 00000001 0a 00000000 0002 00 000000"})
	if ew, err := d.WriteFilemarks(t.Context(), 2, false); ew || err != nil {
		t.Error(ew, err)
	}
	if ew, err := d.WriteFilemarks(t.Context(), 1, true); !ew || err != nil {
		t.Error(ew, err)
	}
	if err := d.Flush(t.Context()); err != nil {
		t.Error(err)
	}
	_, err := d.WriteFilemarks(t.Context(), 1, false)
	wantCode(t, err, errcode.TapeFull)
	if _, err := d.WriteFilemarks(t.Context(), -1, false); err == nil {
		t.Error("count -1 accepted")
	}
}

const read4 = "08 00 00 00 04 00"

func TestRead(t *testing.T) {
	tests := []struct {
		name string
		step step
		n    int
		err  error
	}{
		{"whole", step{in: "61626364"}, 4, nil},
		{"shorter block", step{in: "6162", sense: "f0 00 20 00000002 0a 00000000 0000 00 000000"}, 2, nil},
		{"shorter block, transport claims more", step{in: "61627a7a", sense: "f0 00 20 00000002 0a 00000000 0000 00 000000"}, 2, nil},
		{"shorter block, no information", step{in: "6162", sense: "70 00 20 00000000 0a 00000000 0000 00 000000"}, 2, nil},
		{"recovered", step{in: "61626364", sense: "70 00 01 00000000 0a 00000000 1701 00 000000"}, 4, nil},
		{"recovered and shorter", step{in: "616263", sense: "f0 00 21 00000001 0a 00000000 1701 00 000000"}, 3, nil},
		{"past early warning", step{in: "61626364", sense: earlyWarning}, 4, nil},
		{"filemark", step{sense: "f0 00 80 00000004 0a 00000000 0001 00 000000"}, 0, ErrFilemark},
		{"filemark, no code", step{sense: "f0 00 80 00000004 0a 00000000 0000 00 000000"}, 0, ErrFilemark},
		{"filemark, code alone", step{sense: "70 00 00 00000000 0a 00000000 0001 00 000000"}, 0, ErrFilemark},
		{"filemark at early warning", step{sense: "f0 00 c0 00000004 0a 00000000 0001 00 000000"}, 0, ErrFilemark},
		{"end of data", step{sense: endOfData}, 0, ErrEndOfData},
		{"end of data of a tape that was never written", step{sense: "70 00 08 00000000 0a 00000000 0000 00 000000"}, 0, ErrEndOfData},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.step.cdb = read4
			d, _ := newDrive(t, tt.step)
			buf := make([]byte, 4)
			n, err := d.Read(t.Context(), buf)
			if n != tt.n || err != tt.err {
				t.Errorf("%d, %v", n, err)
			}
			if want := "abcd"[:tt.n]; string(buf[:n]) != want {
				t.Errorf("data %q, want %q", buf[:n], want)
			}
		})
	}
}

func TestReadBlockTooLong(t *testing.T) {
	d, _ := newDrive(t, step{cdb: read4, in: "61626364", sense: "f0 00 20 fffffff6 0a 00000000 0000 00 000000"})
	buf := make([]byte, 4)
	n, err := d.Read(t.Context(), buf)
	var long *BlockTooLong
	if !errors.As(err, &long) || long.Actual != 14 || long.Buffer != 4 || n != 4 || string(buf) != "abcd" {
		t.Errorf("%d %q %v", n, buf, err)
	}
}

// TestReadNeverGivesTooLittle: data that the transport lost is an error, not a shorter block.
func TestReadNeverGivesTooLittle(t *testing.T) {
	for name, s := range map[string]step{
		"good":           {in: "616263"},
		"recovered":      {in: "616263", sense: "70 00 01 00000000 0a 00000000 1701 00 000000"},
		"incorrect size": {in: "6162", sense: "f0 00 20 00000001 0a 00000000 0000 00 000000"},
		"nonsense size":  {in: "6162", sense: "f0 00 20 00000009 0a 00000000 0000 00 000000"},
	} {
		t.Run(name, func(t *testing.T) {
			s.cdb = read4
			d, _ := newDrive(t, s)
			n, err := d.Read(t.Context(), make([]byte, 4))
			wantCode(t, err, errcode.DeviceUnknown)
			if n != 0 {
				t.Errorf("%d bytes with an error", n)
			}
			_, err = d.Read(t.Context(), make([]byte, 4))
			wantCode(t, err, errcode.TapePosition)
		})
	}
}

func TestReadFailures(t *testing.T) {
	tests := []struct {
		name string
		step step
		code errcode.Code
	}{
		{"medium error", step{sense: readError}, errcode.TapeMediumError},
		{"medium error with a length", step{in: "61", sense: "f0 00 23 00000003 0a 00000000 1100 00 000000"}, errcode.TapeMediumError},
		{"unit attention", step{sense: mediumChanged}, errcode.TapePosition},
		{"lost", step{err: lost(0x08)}, errcode.DeviceUnknown},
		{"in clear", step{sense: "70 00 07 00000000 0a 00000000 7402 00 000000"}, errcode.EncryptionState},
		{"not what was written", step{sense: "70 00 07 00000000 0a 00000000 7404 00 000000"}, errcode.TapeMediumError},
		{"no end of data", step{sense: noEndOfData}, errcode.TapeMediumError},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.step.cdb = read4
			steps := []step{tt.step}
			if tt.code == errcode.TapeMediumError {
				steps = append(steps, at(5, 1))
			}
			d, _ := newDrive(t, steps...)
			n, err := d.Read(t.Context(), make([]byte, 4))
			if n != 0 {
				t.Errorf("%d bytes with an error", n)
			}
			wantCode(t, err, tt.code)
		})
	}
}

func TestContextIsAskedFirst(t *testing.T) {
	w := &wire{t: t}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	d := NewDrive(w)
	_, err := d.Write(ctx, []byte("abc"))
	wantCode(t, err, errcode.Interrupted)
	wantCode(t, d.Rewind(ctx), errcode.Interrupted)
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// quiet answers everything with GOOD.
type quiet struct{}

func (quiet) Exec(_ context.Context, cmd *scsi.Command) error {
	cmd.Transferred = len(cmd.DataIn) + len(cmd.DataOut)
	return nil
}

func TestDataPathDoesNotAllocate(t *testing.T) {
	d := NewDrive(quiet{})
	ctx, block := t.Context(), make([]byte, 256<<10)
	n := testing.AllocsPerRun(100, func() {
		if _, err := d.Write(ctx, block); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Read(ctx, block); err != nil {
			t.Fatal(err)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations a block", n)
	}
}

func TestErrorKeepsItsCommand(t *testing.T) {
	d, _ := newDrive(t, step{cdb: write3, out: "*", sense: noMedium}, step{cdb: "01 00 00 00 00 00"})
	_, err := d.Write(t.Context(), []byte("abc"))
	if err := d.Rewind(t.Context()); err != nil {
		t.Fatal(err)
	}
	var check *scsi.SenseError
	if !errors.As(err, &check) || hex.EncodeToString(check.CDB) != "0a0000000300" {
		t.Errorf("the next command changed the error: %v", check)
	}
}

// After any unit attention, in either format, and after a command that the drive gave up, nothing is sent that
// works at the position. The attention of TIMESTAMP CHANGED stands for those that mean no harm: nobody can list them.
func TestNothingIsWrittenAfter(t *testing.T) {
	for name, sense := range map[string]string{
		"power on":                      powerOn,
		"reset, descriptor format":      "72 06 29 03 00000000",
		"medium changed":                mediumChanged,
		"medium changed, descriptor":    "72 06 28 00 00000000",
		"mode parameters":               "70 00 06 00000000 0a 00000000 2a01 00 000000",
		"reservations preempted":        "70 00 06 00000000 0a 00000000 2a03 00 000000",
		"nexus loss":                    "70 00 06 00000000 0a 00000000 2907 00 000000",
		"timestamp":                     "70 00 06 00000000 0a 00000000 2a10 00 000000",
		"aborted":                       aborted,
		"deferred, descriptor format":   "73 03 0c 00 00000000",
		"deferred hardware error":       "71 00 04 00000000 0a 00000000 4400 00 000000",
		"deferred, of a recovered kind": "71 00 01 00000000 0a 00000000 1800 00 000000",
	} {
		first := step{cdb: write3, out: "*", sense: sense}
		steps := []step{first}
		if strings.HasPrefix(name, "deferred, desc") { // a medium error tells where the tape is
			steps = append(steps, at(9, 1))
		}
		d, _ := newDrive(t, steps...)
		if _, err := d.Write(t.Context(), []byte("abc")); err == nil {
			t.Errorf("%s: no error", name)
		}
		for _, do := range []func() error{
			func() error { _, err := d.Write(t.Context(), []byte("abc")); return err },
			func() error { _, err := d.WriteFilemarks(t.Context(), 1, false); return err },
			func() error { _, err := d.Read(t.Context(), make([]byte, 9)); return err },
			func() error { return d.SpaceBlocks(t.Context(), 1) },
			func() error { return d.Erase(t.Context(), false) },
		} {
			if err := do(); errcode.Of(err) != errcode.TapePosition {
				t.Errorf("%s: %v; want %s", name, err, errcode.TapePosition)
			}
		}
	}
}
