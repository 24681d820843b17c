package label_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"calypso/tape"
	"calypso/tape/label"
	"calypso/tape/label/labeltest"
	"calypso/tape/scsi"
)

var (
	_ label.Reader     = (*tape.Drive)(nil)
	_ labeltest.Writer = (*tape.Drive)(nil)
)

// tapeHead is a drive with the head of a tape in it. Behind its objects it answers with end.
type tapeHead struct {
	objects  [][]byte
	failures map[int]error // at the n-th object, before it is read
	end      error
	rewind   error
	onRead   func()

	position, rewinds, reads int
}

func sense(key scsi.SenseKey, asc scsi.ASC) error {
	return fmt.Errorf("read: %w", &scsi.SenseError{CDB: []byte{scsi.OpRead6}, Sense: scsi.Sense{Key: key, ASC: asc}})
}

// marked is sense data with the bits of a filemark or of a block of another length beside a key that says worse.
func marked(key scsi.SenseKey, asc scsi.ASC, filemark, ili bool) error {
	return &scsi.SenseError{CDB: []byte{scsi.OpRead6}, Sense: scsi.Sense{Key: key, ASC: asc, Filemark: filemark, ILI: ili}}
}

func filemark() error {
	return &scsi.SenseError{CDB: []byte{scsi.OpRead6}, Sense: scsi.Sense{Filemark: true, ASC: 0x0001}}
}

var endOfData = sense(scsi.BlankCheck, 0x0005)

func (d *tapeHead) Rewind(ctx context.Context) error {
	d.rewinds++
	d.position = 0
	if d.rewind != nil && d.rewinds > 1 {
		return d.rewind
	}
	return ctx.Err()
}

func (d *tapeHead) Read(ctx context.Context, buf []byte) (int, error) {
	d.reads++
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if err := d.failures[d.position]; err != nil {
		return 0, err
	}
	if d.position == len(d.objects) {
		return 0, d.end
	}
	b := d.objects[d.position]
	d.position++
	if d.onRead != nil {
		d.onRead()
	}
	if b == nil {
		return 0, filemark()
	}
	n := copy(buf, b)
	if n < len(b) {
		long := scsi.Sense{ILI: true, InfoValid: true, Info: int64(n - len(b))}
		return n, &scsi.SenseError{CDB: []byte{scsi.OpRead6}, Sense: long}
	}
	return n, nil
}

func TestReadImages(t *testing.T) {
	for _, img := range images(t) {
		d := &tapeHead{objects: img.Objects, end: endOfData}
		f, err := label.Read(context.Background(), d)
		if err != nil || string(f.Kind) != img.Kind || f.Volume != img.Volume || f.Software != img.Software {
			t.Errorf("%s: %+v, %v", img.Name, f, err)
		}
		if d.position != 0 || d.rewinds != 2 {
			t.Errorf("%s: tape left at object %d after %d rewinds", img.Name, d.position, d.rewinds)
		}
	}
}

func TestReadBySense(t *testing.T) {
	text := []byte("VOL1TAPE01")
	for name, c := range map[string]struct {
		head [][]byte
		end  error
		want label.Kind
	}{
		"end of data":                {nil, endOfData, label.Blank},
		"blank check without a code": {nil, sense(scsi.BlankCheck, 0), label.Blank},
		"end of data not found":      {nil, sense(scsi.BlankCheck, 0x1403), label.Unreadable},
		"medium error":               {nil, sense(scsi.MediumError, 0x1100), label.Unreadable},
		"unknown format":             {nil, sense(scsi.MediumError, 0x3001), label.Unreadable},
		"medium error behind a mark": {[][]byte{nil}, sense(scsi.MediumError, 0x1100), label.Unreadable},
		"medium error at a mark":     {nil, marked(scsi.MediumError, 0x1100, true, false), label.Unreadable},
		"medium error, length":       {nil, marked(scsi.MediumError, 0x1100, false, true), label.Unreadable},
		"no key":                     {nil, sense(scsi.DataProtect, 0x7401), label.Encrypted},
		"wrong key":                  {nil, sense(scsi.DataProtect, 0x7403), label.Encrypted},
		"key required, IBM":          {nil, sense(scsi.DataProtect, 0xEF10), label.Encrypted},
		"label, then no key":         {[][]byte{text}, sense(scsi.DataProtect, 0x7401), label.ANSI},
		"label, then medium error":   {[][]byte{text}, sense(scsi.MediumError, 0x1100), label.ANSI},
		"label, then end of data":    {[][]byte{text}, endOfData, label.ANSI},
		"data, then no key":          {[][]byte{{1, 2}}, sense(scsi.DataProtect, 0x7401), label.Unknown},
		"many filemarks, then data":  {append(make([][]byte, 9), text), endOfData, label.ANSI},
		"too many filemarks":         {make([][]byte, 10), endOfData, label.Unknown},
		"filemarks, then the end":    {make([][]byte, 9), endOfData, label.Blank},
		"longer than the buffer":     {[][]byte{append([]byte("VOL1LTO001"), make([]byte, 1<<20)...)}, endOfData, label.ANSI},
		"filemark, no sense":         {[][]byte{text}, tape.ErrFilemark, label.ANSI},
		"end of data, no sense":      {nil, fmt.Errorf("read: %w", tape.ErrEndOfData), label.Blank},
		"too long, beginning lost":   {nil, &tape.BlockTooLong{Actual: -1, Buffer: 1 << 20}, label.Unknown},
	} {
		d := &tapeHead{objects: c.head, end: c.end}
		f, err := label.Read(context.Background(), d)
		if err != nil || f.Kind != c.want {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
		alone := f.Kind == label.Encrypted || f.Kind == label.Unreadable
		if alone != (f.Cause != nil) {
			t.Errorf("%s: cause %v", name, f.Cause)
		}
	}
}

// Whatever else the drive says is an error and never a blank tape.
func TestReadFailsClosed(t *testing.T) {
	for name, err := range map[string]error{
		"not ready":            sense(scsi.NotReady, 0x0401),
		"medium changed":       sense(scsi.UnitAttention, 0x2800),
		"hardware":             sense(scsi.HardwareError, 0x4400),
		"hardware at a mark":   marked(scsi.HardwareError, 0x4400, true, false),
		"aborted, length":      marked(scsi.AbortedCommand, 0x4B00, false, true),
		"hardware, as no key":  sense(scsi.HardwareError, 0x7401),
		"write protected":      sense(scsi.DataProtect, 0x2700),
		"no sense":             sense(scsi.NoSense, 0),
		"end of data, no key":  sense(scsi.NoSense, 0x0005),
		"illegal request":      sense(scsi.IllegalRequest, 0x2400),
		"aborted":              sense(scsi.AbortedCommand, 0),
		"busy":                 &scsi.StatusError{CDB: []byte{8}, Status: 8},
		"answer lost":          &scsi.TransportError{CDB: []byte{8}, Err: errors.New("reset")},
		"anything":             errors.New("anything"),
		"nothing and no error": nil,
		"beginning of tape":    tape.ErrBeginningOfTape,
	} {
		for _, at := range []int{0, 1} {
			d := &tapeHead{objects: [][]byte{[]byte("VOL1AB")}[:at], end: err}
			f, got := label.Read(context.Background(), d)
			if got == nil || f.Overwritable() || f.Kind != label.Unknown {
				t.Errorf("%s after %d blocks: %+v, %v", name, at, f, got)
			}
			if err != nil && !errors.Is(got, err) {
				t.Errorf("%s: error %v hides its cause", name, got)
			}
			if d.rewinds != 2 {
				t.Errorf("%s: %d rewinds", name, d.rewinds)
			}
		}
	}
}

type liar struct{ n int }

func (liar) Rewind(context.Context) error                        { return nil }
func (d liar) Read(_ context.Context, _ []byte) (n int, _ error) { return d.n, nil }

func TestReadOfALyingDrive(t *testing.T) {
	for _, n := range []int{-1, 1<<20 + 1} {
		if f, err := label.Read(context.Background(), liar{n}); err == nil || f.Overwritable() {
			t.Errorf("%d bytes: %+v, %v", n, f, err)
		}
	}
}

func TestReadStopsAfterFiveBlocks(t *testing.T) {
	d := &tapeHead{objects: bytes.Split([]byte("VOL1aa,b,c,d,e,f,g"), []byte(",")), end: endOfData}
	if f, err := label.Read(context.Background(), d); err != nil || f.Kind != label.ANSI || d.reads != 5 {
		t.Errorf("%+v, %v after %d reads", f, err, d.reads)
	}
}

func TestReadStopsAtFilemarkBehindData(t *testing.T) {
	d := &tapeHead{
		objects:  [][]byte{[]byte("VOL1aa"), nil, []byte("more")},
		failures: map[int]error{2: errors.New("read behind the filemark")},
	}
	if f, err := label.Read(context.Background(), d); err != nil || f.Kind != label.ANSI {
		t.Errorf("%+v, %v", f, err)
	}
}

func TestReadCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	d := &tapeHead{end: endOfData}
	if f, err := label.Read(ctx, d); !errors.Is(err, context.Canceled) || f.Overwritable() || d.reads != 0 {
		t.Errorf("%+v, %v, %d reads", f, err, d.reads)
	}
}

// The tape is rewound even when the user interrupts the reading.
func TestReadCancelledBetweenBlocks(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	d := &tapeHead{objects: [][]byte{[]byte("VOL1aa"), {1}}, end: endOfData, onRead: cancel}
	if f, err := label.Read(ctx, d); err == nil || errors.Unwrap(err) != context.Canceled || f.Overwritable() {
		t.Errorf("%+v, %v", f, err)
	}
	if d.position != 0 || d.rewinds != 2 {
		t.Errorf("tape left at object %d after %d rewinds", d.position, d.rewinds)
	}
}

// A tape that may not stand at its beginning must not be written by the caller.
func TestReadLastRewindFails(t *testing.T) {
	d := &tapeHead{end: endOfData, rewind: errors.New("stuck")}
	if f, err := label.Read(context.Background(), d); !errors.Is(err, d.rewind) || f.Kind != label.Blank {
		t.Errorf("%+v, %v", f, err)
	}
}

// readsAnswer is a drive whose reads end in a sense; all else succeeds.
type readsAnswer scsi.Sense

func (a readsAnswer) Exec(_ context.Context, cmd *scsi.Command) error {
	if cmd.CDB[0] == scsi.OpRead6 {
		return &scsi.SenseError{CDB: cmd.CDB, Sense: scsi.Sense(a)}
	}
	cmd.Transferred = len(cmd.DataIn)
	return nil
}

// A drive says by BLANK CHECK both that there is nothing and that the end of what there is was lost.
func TestReadThroughADrive(t *testing.T) {
	for asc, want := range map[scsi.ASC]label.Kind{0x0005: label.Blank, 0: label.Blank, 0x1403: label.Unreadable} {
		f, err := label.Read(t.Context(), tape.NewDrive(readsAnswer{Key: scsi.BlankCheck, ASC: asc}))
		if err != nil || f.Kind != want || f.Overwritable() != (want == label.Blank) {
			t.Errorf("%s: %+v, %v; want %s", asc, f, err, want)
		}
	}
}
