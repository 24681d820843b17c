package ssc

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"calypso/tape/scsi"
)

// BenchmarkCompressText writes blocks of source code: what compression costs a drive.
func BenchmarkCompressText(b *testing.B) {
	var text []byte
	names, _ := filepath.Glob("../../*/*.go")
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			b.Fatal(err)
		}
		text = append(text, data...)
	}
	const block = 256 << 10
	text = bytes.Repeat(text, 4*block/len(text)+1)
	r := newRig(b, newTape())
	r.s.tape = &envelopeHole{memoryTape: r.m}
	r.compression(true)
	b.SetBytes(block)
	for i := 0; b.Loop(); i++ {
		at := i * block % (len(text) - block)
		r.s.position = 0
		if err := r.s.Exec(b.Context(), &scsi.Command{CDB: []byte{0x0A, 0, block >> 16, 0, 0, 0}, DataOut: text[at:][:block]}); err != nil {
			b.Fatal(err)
		}
	}
}
