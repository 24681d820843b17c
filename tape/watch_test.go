package tape

import (
	"context"
	"errors"
	"testing"
	"time"

	"calypso/sys/errcode"
	"calypso/tape/scsi"
)

// looks is a drive that answers each look with the next sense; the last one stays. "" is ready.
type looks struct {
	t      *testing.T
	senses []string
	asked  int
	slept  []time.Duration
	told   []float64
}

func (l *looks) look(context.Context) (Readiness, error) {
	i := min(l.asked, len(l.senses)-1)
	l.asked++
	w := &wire{t: l.t, steps: []step{{cdb: turCDB, sense: l.senses[i]}}}
	return NewDrive(w).Ready(l.t.Context())
}

func (l *looks) watch(limit time.Duration) Watch {
	return Watch{Name: "vtl01:0", Look: l.look, Limit: limit,
		Tell:  func(r Readiness, _ time.Duration) { l.told = append(l.told, r.Progress) },
		Sleep: func(ctx context.Context, d time.Duration) error { l.slept = append(l.slept, d); return ctx.Err() }}
}

func watchSense(key, asc string) string {
	return "70 00 0" + key + " 00000000 0a 00000000 " + asc + " 00 000000"
}

func TestWatchOutcomes(t *testing.T) {
	tests := []struct {
		name    string
		senses  []string
		limit   time.Duration
		outcome Outcome
		code    errcode.Code
		asked   int
	}{
		{"ready", []string{""}, 0, IsReady, "", 1},
		{"ready in the end", []string{becomingReady, becomingReady, ""}, ReadyLimit, IsReady, "", 3},
		{"one look", []string{becomingReady}, 0, Retry, errcode.TapeNotReady, 1},
		{"time over", []string{becomingReady}, 3 * time.Second, TimedOut, errcode.Timeout, 4},
		{"time over in a pause", []string{becomingReady}, 3500 * time.Millisecond, TimedOut, errcode.Timeout, 5},
		{"empty", []string{noMedium}, ReadyLimit, Retry, errcode.TapeNotReady, 1},
		{"not threaded", []string{needsLoad}, ReadyLimit, Retry, errcode.TapeNotReady, 1},
		{"cleaning cartridge", []string{watchSense("2", "3003")}, ReadyLimit, Retry, errcode.TapeNotReady, 1},
		{"offline", []string{watchSense("2", "0412")}, ReadyLimit, Retry, errcode.TapeNotReady, 1},
		{"manual intervention", []string{watchSense("2", "0403")}, ReadyLimit, Terminal, errcode.DeviceError, 1},
		{"load failed", []string{becomingReady, watchSense("3", "5300")}, ReadyLimit, Terminal, errcode.TapeMediumError, 2},
		{"cartridge fault", []string{watchSense("3", "5200")}, 0, Terminal, errcode.TapeMediumError, 1},
		{"incompatible", []string{watchSense("3", "3002")}, 0, Terminal, errcode.DeviceError, 1},
		{"hardware", []string{watchSense("4", "4400")}, 0, Terminal, errcode.DeviceError, 1},
	}
	for _, tt := range tests {
		l := &looks{t: t, senses: tt.senses}
		end, err := l.watch(tt.limit).Wait(t.Context())
		if end.Outcome != tt.outcome || l.asked != tt.asked {
			t.Errorf("%s: %v after %d looks, %v", tt.name, end.Outcome, l.asked, err)
		}
		if wantCode(t, err, tt.code); end.Waited > tt.limit {
			t.Errorf("%s: waited %s of %s", tt.name, end.Waited, tt.limit)
		}
	}
}

// The schedule of 2.5 hours: 5 looks a second apart, 5 after 2 s, 9 after 5 s, then every 30 s; no pause is
// longer than what is left.
func TestWatchSchedule(t *testing.T) {
	l := &looks{t: t, senses: []string{becomingReady}}
	end, err := l.watch(ReadyLimit).Wait(t.Context())
	wantCode(t, err, errcode.Timeout, "not ready after 2h30m0s", "2/04/01")
	if end.Waited != ReadyLimit {
		t.Errorf("waited %s", end.Waited)
	}
	count := map[time.Duration]int{}
	for _, d := range l.slept {
		count[d]++
	}
	if count[time.Second] != 5 || count[2*time.Second] != 5 || count[5*time.Second] != 9 || len(l.slept) > 320 {
		t.Errorf("%v", count)
	}
	if len(l.told) != l.asked || l.told[0] != 0.25 {
		t.Errorf("told %d of %d, first %v", len(l.told), l.asked, l.told[0])
	}
}

func TestWatchEndsWithTheContext(t *testing.T) {
	l := &looks{t: t, senses: []string{becomingReady}}
	ctx, cancel := context.WithDeadline(t.Context(), time.Unix(1, 0))
	defer cancel()
	end, err := l.watch(ReadyLimit).Wait(ctx)
	wantCode(t, err, errcode.Timeout)
	if end.Outcome != TimedOut || end.Last.State != BecomingReady || end.Waited == 0 {
		t.Errorf("%+v", end)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := l.watch(ReadyLimit).Wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestWatchWithoutAnAnswer(t *testing.T) {
	gone := errcode.New(errcode.DeviceNotFound, "vtl01:0", "gone")
	w := Watch{Look: func(context.Context) (Readiness, error) { return Readiness{}, gone }}
	end, err := w.Wait(t.Context())
	if wantCode(t, err, errcode.DeviceNotFound); end.Failed || end.Outcome != Retry {
		t.Errorf("%+v", end)
	}
}

// The sense of a failure is in the result as well as in the error.
func TestWatchKeepsTheSense(t *testing.T) {
	l := &looks{t: t, senses: []string{watchSense("4", "4400")}}
	end, err := l.watch(0).Wait(t.Context())
	if !end.Failed || end.Last.Sense.Key != scsi.HardwareError {
		t.Errorf("%+v", end)
	}
	wantSense(t, err, 0x4400)
}
