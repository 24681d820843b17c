package tape

import (
	"context"
	"errors"
	"fmt"
	"time"

	"calypso/sys/errcode"
	"calypso/tape/scsi"
)

// Outcome is what came of waiting for a drive to become ready.
type Outcome int

// The outcomes.
const (
	IsReady  Outcome = iota
	Retry            // waiting alone does not help, or only one look was asked for: something must be done, then ask again
	TimedOut         // it was still becoming ready at the end of the time
	Terminal         // cartridge, drive or both failed: asking again gives the same
)

var outcomeNames = [...]string{"ready", "retry", "timed_out", "terminal"}

func (o Outcome) String() string { return outcomeNames[o] }

// Watch is how to wait for a drive.
type Watch struct {
	Name  string                                           // of the drive, for errors
	Look  func(context.Context) (Readiness, error)         // TEST UNIT READY, and nothing else: see Unit.Ready
	Limit time.Duration                                    // how long to wait; 0 looks once
	Tell  func(r Readiness, waited time.Duration)          // after each look that did not find it ready; may be nil
	Sleep func(ctx context.Context, d time.Duration) error // nil: as long as it says
}

// ReadyLimit is how long it makes sense to wait: an LTO-9 drive optimises a new cartridge for up to two
// hours before it is ready, and answers 2/04/01 meanwhile.
const ReadyLimit = readyLimit

// Watched is how the waiting ended.
type Watched struct {
	Outcome Outcome
	Last    Readiness // what the last look found; Sense is that of the failure when it failed
	Failed  bool      // the last look was an error of drive or cartridge rather than an answer
	Waited  time.Duration
}

// Wait looks again and again, after 1 s at first and every 30 s in the end, until the drive is ready, fails,
// is in a state that waiting does not mend, or the time is over. The error is nil when it is ready.
// Codes: errcode.TapeNotReady for Retry, Timeout for TimedOut, and for Terminal a code whose exit status
// is that of a device error. What ended ctx ends the waiting as TimedOut or with its own error.
func (w Watch) Wait(ctx context.Context) (Watched, error) {
	var end Watched
	for {
		r, err := w.Look(ctx)
		if err != nil {
			return w.failed(ctx, end, err)
		}
		if end.Last = r; r.State == Ready {
			return end, nil
		}
		if w.Tell != nil {
			w.Tell(r, end.Waited)
		}
		if r.State != BecomingReady || end.Waited >= w.Limit {
			return w.notReady(end)
		}
		pause := min(pollPause(end.Waited), w.Limit-end.Waited)
		if err := w.sleep(ctx, pause); err != nil {
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				end.Waited += pause // which is cut to the limit, and the deadline comes with its end
			}
			return w.failed(ctx, end, err)
		}
		end.Waited += pause
	}
}

func (w Watch) sleep(ctx context.Context, d time.Duration) error {
	if w.Sleep != nil {
		return w.Sleep(ctx, d)
	}
	return sleep(ctx, d)
}

// notReady ends the waiting with an answer other than ready.
func (w Watch) notReady(end Watched) (Watched, error) {
	r := end.Last
	switch {
	case r.State == BecomingReady && w.Limit > 0:
		end.Outcome = TimedOut
		return end, w.fail(errcode.Timeout, r, fmt.Sprintf("not ready after %s: %s", end.Waited, readinessText(r)))
	case hopeless(r):
		end.Outcome = Terminal
		return end, w.fail(errcode.DeviceError, r, readinessText(r))
	}
	end.Outcome = Retry
	return end, w.fail(errcode.TapeNotReady, r, readinessText(r))
}

// hopeless says that no waiting and no cartridge mends this state: it wants a hand at the drive, or
// the cartridge is one that the drive cannot use.
func hopeless(r Readiness) bool {
	switch r.Sense.ASC {
	case scsi.ASCManual, scsi.ASCCannotRead, scsi.ASCUnknownFormat, scsi.ASCIncompatibleFormat, 0x3007:
		return true
	}
	return r.Sense.ASC>>8 == 0x52 || r.Sense.ASC>>8 == 0x53
}

func readinessText(r Readiness) string {
	if r.Sense.ASC == 0 {
		return r.State.String()
	}
	return r.Sense.String()
}

func (w Watch) fail(code errcode.Code, r Readiness, text string) error {
	e := &errcode.Error{Code: code, Op: "wait until ready", Object: w.Name, Msg: text}
	if r.Sense.ASC != 0 {
		e.Err = &scsi.SenseError{CDB: make([]byte, 6), Sense: r.Sense}
	}
	return e
}

// failed ends the waiting with an error: of the drive or the cartridge (Terminal), of the deadline
// (TimedOut), or of what is no matter of the drive.
func (w Watch) failed(ctx context.Context, end Watched, err error) (Watched, error) {
	if s, ok := scsi.SenseOf(err); ok {
		end.Last, end.Failed, end.Outcome = Readiness{State: NeedsOperator, Sense: s, Progress: -1}, true, Terminal
		if errcode.ExitOf(err) != errcode.ExitDevice {
			err = &errcode.Error{Code: errcode.DeviceError, Op: "wait until ready", Object: w.Name, Msg: s.String(), Err: err}
		}
		return end, err
	}
	end.Outcome = Retry
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		end.Outcome = TimedOut
		return end, w.fail(errcode.Timeout, end.Last, fmt.Sprintf("not ready after %s: %s", end.Waited, readinessText(end.Last)))
	}
	return end, err
}
