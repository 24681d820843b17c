package scsi

import (
	"errors"
	"fmt"
)

// SenseKey is the class of a sense (SPC-5 4.4.8).
type SenseKey uint8

// The sense keys.
const (
	NoSense        SenseKey = 0x0
	RecoveredError SenseKey = 0x1
	NotReady       SenseKey = 0x2
	MediumError    SenseKey = 0x3
	HardwareError  SenseKey = 0x4
	IllegalRequest SenseKey = 0x5
	UnitAttention  SenseKey = 0x6
	DataProtect    SenseKey = 0x7
	BlankCheck     SenseKey = 0x8
	VendorSpecific SenseKey = 0x9
	CopyAborted    SenseKey = 0xA
	AbortedCommand SenseKey = 0xB
	VolumeOverflow SenseKey = 0xD
	Miscompare     SenseKey = 0xE
)

// ASC is an additional sense code with its qualifier: ASC<<8 | ASCQ.
type ASC uint16

// Sense is decoded sense data, fixed or descriptor format.
type Sense struct {
	Deferred  bool
	Key       SenseKey
	ASC       ASC
	Filemark  bool
	EOM       bool
	ILI       bool
	InfoValid bool
	Info      int64 // residual count of blocks, filemarks or bytes; signed
	Raw       []byte
}

// SenseError is a CHECK CONDITION: the device answered and its state is known.
type SenseError struct {
	CDB   []byte // the command that was refused
	Sense Sense
}

func (e *SenseError) Error() string {
	return fmt.Sprintf("%s: %s", OpcodeName(e.CDB), e.Sense)
}

// StatusError is a status other than GOOD and CHECK CONDITION: BUSY 08h, RESERVATION CONFLICT 18h,
// TASK SET FULL 28h, TASK ABORTED 40h (SAM-6 5.3).
type StatusError struct {
	CDB    []byte
	Status uint8
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("%s: SCSI status %02Xh", OpcodeName(e.CDB), e.Status)
}

// TransportError says that no answer came back: whether the command was carried out is unknown.
type TransportError struct {
	CDB []byte
	Err error
}

func (e *TransportError) Error() string {
	return fmt.Sprintf("%s: answer lost: %v", OpcodeName(e.CDB), e.Err)
}

func (e *TransportError) Unwrap() error { return e.Err }

// SenseOf gives the sense in err's chain, if there is one.
func SenseOf(err error) (Sense, bool) {
	var e *SenseError
	if errors.As(err, &e) {
		return e.Sense, true
	}
	return Sense{}, false
}

// String is "key: text (k/asc/ascq)".
func (s Sense) String() string {
	return fmt.Sprintf("sense %X/%02X/%02X", uint8(s.Key), uint8(s.ASC>>8), uint8(s.ASC))
}

// OpcodeName is the standard's name of the command, e.g. "WRITE FILEMARKS(6)".
func OpcodeName(cdb []byte) string {
	if len(cdb) == 0 {
		return "empty CDB"
	}
	return fmt.Sprintf("opcode %02Xh", cdb[0])
}
