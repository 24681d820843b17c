package tape

import (
	"context"
	"errors"
	"fmt"
	"time"

	"calypso/sys/errcode"
	"calypso/tape/scsi"
)

// Unit is one logical unit: what a Drive and a Changer have in common. It sends commands, clears
// unit attentions before the first one, and knows whether the state it relies on is still true.
// NewDrive and NewChanger make it.
type Unit struct {
	// Name is the device as the user named it, e.g. "vtl01:0"; errors say it.
	Name string

	t       scsi.Transport
	cmd     scsi.Command // reused, so that the data path does not allocate
	cdb     []byte
	settled bool  // pending unit attentions were cleared
	lost    error // why the position or the inventory is not known any more; nil: known
	doubt   error // the unit attention since which the cartridge, the modes and the key may be others; nil: none

	asked bool                   // how long commands take
	told  map[byte]time.Duration // what the device recommends, by operation code; 0: nothing

	attentions []scsi.Sense // cleared since the last Ready
	sleep      func(ctx context.Context, d time.Duration) error
}

// A device queues a handful of unit attentions at most; one that never ends is broken.
const maxAttentions = 32

func newUnit(t scsi.Transport) Unit {
	return Unit{t: t, cdb: make([]byte, 0, 16), sleep: sleep}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// send carries out one command and gives the number of bytes transferred. Its errors are the
// transport's own.
func (u *Unit) send(ctx context.Context, cdb, out, in []byte) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	u.cdb = append(u.cdb[:0], cdb...)
	u.cmd = scsi.Command{CDB: u.cdb, DataOut: out, DataIn: in, Timeout: u.timeoutOf(cdb)}
	err := u.t.Exec(ctx, &u.cmd)
	n := min(max(u.cmd.Transferred, 0), max(len(out), len(in)))
	u.cmd = scsi.Command{}
	if err != nil {
		u.cdb = make([]byte, 0, 16) // the error keeps the CDB that it was handed
		u.note(err)
		err = u.conflict(ctx, err)
	}
	return n, err
}

// note remembers what an error says about the state of the device. After a unit attention, a deferred error,
// a lost answer or a foreign abort nothing is known about the position of the tape.
func (u *Unit) note(err error) {
	var transport *scsi.TransportError
	var status *scsi.StatusError
	switch s, ok := scsi.SenseOf(err); {
	case ok && s.Key == scsi.UnitAttention:
		u.lost, u.doubt = err, err
		if len(u.attentions) < maxAttentions {
			u.attentions = append(u.attentions, s)
		}
	case ok && s.Deferred: // an earlier block is not on the tape, and this command was not tried (SPC-5 4.4.7)
		u.lost = err
	case errors.As(err, &transport):
		u.lost = err
	case errors.As(err, &status) && status.Status == scsi.StatusTaskAborted:
		u.lost = err
	}
}

// settle clears the unit attentions that wait for the first command of a session, so that they do
// not hit a command that means something. NOT READY is no hindrance: the next command reports it.
func (u *Unit) settle(ctx context.Context, op string) error {
	if u.settled {
		return nil
	}
	_, err := u.testReady(ctx)
	if _, answered := scsi.SenseOf(err); err != nil && !answered {
		return u.fail(op, err)
	}
	return nil
}

// testReady sends TEST UNIT READY until no unit attention is left. Its error is that of the last.
func (u *Unit) testReady(ctx context.Context) (scsi.Sense, error) {
	cdb := scsi.TestUnitReady()
	for range maxAttentions {
		_, err := u.send(ctx, cdb[:], nil, nil)
		s, answered := scsi.SenseOf(err)
		if answered && s.Key == scsi.UnitAttention {
			continue
		}
		u.settled = u.settled || err == nil || answered
		if answered && s.Key <= scsi.RecoveredError {
			return s, nil
		}
		return s, err
	}
	return scsi.Sense{}, errAttentions()
}

// repeat carries out a command whose effect is the same however often it runs: one that reads
// state, or that goes to an absolute position. It runs again after a unit attention and once after
// an aborted command, since neither was carried out.
func (u *Unit) repeat(ctx context.Context, op string, cdb, out, in []byte) (int, error) {
	if err := u.settle(ctx, op); err != nil {
		return 0, err
	}
	_ = u.askTimeouts(ctx, cdb) // an attention is noted, and no hindrance
	n, err := u.again(ctx, cdb, out, in)
	if completed(err) {
		return n, nil
	}
	return n, u.fail(op, err)
}

// again sends until the device has carried the command out or refused it.
func (u *Unit) again(ctx context.Context, cdb, out, in []byte) (n int, err error) {
	aborted := false
	for range maxAttentions {
		n, err = u.send(ctx, cdb, out, in)
		s, answered := scsi.SenseOf(err)
		switch {
		case answered && s.Key == scsi.UnitAttention:
		case answered && s.Key == scsi.AbortedCommand && !aborted:
			aborted = true
		default:
			return n, err
		}
	}
	return 0, errAttentions()
}

func errAttentions() error {
	return errcode.New(errcode.DeviceError, "", "the device reports one unit attention after another")
}

// completed says whether the command did its work: no error, or sense that only informs.
func completed(err error) bool {
	if err == nil {
		return true
	}
	s, ok := scsi.SenseOf(err)
	return ok && !s.Deferred && (s.Key == scsi.NoSense || s.Key == scsi.RecoveredError)
}

// refused says that the device does not know the command, or not in this form.
func refused(err error) bool {
	s, ok := scsi.SenseOf(err)
	return ok && s.Key == scsi.IllegalRequest && (s.ASC == scsi.ASCInvalidOpcode || s.ASC == scsi.ASCInvalidField)
}

// undoubted fails after a unit attention that came since the last rewind: the command that met it may have been
// repeated and the position be known again, but the cartridge may be another, and what was set at the drive,
// its key among it, may be gone. Who writes has looked at the label behind a rewind.
func (u *Unit) undoubted(op string) error {
	if u.doubt == nil {
		return nil
	}
	return &errcode.Error{Code: errcode.TapePosition, Op: op, Object: u.Name, Err: u.doubt,
		Msg: fmt.Sprintf("which cartridge this is and how the drive is set is not known since: %v", u.doubt)}
}

// known fails when the position is not known: nothing may be read or written until the tape was
// positioned again, or it would happen at the wrong place.
func (u *Unit) known(op string) error {
	if u.lost == nil {
		return nil
	}
	return u.positionLost(op, u.lost)
}

func (u *Unit) positionLost(op string, cause error) error {
	return &errcode.Error{Code: errcode.TapePosition, Op: op, Object: u.Name,
		Msg: fmt.Sprintf("the position on the tape is not known since: %v", cause), Err: cause}
}
