package spc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"calypso/tape/scsi"
)

// Additional sense codes with their qualifiers that device servers answer (SPC-5 annex D).
const (
	NoAdditionalSense        scsi.ASC = 0x0000
	FilemarkDetected         scsi.ASC = 0x0001
	EndOfPartition           scsi.ASC = 0x0002
	BeginningOfPartition     scsi.ASC = 0x0004
	EndOfData                scsi.ASC = 0x0005
	ProgrammableEarlyWarning scsi.ASC = 0x0007
	InitializingRequired     scsi.ASC = 0x0402
	WriteFault               scsi.ASC = 0x0C00
	UnrecoveredRead          scsi.ASC = 0x1100
	MechanicalPositioning    scsi.ASC = 0x1501
	ParameterListLength      scsi.ASC = 0x1A00
	InvalidOpcode            scsi.ASC = 0x2000
	InvalidElementAddress    scsi.ASC = 0x2101
	InvalidFieldInCDB        scsi.ASC = 0x2400
	InvalidFieldInParameters scsi.ASC = 0x2600
	InvalidRelease           scsi.ASC = 0x2604
	WriteProtected           scsi.ASC = 0x2700
	SoftwareWriteProtected   scsi.ASC = 0x2702
	AssociatedWriteProtected scsi.ASC = 0x2703
	PersistentWriteProtected scsi.ASC = 0x2704
	PermanentWriteProtected  scsi.ASC = 0x2705
	MediumChanged            scsi.ASC = 0x2800
	ImportExportAccessed     scsi.ASC = 0x2801
	PowerOn                  scsi.ASC = 0x2900
	ModeParametersChanged    scsi.ASC = 0x2A01
	ReservationsPreempted    scsi.ASC = 0x2A03
	ReservationsReleased     scsi.ASC = 0x2A04
	RegistrationsPreempted   scsi.ASC = 0x2A05
	TimestampChanged         scsi.ASC = 0x2A10
	IncompatibleMedium       scsi.ASC = 0x3000
	CannotWriteFormat        scsi.ASC = 0x3005
	WORMOverwrite            scsi.ASC = 0x300C
	FormatFailed             scsi.ASC = 0x3101
	SavingNotSupported       scsi.ASC = 0x3900
	MediumNotPresent         scsi.ASC = 0x3A00
	SequentialPositioning    scsi.ASC = 0x3B00
	PastBeginning            scsi.ASC = 0x3B0C
	DestinationFull          scsi.ASC = 0x3B0D
	SourceEmpty              scsi.ASC = 0x3B0E
	InternalTargetFailure    scsi.ASC = 0x4400
	DataPhaseError           scsi.ASC = 0x4B00
	LoadOrEjectFailed        scsi.ASC = 0x5300
	RemovalPrevented         scsi.ASC = 0x5302
	AuxiliaryMemory          scsi.ASC = 0x0410
	AuxiliaryMemoryFull      scsi.ASC = 0x5506
)

// Causes that a drive gives for not handing a cartridge over or not taking it; a changer turns them
// into the sense of MOVE MEDIUM.
var (
	ErrRemovalPrevented = errors.New("removal of the cartridge is prevented by a host")
	ErrIncompatible     = errors.New("the cartridge does not fit the drive")
)

// Check is a CHECK CONDITION in the making: what a command handler returns. It never leaves the
// device server; Finish turns it into a *scsi.SenseError.
type Check struct {
	Key       scsi.SenseKey
	ASC       scsi.ASC
	Filemark  bool
	EOM       bool
	ILI       bool
	InfoValid bool
	Info      int64  // residual; left out of the sense when it does not fit in 4 bytes
	Field     *Field // what was wrong with an ILLEGAL REQUEST
	Cause     error  // what the host's own system said, if it is to blame
}

// Field points to a byte, and perhaps a bit, of the CDB or of the parameter list (SPC-5 4.4.2.4.2).
type Field struct {
	InParameters bool // the pointer counts in the parameter list, not in the CDB
	Byte         int
	Bit          int // 7..0; negative: the whole byte
}

func (k *Check) Error() string {
	s := fmt.Sprintf("check condition %X/%02X/%02X", uint8(k.Key), uint8(k.ASC>>8), uint8(k.ASC))
	if k.Cause != nil {
		s += ": " + k.Cause.Error()
	}
	return s
}

func (k *Check) Unwrap() error { return k.Cause }

// Residual sets the INFORMATION field and returns k.
func (k *Check) Residual(n int64) *Check {
	k.Info, k.InfoValid = n, true
	return k
}

// Because sets the cause and returns k.
func (k *Check) Because(err error) *Check {
	k.Cause = err
	return k
}

// Refuse is a Check of this key and code.
func Refuse(key scsi.SenseKey, asc scsi.ASC) *Check { return &Check{Key: key, ASC: asc} }

// BadCDB is INVALID FIELD IN CDB at a byte and bit (negative: the whole byte).
func BadCDB(at, bit int) *Check {
	return &Check{Key: scsi.IllegalRequest, ASC: InvalidFieldInCDB, Field: &Field{Byte: at, Bit: bit}}
}

// BadParameter is INVALID FIELD IN PARAMETER LIST at a byte and bit (negative: the whole byte).
func BadParameter(at, bit int) *Check {
	return &Check{Key: scsi.IllegalRequest, ASC: InvalidFieldInParameters,
		Field: &Field{InParameters: true, Byte: at, Bit: bit}}
}

// senseLength is the length of the fixed format with an additional sense length of 10.
const senseLength = 18

// fitsInformation says whether a residual can be told in the 4 bytes of the fixed format; SPC-5
// 4.4.4 wants VALID zero when it cannot.
func (k *Check) fitsInformation() bool {
	return k.InfoValid && k.Info >= math.MinInt32 && k.Info <= math.MaxInt32
}

// Raw is the sense in fixed format, current error (SPC-5 4.4.3).
func (k *Check) Raw() []byte {
	b := make([]byte, senseLength)
	b[0] = 0x70
	if k.fitsInformation() {
		b[0] |= 0x80
		binary.BigEndian.PutUint32(b[3:], uint32(int32(k.Info)))
	}
	b[2] = bit(k.Filemark, 0x80) | bit(k.EOM, 0x40) | bit(k.ILI, 0x20) | byte(k.Key)
	b[7] = senseLength - 8
	binary.BigEndian.PutUint16(b[12:], uint16(k.ASC))
	if k.Field != nil {
		k.Field.put(b[15:18])
	}
	return b
}

// put writes the sense key specific bytes: SKSV, C/D, BPV and bit pointer, field pointer.
func (f *Field) put(b []byte) {
	b[0] = 0x80 | bit(!f.InParameters, 0x40)
	if f.Bit >= 0 {
		b[0] |= 0x08 | byte(f.Bit&7)
	}
	binary.BigEndian.PutUint16(b[1:], uint16(f.Byte))
}

// sense gives the same facts as Raw, or Descriptors, in fields.
func (k *Check) sense(descriptors bool) scsi.Sense {
	s := scsi.Sense{Key: k.Key, ASC: k.ASC, Filemark: k.Filemark, EOM: k.EOM, ILI: k.ILI}
	if descriptors {
		s.Raw = k.Descriptors()
	} else {
		s.Raw = k.Raw()
	}
	if k.Field != nil {
		s.SKSValid = true
		k.Field.put(s.SKS[:])
	}
	if k.fitsInformation() || descriptors && k.InfoValid {
		s.InfoValid, s.Info = true, k.Info
	}
	return s
}

// CauseError is a CHECK CONDITION whose reason lies with the host that plays the device: its file
// system is full, the image of the cartridge is damaged. errors.As finds the *scsi.SenseError as for
// any device, and errors.Is and errors.As also find the cause, so that the user can be told it.
type CauseError struct {
	Check *scsi.SenseError
	Cause error
}

func (e *CauseError) Error() string { return e.Check.Error() + ": " + e.Cause.Error() }

func (e *CauseError) Unwrap() []error { return []error{e.Check, e.Cause} }

// Finish makes the error that Exec returns for cdb out of what a handler returned: nil, a
// *scsi.SenseError, or a *CauseError when the Check has a cause; a *scsi.StatusError for ErrConflict. An
// error that is none of these is a fault of the device server itself: HARDWARE ERROR, INTERNAL TARGET
// FAILURE. The sense is in fixed format.
func Finish(cdb []byte, err error) error { return FinishAs(false, cdb, err) }

// FinishAs is Finish with the sense in descriptor format when the control mode page asks for it
// (SPC-5: D_SENSE).
func FinishAs(descriptors bool, cdb []byte, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, ErrConflict) {
		return &scsi.StatusError{CDB: bytes.Clone(cdb), Status: scsi.StatusReservationConflict}
	}
	var k *Check
	if !errors.As(err, &k) {
		k = Refuse(scsi.HardwareError, InternalTargetFailure).Because(err)
	}
	check := &scsi.SenseError{CDB: bytes.Clone(cdb), Sense: k.sense(descriptors)}
	if k.Cause == nil {
		return check
	}
	return &CauseError{Check: check, Cause: k.Cause}
}

func bit(on bool, mask byte) byte {
	if on {
		return mask
	}
	return 0
}
