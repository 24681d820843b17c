package tape

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"calypso/sys/errcode"
	"calypso/tape/scsi"
)

// What a tape meets on its way. Read returns the first two as they are; the SPACE family wraps all
// three in a *Stopped.
var (
	ErrFilemark        = errors.New("filemark")
	ErrEndOfData       = errors.New("end of data")
	ErrBeginningOfTape = errors.New("beginning of tape")
)

// BlockTooLong is the error of a Read whose buffer is smaller than the block. The buffer holds the
// block's beginning; the tape is behind the block.
type BlockTooLong struct {
	Actual int // the block's length in bytes; -1 when the drive does not say
	Buffer int
}

func (e *BlockTooLong) Error() string {
	if e.Actual < 0 {
		return fmt.Sprintf("the block is longer than %d bytes", e.Buffer)
	}
	return fmt.Sprintf("the block has %d bytes, more than %d", e.Actual, e.Buffer)
}

// Stopped is the error of a spacing that ended early. Left is how many objects were not passed, as
// the drive counts them, -1 when it does not say; Err is one of the three errors above.
type Stopped struct {
	Left int64
	Err  error
}

func (e *Stopped) Error() string {
	if e.Left < 0 {
		return fmt.Sprintf("stopped at %v", e.Err)
	}
	return fmt.Sprintf("stopped at %v with %d to go", e.Err, e.Left)
}

func (e *Stopped) Unwrap() error { return e.Err }

// fail makes the error that a user sees out of the transport's.
func (u *Unit) fail(op string, err error) error {
	var inner *errcode.Error
	if errors.As(err, &inner) || errors.Is(err, context.Canceled) && !isTransport(err) {
		return fmt.Errorf("%s: %w", opObject(op, u.Name), err) // says more than the sense could
	}
	if code, ok := systemCode(err); ok {
		return &errcode.Error{Code: code, Op: op, Object: u.Name, Msg: err.Error(), Err: err}
	}
	if s, ok := scsi.SenseOf(err); ok {
		return &errcode.Error{Code: senseCode(s), Op: op, Object: u.Name, Msg: s.String() + hostReason(err), Err: err}
	}
	return u.failUnanswered(op, err)
}

// hostReason is what a transport says beside the sense, ": " before it: the host that plays a virtual
// device knows why it failed.
func hostReason(err error) string {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return ""
	}
	text := ""
	for _, e := range joined.Unwrap() {
		if _, isSense := e.(*scsi.SenseError); !isSense {
			text += ": " + e.Error()
		}
	}
	return text
}

// failUnanswered is for errors without sense.
func (u *Unit) failUnanswered(op string, err error) error {
	e := &errcode.Error{Code: errcode.Of(err), Op: op, Object: u.Name, Msg: err.Error(), Err: err}
	var status *scsi.StatusError
	switch {
	case errors.As(err, &status) && status.Status == scsi.StatusTaskAborted, isTransport(err):
		e.Code = errcode.DeviceUnknown
	case errors.As(err, &status) && status.Status == scsi.StatusReservationConflict:
		e.Code, e.Hint = errcode.ReservedElsewhere, u.reservedHint(err)
	case errors.As(err, &status):
		e.Code = errcode.DeviceBusy
	}
	return e
}

// reservedHint is what can be done about a reservation that nobody is going to release.
func (u *Unit) reservedHint(err error) string {
	var c *Conflict
	if errors.As(err, &c) && c.Holder != nil && OwnerOf(c.Holder.Key).Left() {
		return fmt.Sprintf("'calypso lto reserve release -f %s' releases it", u.Name)
	}
	return "" // the code has its own
}

func isTransport(err error) bool {
	var t *scsi.TransportError
	return errors.As(err, &t)
}

func opObject(op, object string) string {
	if object == "" {
		return op
	}
	return op + " " + object
}

// systemCode finds the causes that the host's operating system reports through a transport.
func systemCode(err error) (errcode.Code, bool) {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return errcode.DiskFull, true
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return errcode.PermissionDenied, true
	}
	return "", false
}

// senseCode is the code that a sense leads to, by reference of SPC-5 annex F and SSC-5 4.2.
func senseCode(s scsi.Sense) errcode.Code {
	if code, ok := ascCodes[s.ASC]; ok {
		return code
	}
	switch s.Key {
	case scsi.NotReady:
		return notReadyCode(s.ASC)
	case scsi.MediumError:
		return errcode.TapeMediumError
	case scsi.UnitAttention:
		return errcode.TapePosition
	case scsi.DataProtect:
		return dataProtectCode(s.ASC)
	case scsi.VolumeOverflow:
		return errcode.TapeFull
	case scsi.BlankCheck:
		return errcode.TapeFileNotFound
	case scsi.IllegalRequest:
		return errcode.CommandRefused
	}
	return errcode.DeviceError
}

// meansEndOfData says whether a command met the end of what was written. BLANK CHECK with "end of data not found"
// is none: there may be data, whose end was lost in a power cut, and a tape that begins so is not blank.
func meansEndOfData(s scsi.Sense) bool {
	if s.Key == scsi.BlankCheck {
		return s.ASC != scsi.ASCEODNotFound
	}
	return s.Key <= scsi.RecoveredError && s.ASC == scsi.ASCEndOfData
}

// ascCodes are the codes that mean the same under every sense key.
var ascCodes = map[scsi.ASC]errcode.Code{
	scsi.ASCEODNotFound:        errcode.TapeMediumError,
	scsi.ASCCannotRead:         errcode.MediaIncompatible,
	scsi.ASCUnknownFormat:      errcode.MediaIncompatible,
	scsi.ASCIncompatibleFormat: errcode.MediaIncompatible,
	0x3005:                     errcode.MediaIncompatible,
	scsi.ASCRemovalPrevented:   errcode.RemovalPrevented,
	0x5303:                     errcode.RemovalPrevented,
}

func notReadyCode(asc scsi.ASC) errcode.Code {
	if asc>>8 == scsi.ASCNoMedium>>8 {
		return errcode.DriveEmpty
	}
	return errcode.TapeNotReady
}

func dataProtectCode(asc scsi.ASC) errcode.Code {
	if asc == scsi.ASCWORMOverwrite {
		return errcode.TapeWORM
	}
	if asc>>8 == scsi.ASCWriteProtected>>8 {
		return errcode.TapeWriteProtected
	}
	return securityCode(asc)
}

// securityCode is for 74h, where what is needed is a key and not another cartridge (SSC-5 4.2.24), and for
// IBM's EFh, "key required".
func securityCode(asc scsi.ASC) errcode.Code {
	switch asc {
	case scsi.ASCSecurity, scsi.ASCCannotDecrypt:
		return errcode.KeyNeeded
	case scsi.ASCInClear:
		return errcode.EncryptionState
	case scsi.ASCWrongKey:
		return errcode.KeyWrong
	case scsi.ASCIntegrity:
		return errcode.TapeMediumError
	}
	if asc>>8 == 0xEF {
		return errcode.KeyNeeded
	}
	return errcode.CommandRefused
}
