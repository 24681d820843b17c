package scsi

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
)

const transcriptExample = `{"format":"calypso-scsi-transcript","version":1}
{"cdb":"120000000800","name":"INQUIRY","in":"0180061200","transferred":5,"answer":"good"}
{"cdb":"0a0000000300","name":"WRITE(6)","out":"616263","out_bytes":3,"transferred":3,"answer":"check","sense":{"text":"","raw":"70004000000000000000000000020000"}}
{"cdb":"010000000000","name":"REWIND","transferred":0,"answer":"status","status":8}
{"cdb":"010000000000","name":"REWIND","transferred":0,"answer":"lost","error":"bus reset"}
`

// device answers every command with what answer says, filling reads with 'x'.
type device struct {
	answer func(cmd *Command) error
	calls  int
}

func (d *device) Exec(_ context.Context, cmd *Command) error {
	d.calls++
	for i := range cmd.DataIn {
		cmd.DataIn[i] = 'x'
	}
	cmd.Transferred = len(cmd.DataIn) + len(cmd.DataOut)
	if d.answer == nil {
		return nil
	}
	return d.answer(cmd)
}

func TestReplayer(t *testing.T) {
	p, err := NewReplayer(strings.NewReader(transcriptExample))
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	in := &Command{CDB: unhex(t, "12 00 00 00 08 00"), DataIn: make([]byte, 8)}
	if err := p.Exec(ctx, in); err != nil || in.Transferred != 5 || in.DataIn[2] != 6 {
		t.Errorf("inquiry: %+v, %v", in, err)
	}
	out := &Command{CDB: unhex(t, "0a 00 00 00 03 00"), DataOut: []byte("abc")}
	if s, ok := SenseOf(p.Exec(ctx, out)); !ok || !s.EOM || out.Transferred != 3 {
		t.Errorf("write: %+v, %v", s, ok)
	}
	rewind := &Command{CDB: unhex(t, "01 00 00 00 00 00")}
	var status *StatusError
	if err := p.Exec(ctx, rewind); !errors.As(err, &status) || status.Status != StatusBusy {
		t.Errorf("rewind: %v", err)
	}
	if err := p.Done(); err == nil || !strings.Contains(err.Error(), "1 of 4") {
		t.Errorf("done: %v", err)
	}
	var lost *TransportError
	if err := p.Exec(ctx, rewind); !errors.As(err, &lost) || lost.Err.Error() != "bus reset" {
		t.Errorf("rewind: %v", err)
	}
	if err := p.Done(); err != nil {
		t.Error(err)
	}
	if err := p.Exec(ctx, rewind); !errors.As(err, &lost) {
		t.Errorf("after the end: %v", err)
	}
}

func TestReplayerIsStrict(t *testing.T) {
	p, err := NewReplayer(strings.NewReader(transcriptExample))
	if err != nil {
		t.Fatal(err)
	}
	err = p.Exec(t.Context(), &Command{CDB: unhex(t, "12 00 00 00 09 00"), DataIn: make([]byte, 9)})
	if err == nil || !strings.Contains(err.Error(), "12 00 00 00 08 00 was recorded, 12 00 00 00 09 00 came") {
		t.Errorf("another CDB: %v", err)
	}
	p.next = 1
	err = p.Exec(t.Context(), &Command{CDB: unhex(t, "0a 00 00 00 03 00"), DataOut: []byte("abd")})
	if err == nil || !strings.Contains(err.Error(), "other data") {
		t.Errorf("other data: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Exec(ctx, &Command{CDB: []byte{0}}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestReplayerRefuses(t *testing.T) {
	header := `{"format":"calypso-scsi-transcript","version":1}` + "\n"
	for _, bad := range []string{
		"", "{}", `{"format":"calypso-scsi-transcript","version":2}`, header + `{"answer":"good"}`,
		header + `{"cdb":"0g"}`, header + `{"cdb":"00","unknown":1}`, header + `{"cdb":"00"`,
	} {
		if _, err := NewReplayer(strings.NewReader(bad)); err == nil {
			t.Errorf("%q accepted", bad)
		}
	}
}

func TestRecordedRunReplays(t *testing.T) {
	answers := []error{
		nil,
		&SenseError{Sense: Sense{Key: MediumError, ASC: 0x1100, InfoValid: true, Info: -3}}, // no raw bytes
		&StatusError{Status: StatusReservationConflict},
		&TransportError{Err: errors.New("cable")},
		errors.New("not allowed"),
	}
	n := -1
	d := &device{answer: func(*Command) error { n++; return answers[n] }}
	var log bytes.Buffer
	r := NewRecorder(d, &log)
	commands := func() []*Command {
		return []*Command{
			{CDB: []byte{OpRead6, 0, 0, 0, 4, 0}, DataIn: make([]byte, 4)},
			{CDB: []byte{OpWrite6, 0, 0, 0, 2, 0}, DataOut: []byte{0, 255}},
			{CDB: []byte{OpRewind, 0, 0, 0, 0, 0}},
			{CDB: []byte{OpRewind, 1, 0, 0, 0, 0}},
			{CDB: []byte{OpTestUnitReady, 0, 0, 0, 0, 0}},
		}
	}
	for i, cmd := range commands() {
		if err := r.Exec(t.Context(), cmd); err != answers[i] {
			t.Errorf("the recorder changed %v to %v", answers[i], err)
		}
	}
	if r.Err() != nil {
		t.Fatal(r.Err())
	}
	p, err := NewReplayer(&log)
	if err != nil {
		t.Fatal(err)
	}
	for i, cmd := range commands() {
		if err := p.Exec(t.Context(), cmd); errorText(err) != errorText(withCDB(answers[i], cmd.CDB)) {
			t.Errorf("%d: played %v, recorded %v", i, err, answers[i])
		}
		if i == 0 && string(cmd.DataIn) != "xxxx" {
			t.Errorf("data %q", cmd.DataIn)
		}
	}
	if err := p.Done(); err != nil {
		t.Error(err)
	}
}

func withCDB(err error, cdb []byte) error {
	switch e := err.(type) {
	case *SenseError:
		return &SenseError{cdb, e.Sense}
	case *StatusError:
		return &StatusError{cdb, e.Status}
	case *TransportError:
		return &TransportError{cdb, e.Err}
	}
	return err
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestRecorderHidesKeys(t *testing.T) {
	var log bytes.Buffer
	r := NewRecorder(&device{}, &log)
	key := &Command{CDB: []byte{0xB5, 0x20, 0, 0x10, 0, 0, 0, 0, 0, 6, 0, 0}, DataOut: []byte("SECRET")}
	if err := r.Exec(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(log.String(), "534543524554") || !strings.Contains(log.String(), `"out_bytes":6,"redacted":true`) {
		t.Error(log.String())
	}
	p, err := NewReplayer(&log)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Exec(t.Context(), key); err != nil {
		t.Error(err)
	}
}

func TestRecorderLeavesOutWhatWasNotSent(t *testing.T) {
	var log bytes.Buffer
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := NewRecorder(&device{answer: func(*Command) error { return ctx.Err() }}, &log)
	_ = r.Exec(ctx, &Command{CDB: []byte{0, 0, 0, 0, 0, 0}})
	if n := strings.Count(log.String(), "\n"); n != 1 {
		t.Errorf("%d lines", n)
	}
}

type fullWriter struct{}

func (fullWriter) Write([]byte) (int, error) { return 0, errors.New("full") }

func TestRecorderNeverDisturbs(t *testing.T) {
	r := NewRecorder(&device{}, fullWriter{})
	if err := r.Exec(t.Context(), &Command{CDB: []byte{0, 0, 0, 0, 0, 0}}); err != nil {
		t.Error(err)
	}
	if r.Err() == nil {
		t.Error("the failed recording is not told")
	}
}
