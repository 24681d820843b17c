// Package fault describes what is made to go wrong with a virtual library, for drills and tests: which
// faults are injected, where, and how often each will still happen. It keeps them in one file per
// library and knows when one hits; what a hit does to a device is the business of package vtl.
//
// A fault lives until it is cleared. One that is counted stays in the list with nothing left.
package fault

import (
	"fmt"
	"time"

	"calypso/tape/scsi"
)

// Kind is what goes wrong.
type Kind string

// The kinds. The last two are of a library, the others of a drive.
const (
	Alert             Kind = "alert"              // a TapeAlert flag is set
	MediumError       Kind = "medium-error"       // a block cannot be read or written
	LoadFailure       Kind = "load-failure"       // the next loads fail and the cartridge comes back
	Slow              Kind = "slow"               // each command or each block takes longer
	BecomingReady     Kind = "becoming-ready"     // after a load the drive needs a time to become ready
	RobotStuck        Kind = "robot-stuck"        // moves fail
	UnreadableBarcode Kind = "unreadable-barcode" // a slot's or cartridge's label cannot be read
)

// Kinds lists them.
func Kinds() []Kind {
	return []Kind{Alert, MediumError, LoadFailure, Slow, BecomingReady, RobotStuck, UnreadableBarcode}
}

// OfLibrary says whether the fault is one of the robot rather than of a drive.
func (k Kind) OfLibrary() bool { return k == RobotStuck || k == UnreadableBarcode }

// Access is what a medium error hits.
type Access string

// The accesses.
const (
	Reads  Access = "read"
	Writes Access = "write"
	Both   Access = "both"
)

// Fault is one injected fault. Fields that its kind does not use are zero.
type Fault struct {
	ID      int           `yaml:"id"`
	Kind    Kind          `yaml:"kind"`
	Drive   int           `yaml:"drive"` // -1: the library itself
	Created time.Time     `yaml:"created"`
	Left    int           `yaml:"left"`      // how often it will still happen; -1: until it is cleared
	Flag    int           `yaml:"flag"`      // TapeAlert flag, 1 to 64
	Block   int64         `yaml:"block"`     // logical object number in partition 0
	Access  Access        `yaml:"access"`    // of a medium error
	Slot    int           `yaml:"slot"`      // of an unreadable barcode; 0: it is the cartridge's
	Barcode string        `yaml:"barcode"`   // of an unreadable barcode
	Delay   time.Duration `yaml:"delay"`     // of slow and becoming-ready
	Blocks  bool          `yaml:"per_block"` // slow: each block read or written rather than each command
	Until   time.Time     `yaml:"until"`     // becoming-ready: when the drive will be ready
}

// Check refuses what makes no sense. Its error is what a user can be told.
func (f Fault) Check() error {
	switch {
	case f.Kind.OfLibrary() != (f.Drive < 0):
		return fmt.Errorf("%s is a fault of a %s", f.Kind, map[bool]string{true: "library, not of a drive", false: "drive: name it as LIBRARY:N"}[f.Kind.OfLibrary()])
	case f.Left < -1:
		return fmt.Errorf("a count of %d is less than 1", f.Left)
	}
	switch f.Kind {
	case Alert:
		return check(f.Flag >= 1 && f.Flag <= 64, "flag %d is not 1 to 64", f.Flag)
	case MediumError:
		return check(f.Block >= 0 && (f.Access == Reads || f.Access == Writes || f.Access == Both), "block %d, access %q", f.Block, f.Access)
	case Slow, BecomingReady:
		return check(f.Delay > 0 && f.Delay <= maxDelay, "a delay of %s is not more than 0 and at most %s", f.Delay, maxDelay)
	case UnreadableBarcode:
		return check((f.Slot > 0) != (f.Barcode != "") && f.Slot >= 0, "want either a slot or a barcode")
	case LoadFailure, RobotStuck:
		return nil
	}
	return fmt.Errorf("%q is no kind of fault", f.Kind)
}

// The longest delay: an LTO-9 drive takes two hours for a new cartridge.
const maxDelay = 24 * time.Hour

func check(ok bool, format string, args ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf(format, args...)
}

// String says what goes wrong: "medium-error at block 7 (read)".
func (f Fault) String() string {
	switch f.Kind {
	case Alert:
		return fmt.Sprintf("%s %d", f.Kind, f.Flag)
	case MediumError:
		return fmt.Sprintf("%s at block %d (%s)", f.Kind, f.Block, f.Access)
	case Slow:
		return fmt.Sprintf("%s by %s each %s", f.Kind, f.Delay, map[bool]string{true: "block", false: "command"}[f.Blocks])
	case BecomingReady:
		return fmt.Sprintf("%s for %s after a load", f.Kind, f.Delay)
	case UnreadableBarcode:
		if f.Slot > 0 {
			return fmt.Sprintf("%s in slot %d", f.Kind, f.Slot)
		}
		return fmt.Sprintf("%s of %s", f.Kind, f.Barcode)
	}
	return string(f.Kind)
}

// Error is the cause of every answer that an injected fault brought about. With Key set it also says
// which sense the device answers; without, the device server does.
type Error struct {
	ID   int
	Text string
	Key  scsi.SenseKey
	ASC  scsi.ASC
}

// Err is the cause that f gives.
func (f Fault) Err(key scsi.SenseKey, asc scsi.ASC) *Error { return &Error{f.ID, f.String(), key, asc} }

func (e *Error) Error() string { return fmt.Sprintf("injected fault %d: %s", e.ID, e.Text) }
