package spc

import "encoding/binary"

// Descriptors is the sense in descriptor format, current error (SPC-5): the descriptors are there
// that have something to say.
func (k *Check) Descriptors() []byte {
	b := []byte{0x72, byte(k.Key), byte(k.ASC >> 8), byte(k.ASC), 0, 0, 0, 0}
	if k.InfoValid {
		b = append(b, 0x00, 10, 0x80, 0)
		b = binary.BigEndian.AppendUint64(b, uint64(k.Info))
	}
	if k.Field != nil {
		specific := make([]byte, 3)
		k.Field.put(specific)
		b = append(b, 0x02, 6, 0, 0, specific[0], specific[1], specific[2], 0)
	}
	if stream := bit(k.Filemark, 0x80) | bit(k.EOM, 0x40) | bit(k.ILI, 0x20); stream != 0 {
		b = append(b, 0x04, 2, 0, stream) // stream commands (SSC-5)
	}
	b[7] = byte(len(b) - 8)
	return b
}
