package tape

import (
	"context"
	"testing"
	"time"

	"calypso/sys/errcode"
	"calypso/tape/scsi"
)

func TestReady(t *testing.T) {
	tests := []struct {
		name  string
		step  step
		state ReadyState
	}{
		{"ready", step{}, Ready},
		{"ready, cleaning requested", step{sense: "70 00 01 00000000 0a 00000000 0017 00 000000"}, Ready},
		{"empty", step{sense: noMedium}, Empty},
		{"empty, memory accessible", step{sense: "70 00 02 00000000 0a 00000000 3a04 00 000000"}, Empty},
		{"becoming ready", step{sense: becomingReady}, BecomingReady},
		{"busy", step{err: &scsi.StatusError{Status: scsi.StatusBusy}}, BecomingReady},
		{"needs load", step{sense: needsLoad}, NeedsLoad},
		{"operator", step{sense: "70 00 02 00000000 0a 00000000 0403 00 000000"}, NeedsOperator},
		{"cleaning cartridge", step{sense: "70 00 02 00000000 0a 00000000 3003 00 000000"}, NeedsOperator},
	}
	for _, tt := range tests {
		tt.step.cdb = turCDB
		w := &wire{t: t, steps: []step{{cdb: turCDB, sense: mediumChanged}, tt.step}}
		r, err := NewDrive(w).Ready(t.Context())
		w.done()
		if err != nil || r.State != tt.state {
			t.Errorf("%s: %v, %v", tt.name, r.State, err)
		}
		if len(r.Attentions) != 1 || r.Attentions[0].ASC != scsi.ASCMediumChanged {
			t.Errorf("%s: attentions %v", tt.name, r.Attentions)
		}
		if want := tt.name == "becoming ready"; want != (r.Progress == 0.25) {
			t.Errorf("%s: progress %v", tt.name, r.Progress)
		}
	}
}

func TestReadyFailures(t *testing.T) {
	tests := []struct {
		name string
		step step
		code errcode.Code
	}{
		{"load failed", step{sense: "70 00 03 00000000 0a 00000000 5300 00 000000"}, errcode.TapeMediumError},
		{"incompatible", step{sense: "70 00 03 00000000 0a 00000000 3002 00 000000"}, errcode.MediaIncompatible},
		{"hardware", step{sense: "70 00 04 00000000 0a 00000000 4085 00 000000"}, errcode.DeviceError},
		{"lost", step{err: lost(0)}, errcode.DeviceUnknown},
		{"reserved", step{err: &scsi.StatusError{Status: scsi.StatusReservationConflict}}, errcode.ReservedElsewhere},
	}
	for _, tt := range tests {
		tt.step.cdb = turCDB
		w := &wire{t: t, steps: []step{tt.step}}
		_, err := NewDrive(w).Ready(t.Context())
		w.done()
		wantCode(t, err, tt.code, "test unit ready")
	}
}

// napping is a drive whose pauses are counted instead of slept.
func napping(w *wire) (*Drive, *[]time.Duration) {
	var naps []time.Duration
	d := NewDrive(w)
	d.sleep = func(ctx context.Context, p time.Duration) error {
		naps = append(naps, p)
		return ctx.Err()
	}
	return d, &naps
}

func TestAttentionsAreToldOnce(t *testing.T) {
	w := &wire{t: t, steps: []step{{cdb: turCDB, sense: mediumChanged}, tur, tur}}
	defer w.done()
	d := NewDrive(w)
	for _, want := range []int{1, 0} {
		if r, err := d.Ready(t.Context()); err != nil || len(r.Attentions) != want {
			t.Errorf("%v, %v", r.Attentions, err)
		}
	}
}

func TestTimeouts(t *testing.T) {
	for _, op := range []byte{scsi.OpRead6, scsi.OpWrite6, scsi.OpWriteFilemarks6, scsi.OpSpace6, scsi.OpLocate16, scsi.OpLoadUnload,
		scsi.OpRewind, scsi.OpErase6, scsi.OpInitializeElementStatus} {
		if got := new(Unit).timeoutOf([]byte{op}); got < 10*time.Minute {
			t.Errorf("%02X: %v would reset a drive that is only slow", op, got)
		}
	}
	if got := new(Unit).timeoutOf([]byte{scsi.OpReadAttribute}); got < 132*time.Second {
		t.Errorf("READ ATTRIBUTE: %v", got)
	}
}

func TestWaitReady(t *testing.T) {
	w := &wire{t: t}
	for range 30 {
		w.steps = append(w.steps, step{cdb: turCDB, sense: becomingReady})
	}
	w.steps = append(w.steps, step{cdb: turCDB, sense: mediumChanged}, tur)
	d, naps := napping(w)
	if err := d.WaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.done()
	n := *naps
	if len(n) != 30 || n[0] != time.Second || n[5] != 2*time.Second || n[10] != 5*time.Second || n[29] != 30*time.Second {
		t.Errorf("pauses %v", n)
	}
}

func TestWaitReadyGivesUp(t *testing.T) {
	tests := []struct {
		name, sense string
		code        errcode.Code
		says        string
	}{
		{"empty", noMedium, errcode.DriveEmpty, "medium not present (2/3A/00)"},
		{"needs load", needsLoad, errcode.TapeNotReady, "initializing command required"},
		{"incompatible", "70 00 02 00000000 0a 00000000 3000 00 000000", errcode.MediaIncompatible, "incompatible medium installed"},
	}
	for _, tt := range tests {
		w := &wire{t: t, steps: []step{{cdb: turCDB, sense: tt.sense}}}
		d, naps := napping(w)
		err := d.WaitReady(t.Context())
		wantCode(t, err, tt.code, tt.says)
		if len(*naps) != 0 {
			t.Errorf("%s: waited %v", tt.name, *naps)
		}
		if _, ok := scsi.SenseOf(err); !ok {
			t.Errorf("%s: no sense in the chain", tt.name)
		}
	}
}

// stuck is a drive that never gets ready.
type stuck struct{ asked int }

func (s *stuck) Exec(context.Context, *scsi.Command) error {
	s.asked++
	return &scsi.SenseError{Sense: scsi.Sense{Key: scsi.NotReady, ASC: scsi.ASCBecomingReady}}
}

func TestWaitReadyEnds(t *testing.T) {
	s := &stuck{}
	d := NewDrive(s)
	var waited time.Duration
	d.sleep = func(_ context.Context, p time.Duration) error { waited += p; return nil }
	wantCode(t, d.WaitReady(t.Context()), errcode.TapeNotReady)
	if waited < readyLimit || waited > readyLimit+time.Minute {
		t.Errorf("waited %v", waited)
	}
	ctx, cancel := context.WithCancel(t.Context())
	d.sleep = func(ctx context.Context, _ time.Duration) error { cancel(); return ctx.Err() }
	wantCode(t, d.WaitReady(ctx), errcode.Interrupted)
}

func TestSleepEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := sleep(ctx, time.Hour); err == nil {
		t.Error("slept on")
	}
	if err := sleep(t.Context(), 0); err != nil {
		t.Error(err)
	}
}

func TestReadyStateNames(t *testing.T) {
	for s := Ready; s <= NeedsOperator; s++ {
		if s.String() == "" {
			t.Error(int(s))
		}
	}
}
