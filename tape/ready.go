package tape

import (
	"context"
	"time"

	"calypso/sys/errcode"
	"calypso/tape/scsi"
)

// ReadyState is what TEST UNIT READY says of a drive or changer.
type ReadyState int

// The states.
const (
	Ready         ReadyState = iota
	Empty                    // no cartridge
	BecomingReady            // wait: it threads, calibrates, or is busy
	NeedsLoad                // a cartridge is in the mouth but not threaded: Load
	NeedsOperator            // manual intervention, offline, cleaning, anything else
)

var readyStateNames = [...]string{"ready", "empty", "becoming ready", "not loaded", "not ready"}

func (s ReadyState) String() string { return readyStateNames[s] }

// Readiness is the answer to TEST UNIT READY. Attentions are the unit attentions that were cleared
// since the last question, e.g. that the cartridge was changed.
type Readiness struct {
	State      ReadyState
	Sense      scsi.Sense // when not ready
	Progress   float64    // 0 to 1, -1 unknown
	Attentions []scsi.Sense
}

// Ready asks whether the device is ready, clearing pending unit attentions. Only TEST UNIT READY is
// used: other commands disturb an LTO-9 drive that prepares a new cartridge. An error means that
// the device or the cartridge failed; not being ready is not an error.
func (u *Unit) Ready(ctx context.Context) (Readiness, error) {
	s, err := u.testReady(ctx)
	r := Readiness{Sense: s, Progress: -1, Attentions: u.attentions}
	u.attentions = nil
	if p, ok := s.Progress(); ok {
		r.Progress = p
	}
	switch code := busyCode(err); {
	case err == nil:
		return r, nil
	case code == errcode.DeviceBusy:
		r.State = BecomingReady
		return r, nil
	case s.Key != scsi.NotReady:
		return r, u.fail("test unit ready", err)
	}
	r.State = notReadyState(s.ASC)
	return r, nil
}

// busyCode tells the statuses that mean "ask again" from those that another host causes.
func busyCode(err error) errcode.Code {
	if e, ok := err.(*scsi.StatusError); ok && e.Status != scsi.StatusReservationConflict && e.Status != scsi.StatusTaskAborted {
		return errcode.DeviceBusy
	}
	return ""
}

func notReadyState(asc scsi.ASC) ReadyState {
	switch {
	case asc>>8 == scsi.ASCNoMedium>>8:
		return Empty
	case asc == scsi.ASCNeedsLoad:
		return NeedsLoad
	case asc == scsi.ASCNotReady, asc == scsi.ASCBecomingReady, asc == 0x0404, asc == 0x0407, asc == 0x0409:
		return BecomingReady
	}
	return NeedsOperator
}

// The longest that waiting makes sense: an LTO-9 drive prepares a new cartridge for up to 2 hours.
const readyLimit = 150 * time.Minute

// WaitReady waits until the device is ready. What waiting cannot mend is an error at once:
// errcode.DriveEmpty without a cartridge, errcode.TapeNotReady when it must be loaded or an
// operator is needed, and after two and a half hours.
func (u *Unit) WaitReady(ctx context.Context) error {
	for waited := time.Duration(0); ; {
		r, err := u.Ready(ctx)
		if err != nil || r.State == Ready {
			return err
		}
		if r.State != BecomingReady || waited >= readyLimit {
			return u.notReady(r)
		}
		pause := pollPause(waited)
		if err := u.sleep(ctx, pause); err != nil {
			return u.fail("wait until ready", err)
		}
		waited += pause
	}
}

// pollPause asks often at first, since a cartridge is most often ready in 15 seconds.
func pollPause(waited time.Duration) time.Duration {
	switch {
	case waited < 5*time.Second:
		return time.Second
	case waited < 15*time.Second:
		return 2 * time.Second
	case waited < time.Minute:
		return 5 * time.Second
	}
	return 30 * time.Second
}

func (u *Unit) notReady(r Readiness) error {
	e := &errcode.Error{Code: errcode.TapeNotReady, Object: u.Name, Msg: r.State.String()}
	if r.Sense.ASC != 0 {
		e.Code, e.Msg = senseCode(r.Sense), r.Sense.String()
		e.Err = &scsi.SenseError{CDB: []byte{scsi.OpTestUnitReady, 0, 0, 0, 0, 0}, Sense: r.Sense}
	}
	if cleaningInside(r.Sense) {
		e.Code, e.Msg = errcode.MediaIncompatible, "the drive holds a cleaning cartridge: "+e.Msg
		e.Hint = "put it away with 'calypso library unload'"
	}
	if r.State == NeedsLoad {
		e.Hint = "the cartridge is in the drive but not threaded: load it"
	}
	return e
}

// cleaningInside says that the drive is not ready because of a cleaning cartridge in it.
func cleaningInside(s scsi.Sense) bool {
	return s.Key == scsi.NotReady && (s.ASC == scsi.ASCCleaningCartridge || s.ASC == scsi.ASCCleaningFailure)
}
