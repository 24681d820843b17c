package scsi

import (
	"context"
	"errors"
	"testing"
	"time"
)

func send(t *testing.T, tr Transport, op byte, n int) (*Command, error) {
	t.Helper()
	cmd := &Command{CDB: []byte{op, 0, 0, 0, 0, 0}, DataIn: make([]byte, n)}
	return cmd, tr.Exec(t.Context(), cmd)
}

func TestFaultMatches(t *testing.T) {
	tests := []struct {
		name  string
		fault Fault
		hits  string // of five commands: W a write, R a rewind; capital: hit
	}{
		{"first write", Fault{Op: OpWrite6}, "Wrwrw"},
		{"second write", Fault{Op: OpWrite6, Nth: 2}, "wrWrw"},
		{"two from the second", Fault{Op: OpWrite6, Nth: 2, Times: 2}, "wrWrW"},
		{"all from the second of any", Fault{Op: AnyOp, Nth: 2, Times: -1}, "wRWRW"},
		{"another command", Fault{Op: OpLoadUnload, Times: -1}, "wrwrw"},
	}
	for _, tt := range tests {
		tt.fault.Status = StatusBusy
		f := NewFaulty(&device{}, tt.fault)
		got := ""
		for i, op := range []byte{OpWrite6, OpRewind, OpWrite6, OpRewind, OpWrite6} {
			name := "wr"[i%2]
			if _, err := send(t, f, op, 0); err != nil {
				name -= 'a' - 'A'
			}
			got += string(name)
		}
		if got != tt.hits {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.hits)
		}
	}
}

func TestFaultEffects(t *testing.T) {
	d := &device{}
	attention := &Sense{Key: UnitAttention, ASC: ASCPowerOnReset}
	f := NewFaulty(d,
		Fault{Op: OpRead6, Nth: 1, Sense: attention},
		Fault{Op: OpRead6, Nth: 2, Lose: true, Done: true},
		Fault{Op: OpRead6, Nth: 3, Short: 3},
		Fault{Op: OpRead6, Nth: 4, Status: StatusTaskSetFull})
	cmd, err := send(t, f, OpRead6, 8)
	if s, ok := SenseOf(err); !ok || s.ASC != ASCPowerOnReset || d.calls != 0 || cmd.Transferred != 0 {
		t.Errorf("sense: %v, %d calls", err, d.calls)
	}
	if _, err := send(t, f, OpRead6, 8); !errors.Is(err, ErrInjected) || d.calls != 1 {
		t.Errorf("lost after it was done: %v, %d calls", err, d.calls)
	}
	if cmd, err := send(t, f, OpRead6, 8); err != nil || cmd.Transferred != 5 {
		t.Errorf("short: %d bytes, %v", cmd.Transferred, err)
	}
	var status *StatusError
	if _, err := send(t, f, OpRead6, 8); !errors.As(err, &status) || d.calls != 2 {
		t.Errorf("status: %v", err)
	}
	if cmd, err := send(t, f, OpRead6, 8); err != nil || cmd.Transferred != 8 {
		t.Errorf("after the faults: %+v, %v", cmd, err)
	}
}

func TestFaultOfTheDeviceItselfPasses(t *testing.T) {
	failing := &device{answer: func(*Command) error { return errors.New("own") }}
	f := NewFaulty(failing, Fault{Op: AnyOp, Short: 1}, Fault{Op: AnyOp, Nth: 2, Lose: true, Done: true})
	for range 2 {
		if _, err := send(t, f, OpRead6, 8); err == nil || err.Error() != "own" {
			t.Error(err)
		}
	}
}

func TestFaultDelay(t *testing.T) {
	d := &device{}
	f := NewFaulty(d, Fault{Op: AnyOp, Delay: time.Hour, Times: 2})
	var slept time.Duration
	f.sleep = func(d time.Duration) { slept += d }
	if _, err := send(t, f, OpRewind, 0); err != nil || slept != time.Hour || d.calls != 1 {
		t.Errorf("slept %v, %d calls, %v", slept, d.calls, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.Exec(ctx, &Command{CDB: []byte{OpRewind}}); !errors.Is(err, context.Canceled) || slept != time.Hour {
		t.Errorf("a command that must not be sent: %v, slept %v", err, slept)
	}
}

func TestFaultAdd(t *testing.T) {
	f := NewFaulty(&device{})
	for range 3 {
		_, _ = send(t, f, OpRewind, 0)
	}
	f.Add(Fault{Op: OpRewind, Nth: 2, Lose: true})
	if _, err := send(t, f, OpRewind, 0); err != nil {
		t.Error(err)
	}
	if _, err := send(t, f, OpRewind, 0); err == nil {
		t.Error("no fault")
	}
}
