package scsi

import (
	"encoding/binary"
	"fmt"
)

// ParseSense decodes sense data in fixed (70h, 71h) or descriptor format (72h, 73h; SPC-5 4.4).
// It reads no byte past raw or past the length that the data itself gives; fields that lie beyond
// are zero. The result's Raw is raw itself.
func ParseSense(raw []byte) (Sense, error) {
	if len(raw) < 3 {
		return Sense{Raw: raw}, shortData("sense", len(raw), 3)
	}
	s := Sense{Raw: raw}
	switch raw[0] & 0x7F {
	case 0x70, 0x71:
		s.Deferred = raw[0]&0x7F == 0x71
		s.parseFixed(senseExtent(raw))
	case 0x72, 0x73:
		s.Deferred = raw[0]&0x7F == 0x73
		s.parseDescriptors(senseExtent(raw))
	default:
		return s, fmt.Errorf("sense: response code %02Xh is not 70h to 73h", raw[0])
	}
	return s, nil
}

// senseExtent cuts raw to the additional length of byte 7, which both formats have.
func senseExtent(raw []byte) []byte {
	if len(raw) < 8 {
		return raw
	}
	return raw[:min(len(raw), 8+int(raw[7]))]
}

func (s *Sense) parseFixed(b []byte) {
	s.Key = SenseKey(b[2] & 0x0F)
	s.streamBits(b[2])
	if len(b) >= 7 {
		s.InfoValid = b[0]&0x80 != 0
		s.Info = int64(int32(binary.BigEndian.Uint32(b[3:]))) // a residual: two's complement
	}
	if len(b) >= 14 {
		s.ASC = ASC(binary.BigEndian.Uint16(b[12:]))
	}
	if len(b) >= 18 {
		s.setSKS(b[15:18])
	}
}

func (s *Sense) parseDescriptors(b []byte) {
	s.Key = SenseKey(b[1] & 0x0F)
	s.ASC = ASC(b[2]) << 8
	if len(b) < 4 {
		return
	}
	s.ASC |= ASC(b[3])
	for i := 8; i+2 <= len(b); {
		end := min(len(b), i+2+int(b[i+1]))
		s.parseDescriptor(b[i:end])
		i = end
	}
}

// parseDescriptor takes one descriptor, which may be cut short (SPC-5 4.4.2, SSC-5 4.2.21).
func (s *Sense) parseDescriptor(d []byte) {
	switch {
	case d[0] == 0x00 && len(d) >= 12:
		s.InfoValid = d[2]&0x80 != 0
		s.Info = int64(binary.BigEndian.Uint64(d[4:]))
	case d[0] == 0x02 && len(d) >= 7:
		s.setSKS(d[4:7])
	case d[0] == 0x04 && len(d) >= 4:
		s.streamBits(d[3])
	}
}

func (s *Sense) streamBits(b byte) {
	s.Filemark = b&0x80 != 0
	s.EOM = b&0x40 != 0
	s.ILI = b&0x20 != 0
}

func (s *Sense) setSKS(b []byte) {
	s.SKSValid = b[0]&0x80 != 0
	if s.SKSValid {
		copy(s.SKS[:], b)
	}
}
