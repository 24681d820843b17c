package image

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
)

func putEnvelope(t testing.TB, tape only, p []byte) {
	t.Helper()
	if err := tape.WriteEnvelope(tape.Objects(), p); err != nil {
		t.Fatal(err)
	}
}

// sealedLength is the length of envelope i of a tape: no two neighbours are alike, as with compression.
func sealedLength(i int) int { return 1 + i*7919%300 }

func TestEnvelopesAreRecordsOfPrivateData(t *testing.T) {
	dir := create(t, 0)
	tape := open(t, dir, false)
	put(t, tape, []byte("ab"))
	putEnvelope(t, tape, []byte("xyz"))
	put(t, tape, nil)
	closeTape(t, tape)
	want := "\x02\x00\x00\x00ab\x02\x00\x00\x00" + "\x03\x00\x00\x10xyz\x00\x03\x00\x00\x10" + "\x00\x00\x00\x00"
	if got, _ := os.ReadFile(filepath.Join(dir, dataName)); string(got) != want {
		t.Errorf("the file is %x, want %x", got, want)
	}
	for _, withIndex := range []bool{true, false} {
		if !withIndex {
			os.Remove(filepath.Join(dir, indexName))
		}
		tape = open(t, dir, true)
		for lba, want := range []Object{{Length: 2}, {Envelope: true, Length: 3}, {Filemark: true}} {
			if got, err := tape.At(int64(lba)); got != want || err != nil {
				t.Errorf("At(%d) = %+v, %v; want %+v", lba, got, err, want)
			}
		}
		buf := make([]byte, 5)
		if n, err := tape.ReadBlock(1, buf); err != nil || string(buf[:n]) != "xyz" {
			t.Errorf("ReadBlock(1) = %q, %v", buf[:n], err)
		}
		if got := tape.FileNumber(2); got != 0 {
			t.Errorf("FileNumber(2) = %d, want 0", got)
		}
		closeTape(t, tape)
	}
}

// A block and an envelope of the same bytes are two things to the checksum: the class is in the word.
func TestFlippedClassIsDamage(t *testing.T) {
	dir := create(t, 0)
	tape := open(t, dir, false)
	putEnvelope(t, tape, []byte("secret"))
	put(t, tape, nil)
	closeTape(t, tape)
	path := filepath.Join(dir, dataName)
	data, _ := os.ReadFile(path)
	data[3], data[len(data)-5] = 0, 0
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	tape = open(t, dir, true)
	defer closeTape(t, tape)
	if n, err := tape.ReadBlock(0, make([]byte, 6)); err == nil {
		t.Errorf("ReadBlock(0) = %d bytes of ciphertext without an error", n)
	}
}

func TestEnvelopesOfOneLengthAreOneSegment(t *testing.T) {
	tape := open(t, create(t, 0), false)
	defer closeTape(t, tape)
	for range 1000 {
		putEnvelope(t, tape, []byte("12345"))
	}
	if n := len(tape.chain.segments); n != 1 {
		t.Errorf("%d segments, want 1", n)
	}
}

// Seeking among envelopes of differing lengths looks at a bounded number of words, from an index that
// does not have each of them.
func TestSeekAmongEnvelopes(t *testing.T) {
	const n = 100_000
	dir := create(t, 0)
	tape := open(t, dir, false)
	p := make([]byte, 300)
	for i := range n {
		binary.LittleEndian.PutUint32(p, uint32(i))
		putEnvelope(t, tape, p[:max(4, sealedLength(i))])
	}
	closeTape(t, tape)
	tape = open(t, dir, true)
	defer closeTape(t, tape)
	if got := len(tape.chain.segments); got > 2*n/mixedObjects {
		t.Errorf("%d segments for %d envelopes", got, n)
	}
	buf := make([]byte, 300)
	for i := range 2000 {
		lba := i * 7907 % n
		got, err := tape.ReadBlock(int64(lba), buf)
		if err != nil || got != max(4, sealedLength(lba)) || binary.LittleEndian.Uint32(buf) != uint32(lba) {
			t.Fatalf("ReadBlock(%d) = %d bytes of block %d, %v", lba, got, binary.LittleEndian.Uint32(buf), err)
		}
	}
}

func TestRebuildFindsEnvelopes(t *testing.T) {
	dir := create(t, 0)
	tape := open(t, dir, false)
	var want [][]byte
	for i := range 500 {
		b := bytes.Repeat([]byte{byte(i)}, sealedLength(i))
		want = append(want, b)
		putEnvelope(t, tape, b)
	}
	closeTape(t, tape)
	for _, name := range []string{indexName, crcName} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	tape = open(t, dir, false)
	defer closeTape(t, tape)
	buf := make([]byte, 400)
	for lba, w := range want {
		n, err := tape.ReadBlock(int64(lba), buf)
		if err != nil || !bytes.Equal(buf[:n], w) {
			t.Fatalf("block %d of %d: %d bytes, %v", lba, tape.Objects(), n, err)
		}
	}
}

// BenchmarkSeekEnvelopes: to a block anywhere among 100,000 envelopes of 64 KiB and less.
func BenchmarkSeekEnvelopes(b *testing.B) {
	tape, p := benchTape(b), make([]byte, 64<<10)
	for i := range 100_000 {
		if err := tape.WriteEnvelope(tape.Objects(), p[:1+i*7919%len(p)>>6]); err != nil {
			b.Fatal(err)
		}
	}
	closeTape(b, tape)
	again := open(b, tape.Tape.dir, true)
	i := 0
	for b.Loop() {
		if _, err := again.ReadBlock(int64(i*7907%100_000), p); err != nil {
			b.Fatal(err)
		}
		i++
	}
}
