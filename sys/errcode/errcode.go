// Package errcode holds the one table of error codes that calypso promises to its users: a stable
// string code, the exit status it leads to, what it means and what to do. `calypso errors`, the
// JSON error object, the exit status and the manual pages are all made from this table.
package errcode

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

// Code is the stable name of an error, e.g. "tape_write_protected". Codes are never renamed.
type Code string

// Exit is a process exit status. The numbers are a promise to scripts.
type Exit int

// The exit statuses. An unknown non-zero status must be treated as failure.
const (
	ExitOK          Exit = 0
	ExitFailed      Exit = 1
	ExitUsage       Exit = 2
	ExitPartial     Exit = 3
	ExitNotFound    Exit = 10
	ExitBusy        Exit = 11
	ExitDenied      Exit = 12
	ExitRefused     Exit = 13
	ExitTimeout     Exit = 14
	ExitUnsupported Exit = 15
	ExitDevice      Exit = 16
	ExitMismatch    Exit = 17
	ExitNoSpace     Exit = 18
	ExitInternal    Exit = 70
	ExitInterrupted Exit = 130 // SIGINT; SIGTERM gives 143
	ExitTerminated  Exit = 143
)

// Error is a failure that a person or a script must act on.
type Error struct {
	Code   Code
	Op     string // what was tried: "write filemarks"; empty when the command's name says it
	Object string // what it was tried on: a device, barcode, path
	Msg    string // the cause in words, lower case, no full stop
	Hint   string // what to do about it; empty uses the table's remedy
	State  string // what state things are in now, when that is not obvious
	Err    error  // the underlying cause, may be nil
}

// New makes an Error for object with the cause in words. A %w in format sets Err.
func New(code Code, object, format string, args ...any) *Error {
	wrapped := fmt.Errorf(format, args...)
	return &Error{Code: code, Object: object, Msg: wrapped.Error(), Err: errors.Unwrap(wrapped)}
}

// WithHint sets the hint and returns e.
func (e *Error) WithHint(format string, args ...any) *Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}

// WithState says what state things are in now and returns e.
func (e *Error) WithState(format string, args ...any) *Error {
	e.State = fmt.Sprintf(format, args...)
	return e
}

// WithOp names the operation and returns e.
func (e *Error) WithOp(op string) *Error {
	e.Op = op
	return e
}

// Named gives an error without an object one, for who knows what the error is about. Other errors stay.
func Named(err error, object string) error {
	var e *Error
	if errors.As(err, &e) && e.Object == "" {
		e.Object = object
	}
	return err
}

// Error is "op object: cause; state".
func (e *Error) Error() string {
	s := e.Op
	if e.Object != "" {
		if s != "" {
			s += " "
		}
		s += e.Object
	}
	if s != "" {
		s += ": "
	}
	if e.Msg != "" {
		s += e.Msg
	} else if e.Err != nil {
		s += e.Err.Error()
	} else {
		s += string(e.Code)
	}
	if e.State != "" {
		s += "; " + e.State
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// Of gives the code of err: that of the outermost *Error in its chain, else one classified from
// well-known causes (context, file system), else Failed. Of(nil) is "".
func Of(err error) Code {
	if err == nil {
		return ""
	}
	if e, ok := find(err); ok {
		return e.Code
	}
	switch {
	case errors.Is(err, context.Canceled):
		return Interrupted
	case errors.Is(err, context.DeadlineExceeded):
		return Timeout
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return DiskFull
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return PermissionDenied
	case errors.Is(err, fs.ErrNotExist):
		return FileNotFound
	}
	return Failed
}

// ExitOf gives the exit status of err; 0 for nil.
func ExitOf(err error) Exit {
	if err == nil {
		return ExitOK
	}
	if e, ok := Lookup(Of(err)); ok {
		return e.Exit
	}
	return ExitFailed
}

// HintOf gives what to do about err: its own hint, else its code's remedy.
func HintOf(err error) string {
	if e, ok := find(err); ok && e.Hint != "" {
		return e.Hint
	}
	entry, _ := Lookup(Of(err))
	return entry.Remedy
}

func find(err error) (*Error, bool) {
	var e *Error
	ok := errors.As(err, &e)
	return e, ok
}
