package image

import "encoding/binary"

// MaxBlock is the length of the longest block in bytes: 24 bits (SIMH: bits 23 to 0 of the word).
const MaxBlock = 1<<24 - 1

// The words of the SIMH format: a u32, little-endian, before and (but for marks) behind the data.
const (
	wordSize     = 4
	wordFilemark = 0x00000000
	wordGap      = 0xFFFFFFFE // an erase gap: no object, skipped
	wordEnd      = 0xFFFFFFFF // physical end of the medium
	classMask    = 0xFF000000
	classPrivate = 0x10000000 // private data: a block that the drive has put into an envelope
	classError   = 0x80000000 // a record that was in error when the image was made
	lengthMask   = 0x00FFFFFF
)

// known says whether a word begins an object: a filemark, a good record, one of private data or an error
// record.
func known(word uint32) bool {
	class := word & classMask
	return class == 0 || class == classPrivate || class == classError
}

// length is the number of data bytes behind a word.
func length(word uint32) int { return int(word & lengthMask) }

// size is the number of bytes that an object takes in the file: word, data, pad to even, word.
func size(word uint32) int64 {
	if word == wordFilemark {
		return wordSize
	}
	n := int64(length(word))
	return 2*wordSize + n + n&1
}

func getWord(b []byte) uint32 { return binary.LittleEndian.Uint32(b) }

func putWord(b []byte, word uint32) { binary.LittleEndian.PutUint32(b, word) }
