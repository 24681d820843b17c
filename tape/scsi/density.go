package scsi

// Density is one format that a drive or a cartridge supports (SSC-5 7.12, REPORT DENSITY SUPPORT).
type Density struct {
	Primary, Secondary byte // density codes
	Writable           bool // WRTOK
	Duplicate          bool // DUP: the code is in several descriptors
	Default            bool // DEFLT: what the drive writes when it is not told
	BitsPerMM          uint32
	WidthTenthMM       uint16
	Tracks             uint16
	CapacityBytes      int64 // native
	Organization       string
	Name               string // "U-516"
	Description        string
}

// densityLength is a descriptor's length.
const densityLength = 52

// ParseDensities decodes density support data. It stops at the received bytes, whatever the length
// field says, and at a descriptor of zeros: drives that give the allocation length for the data
// length (Quantum HH7) fill up with them.
func ParseDensities(data []byte) ([]Density, error) {
	if len(data) < 4 {
		return nil, shortData("density support", len(data), 4)
	}
	var list []Density
	body := extent(data, 2, uint64(uint16At(data, 0)))
	for body = body[min(4, len(body)):]; len(body) >= densityLength; {
		d := body[:densityLength]
		if allZeros(d) {
			break
		}
		list = append(list, densityOf(d))
		body = body[min(densityStep(d), len(body)):]
	}
	return list, nil
}

func densityOf(d []byte) Density {
	return Density{
		Primary: d[0], Secondary: d[1], Writable: d[2]&0x80 != 0, Duplicate: d[2]&0x40 != 0, Default: d[2]&0x20 != 0,
		BitsPerMM: uint24(d[5:]), WidthTenthMM: uint16At(d, 8), Tracks: uint16At(d, 10),
		CapacityBytes: int64(uint32At(d, 12)) * megabyte,
		Organization:  asciiField(d[16:24]), Name: asciiField(d[24:32]), Description: asciiField(d[32:52]),
	}
}

// densityStep is how far the next descriptor is. DLV says that bytes 3 and 4 hold the length of what
// follows them; it may only make a descriptor longer.
func densityStep(d []byte) int {
	if d[2]&0x01 == 0 {
		return densityLength
	}
	return max(densityLength, 5+int(uint16At(d, 3)))
}
