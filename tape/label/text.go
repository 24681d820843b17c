package label

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf16"
)

// maxShown bounds a name from a foreign label, in runes.
const maxShown = 128

// clean makes a text from a foreign tape fit for a terminal: everything that is not printable goes
// (control bytes, escape sequences, bidirectional overrides, bytes that are not UTF-8), outer spaces
// go, the rest is bounded to maxShown runes.
func clean(s string) string {
	kept := make([]rune, 0, min(len(s), maxShown))
	for _, r := range s {
		if unicode.IsPrint(r) && r != unicode.ReplacementChar {
			kept = append(kept, r)
		}
		if len(kept) == maxShown {
			break
		}
	}
	return strings.TrimSpace(string(kept))
}

// cString is the text up to the first NUL, or all of b.
func cString(b []byte) string {
	s, _, _ := bytes.Cut(b, []byte{0})
	return string(s)
}

// slice gives b[from:from+n] as far as b reaches; nil when it does not reach from.
func slice(b []byte, from, n int) []byte {
	if from < 0 || n < 0 || from >= len(b) {
		return nil
	}
	return b[from:min(len(b), from+n)]
}

// hasAt tells whether b holds mark at offset.
func hasAt(b []byte, offset int, mark string) bool {
	return string(slice(b, offset, len(mark))) == mark
}

func utf16LE(b []byte) string {
	u := make([]uint16, len(b)/2)
	for i := range u {
		u[i] = uint16(b[2*i]) | uint16(b[2*i+1])<<8
	}
	return string(utf16.Decode(u))
}

// ebcdic decodes the characters that code pages 037, 500 and 1047 share; others become NUL, which
// no label holds and clean removes.
func ebcdic(b []byte) string {
	out := make([]byte, len(b))
	for i, c := range b {
		out[i] = ebcdicTable[c]
	}
	return string(out)
}

var ebcdicTable = makeEBCDIC()

func makeEBCDIC() (t [256]byte) {
	for start, run := range map[int]string{
		0x40: " ", 0x4B: ".<(+", 0x50: "&", 0x5B: "$*);", 0x60: "-/", 0x6B: ",%_>?", 0x7A: ":#@'=\"",
		0x81: "abcdefghi", 0x91: "jklmnopqr", 0xA2: "stuvwxyz",
		0xC1: "ABCDEFGHI", 0xD1: "JKLMNOPQR", 0xE2: "STUVWXYZ", 0xF0: "0123456789",
	} {
		copy(t[start:], run)
	}
	return t
}
