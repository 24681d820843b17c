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

var senseKeyNames = [16]string{
	"no sense", "recovered error", "not ready", "medium error", "hardware error", "illegal request",
	"unit attention", "data protect", "blank check", "vendor specific", "copy aborted",
	"aborted command", "reserved", "volume overflow", "miscompare", "completed",
}

// String is the key's name in lower case, e.g. "medium error".
func (k SenseKey) String() string { return senseKeyNames[k&0x0F] }

// ASC is an additional sense code with its qualifier: ASC<<8 | ASCQ.
type ASC uint16

// Sense is decoded sense data, fixed or descriptor format.
type Sense struct {
	Deferred  bool // of an earlier command; the one that reports it was not carried out (SPC-5 4.4.7)
	Key       SenseKey
	ASC       ASC
	Filemark  bool
	EOM       bool
	ILI       bool
	InfoValid bool
	Info      int64 // residual count of blocks, filemarks or bytes; signed
	SKSValid  bool
	SKS       [3]byte // sense key specific, the valid bit included
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

// The statuses a StatusError can have (SAM-6 table 31).
const (
	StatusBusy                = 0x08
	StatusReservationConflict = 0x18
	StatusTaskSetFull         = 0x28
	StatusTaskAborted         = 0x40
)

func (e *StatusError) Error() string {
	return fmt.Sprintf("%s: %s", OpcodeName(e.CDB), statusText(e.Status))
}

func statusText(status uint8) string {
	switch status {
	case StatusBusy:
		return "device busy (status 08h)"
	case StatusReservationConflict:
		return "reserved by another host (status 18h)"
	case StatusTaskSetFull:
		return "device's queue is full (status 28h)"
	case StatusTaskAborted:
		return "command aborted by another host (status 40h)"
	}
	return fmt.Sprintf("SCSI status %02Xh", status)
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

// String is "key: text (k/asc/ascq)", e.g. "not ready: medium not present (2/3A/00)"; a pointer to
// the refused field follows when the device gave one.
func (s Sense) String() string {
	text := fmt.Sprintf("%s: %s (%X/%02X/%02X)", s.Key, s.ASC, uint8(s.Key), uint8(s.ASC>>8), uint8(s.ASC))
	if s.Key == NoSense && s.ASC == 0 {
		text = s.flagText()
	}
	if s.Deferred {
		text = "deferred " + text
	}
	if f, ok := s.FieldPointer(); ok {
		text += " at " + f.String()
	}
	return text
}

// flagText stands in for the codes of devices that report only the stream bits.
func (s Sense) flagText() string {
	switch {
	case s.Filemark:
		return "no sense: filemark (0/00/00)"
	case s.EOM:
		return "no sense: end of medium (0/00/00)"
	case s.ILI:
		return "no sense: incorrect block length (0/00/00)"
	}
	return "no sense (0/00/00)"
}

// FieldPointer names the byte that the device calls illegal.
type FieldPointer struct {
	InCDB bool // else in the parameter list
	Byte  int
	Bit   int // -1: no bit given
}

func (f FieldPointer) String() string {
	where := "parameter"
	if f.InCDB {
		where = "CDB"
	}
	if f.Bit < 0 {
		return fmt.Sprintf("%s byte %d", where, f.Byte)
	}
	return fmt.Sprintf("%s byte %d bit %d", where, f.Byte, f.Bit)
}

// FieldPointer decodes the sense key specific bytes of an ILLEGAL REQUEST (SPC-5 4.4.2.4.2).
func (s Sense) FieldPointer() (FieldPointer, bool) {
	if !s.SKSValid || s.Key != IllegalRequest {
		return FieldPointer{}, false
	}
	f := FieldPointer{InCDB: s.SKS[0]&0x40 != 0, Byte: int(s.SKS[1])<<8 | int(s.SKS[2]), Bit: -1}
	if s.SKS[0]&0x08 != 0 {
		f.Bit = int(s.SKS[0] & 0x07)
	}
	return f, true
}

// Progress is how far a long operation is, 0 to 1 (SPC-5 4.4.2.4.4); NO SENSE and NOT READY only.
func (s Sense) Progress() (float64, bool) {
	if !s.SKSValid || (s.Key != NoSense && s.Key != NotReady) {
		return 0, false
	}
	return float64(int(s.SKS[1])<<8|int(s.SKS[2])) / 65536, true
}
