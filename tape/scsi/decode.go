package scsi

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// ErrShort is in the chain of a decoder's error when a device returned less than the fixed part of
// its answer.
var ErrShort = errors.New("too few bytes")

// The decoders take what was received, not what the device says it sent: Quantum drives return the
// allocation length where the data length belongs, and bridges cut answers. A length field can only
// make an answer shorter than the bytes at hand, never longer.

func shortData(what string, got, want int) error {
	return fmt.Errorf("%s: %w: %d, need %d", what, ErrShort, got, want)
}

// extent is data cut to header+claimed bytes.
func extent(data []byte, header int, claimed uint64) []byte {
	if uint64(len(data)) <= uint64(header)+claimed {
		return data
	}
	return data[:header+int(claimed)]
}

func uint24(b []byte) uint32 { return uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2]) }

func putUint24(b []byte, v uint32) { b[0], b[1], b[2] = byte(v>>16), byte(v>>8), byte(v) }

func uint16At(b []byte, i int) uint16 { return binary.BigEndian.Uint16(b[i:]) }

func uint32At(b []byte, i int) uint32 { return binary.BigEndian.Uint32(b[i:]) }

// asciiField reads a space- or NUL-padded field. Bytes that are not printable ASCII become '?', since the
// text goes to terminals; a field that was never set (all FFh) is empty.
func asciiField(b []byte) string {
	if i := strings.IndexByte(string(b), 0); i >= 0 {
		b = b[:i]
	}
	s := strings.Map(func(r rune) rune {
		if r < 0x20 || r > 0x7E {
			return '?'
		}
		return r
	}, latin1(b))
	s = strings.TrimSpace(s)
	if strings.Trim(s, "?") == "" {
		return ""
	}
	return s
}

// latin1 keeps one rune a byte, so that one bad byte gives one '?'.
func latin1(b []byte) string {
	r := make([]rune, len(b))
	for i, c := range b {
		r[i] = rune(c)
	}
	return string(r)
}
