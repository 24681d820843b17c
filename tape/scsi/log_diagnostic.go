package scsi

import "strings"

// TapeDiagnostic is one record of page 16h: an error that the drive met, kept over power cycles
// (SSC-5 8.4.8).
type TapeDiagnostic struct {
	DensityCode   byte
	MediumType    byte
	MotionHours   *uint64 // of the drive's life when it happened
	Repeated      bool    // the error came again with the same medium and sense
	Key           SenseKey
	ASC           ASC
	VendorCode    uint32
	SinceCleaning *uint64 // motion hours
	Opcode        byte
	ServiceAction byte
	MediumID      string // serial number of the cartridge; "" none
}

// diagnosticLength is the fixed part of a record: to the end of the medium id.
const diagnosticLength = 60

// TapeDiagnostics decodes page 16h, in the order of the page; nil when it holds no record.
func (p LogPage) TapeDiagnostics() []TapeDiagnostic {
	var list []TapeDiagnostic
	for _, parameter := range p.Parameters {
		b := parameter.Value
		if len(b) < diagnosticLength || notAvailable(b) || allZeros(b) {
			continue
		}
		list = append(list, TapeDiagnostic{
			DensityCode: b[2], MediumType: b[3], MotionHours: logNumber(b[4:8]),
			Repeated: b[9]&0x80 != 0, Key: SenseKey(b[9] & 0x0F), ASC: ASC(uint16At(b, 10)),
			VendorCode: uint32At(b, 12), SinceCleaning: logNumber(b[20:24]),
			Opcode: b[24], ServiceAction: b[25] & 0x1F, MediumID: asciiField(b[28:60]),
		})
	}
	return list
}

func allZeros(b []byte) bool { return strings.Trim(string(b), "\x00") == "" }

// Command is the name of the command that failed.
func (d TapeDiagnostic) Command() string { return OpcodeName([]byte{d.Opcode}) }

// Sense is the error in words.
func (d TapeDiagnostic) Sense() string { return Sense{Key: d.Key, ASC: d.ASC}.String() }
