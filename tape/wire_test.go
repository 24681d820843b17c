package tape

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"calypso/sys/errcode"
	"calypso/tape/scsi"
)

// step is one command that the test expects on the wire, byte by byte, and the answer to it.
type step struct {
	cdb   string // hex, blanks allowed
	out   string // data that must come with it, hex; "*": any
	in    string // data of the answer, hex
	sense string // hex: CHECK CONDITION
	err   error  // any other answer than GOOD
	short int    // bytes of data that the transport loses
}

// wire is a transport that plays steps.
type wire struct {
	t     *testing.T
	steps []step
	next  int
}

func (w *wire) Exec(ctx context.Context, cmd *scsi.Command) error {
	w.t.Helper()
	if err := ctx.Err(); err != nil {
		return err
	}
	if cmd.Timeout <= 0 {
		w.t.Errorf("step %d: no timeout", w.next)
	}
	if w.next == len(w.steps) {
		w.t.Fatalf("unexpected % x (%s)", cmd.CDB, scsi.OpcodeName(cmd.CDB))
	}
	s := w.steps[w.next]
	w.next++
	if want := unhex(w.t, s.cdb); !bytes.Equal(cmd.CDB, want) {
		w.t.Fatalf("step %d: % x, want % x (%s)", w.next, cmd.CDB, want, scsi.OpcodeName(want))
	}
	if s.out != "*" && !bytes.Equal(cmd.DataOut, unhex(w.t, s.out)) {
		w.t.Fatalf("step %d: data % x, want %s", w.next, cmd.DataOut, s.out)
	}
	cmd.Transferred = max(0, len(cmd.DataOut)+copy(cmd.DataIn, unhex(w.t, s.in))-s.short)
	if s.sense != "" {
		sense, err := scsi.ParseSense(unhex(w.t, s.sense))
		if err != nil {
			w.t.Fatal(err)
		}
		return &scsi.SenseError{CDB: cmd.CDB, Sense: sense}
	}
	return s.err
}

func (w *wire) done() {
	w.t.Helper()
	if w.next != len(w.steps) {
		w.t.Errorf("%d of %d steps were played; next %s", w.next, len(w.steps), w.steps[w.next].cdb)
	}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Sense data that many tests use.
const (
	earlyWarning  = "70 00 40 00000000 0a 00000000 0002 00 000000"
	mediumChanged = "70 00 06 00000000 0a 00000000 2800 00 000000"
	powerOn       = "70 00 06 00000000 0a 00000000 2900 00 000000"
	noMedium      = "70 00 02 00000000 0a 00000000 3a00 00 000000"
	becomingReady = "70 00 02 00000000 0a 00000000 0401 00 804000"
	needsLoad     = "70 00 02 00000000 0a 00000000 0402 00 000000"
	badOpcode     = "70 00 05 00000000 0a 00000000 2000 00 000000"
	badField      = "70 00 05 00000000 0a 00000000 2400 00 000000"
	readError     = "70 00 03 00000000 0a 00000000 1100 00 000000"
	endOfData     = "70 00 08 00000000 0a 00000000 0005 00 000000"
	noEndOfData   = "70 00 08 00000000 0a 00000000 1403 00 000000" // as drives told of data before 2001 already
	aborted       = "70 00 0b 00000000 0a 00000000 4700 00 000000"
)

const turCDB = "00 00 00 00 00 00"

var tur = step{cdb: turCDB}

// newDrive is a drive whose pending unit attentions are cleared by the first step.
func newDrive(t *testing.T, steps ...step) (*Drive, *wire) {
	w := &wire{t: t, steps: append([]step{tur}, steps...)}
	d := NewDrive(w)
	d.Name = "vtl01:0"
	d.asked = true // how long its commands take: timeout_test.go
	d.sleep = func(context.Context, time.Duration) error { return nil }
	t.Cleanup(w.done)
	return d, w
}

// long is READ POSITION long form: the step with its answer.
func at(block, file int64) step {
	b := make([]byte, 32)
	for i := range 8 {
		b[8+i] = byte(block >> (56 - 8*i))
		b[16+i] = byte(file >> (56 - 8*i))
	}
	return step{cdb: "34 06 00 00 00 00 00 00 00 00", in: hex.EncodeToString(b)}
}

// wantCode checks the code of an error and that its text holds every part.
func wantCode(t *testing.T, err error, code errcode.Code, parts ...string) {
	t.Helper()
	if got := errcode.Of(err); got != code {
		t.Fatalf("code %q, want %q: %v", got, code, err)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
}

func wantSense(t *testing.T, err error, asc scsi.ASC) {
	t.Helper()
	if s, ok := scsi.SenseOf(err); !ok || s.ASC != asc {
		t.Errorf("sense %v not in the chain of %v", asc, err)
	}
}

var errCable = errors.New("cable pulled")

func lost(cdb ...byte) error { return &scsi.TransportError{CDB: cdb, Err: errCable} }
