package image

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// walkAll opens the cartridge in dir and does everything a drive does with it; what a file holds must
// never make that fail otherwise than with an error.
func walkAll(t *testing.T, dir string, data []byte) {
	for _, readonly := range []bool{true, false} {
		tape, err := openOnly(dir, readonly)
		if err != nil {
			t.Fatal(err)
		}
		if tape.UsedBytes() > int64(len(data)) {
			t.Fatalf("%d bytes used of %d", tape.UsedBytes(), len(data))
		}
		lookAround(t, tape)
		if err := tape.Close(); err != nil {
			t.Fatal(err)
		}
		after, err := os.ReadFile(filepath.Join(dir, dataName))
		if err != nil || !bytes.HasPrefix(data, after) || readonly && len(after) != len(data) {
			t.Fatalf("the file was changed: %v", err)
		}
	}
}

func lookAround(t *testing.T, tape only) {
	buf := make([]byte, 100)
	objects := min(tape.Objects(), 3000)
	for lba := range objects {
		o, err := tape.At(lba)
		if err != nil && !errors.Is(err, ErrDamaged) {
			t.Fatal(err)
		}
		if _, err := tape.ReadBlock(lba, buf); err != nil && !o.Filemark && !errors.Is(err, ErrDamaged) {
			t.Fatal(err)
		}
	}
	for lba := objects - 1; lba >= 0; lba-- {
		tape.FileNumber(lba)
	}
	for n := range min(tape.Filemarks(), 100) {
		if lba, ok := tape.FilemarkAddress(n); ok && tape.FileNumber(lba) != n {
			t.Fatalf("filemark %d is at %d, in front of which there are %d", n, lba, tape.FileNumber(lba))
		}
	}
}

func seeds(f *testing.F, dir string) (data, index, crc []byte) {
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			f.Fatal(err)
		}
		return b
	}
	return read(dataName), read(indexName), read(crcName)
}

func FuzzImage(f *testing.F) {
	dir := filled(f, mixture())
	data, _, _ := seeds(f, dir)
	f.Add([]byte{})
	f.Add(data)
	f.Add(data[:len(data)-3])
	f.Add([]byte("\xFE\xFF\xFF\xFF\x02\x00\x00\x80hi\x02\x00\x00\x80\xFF\xFF\xFF\xFF"))
	f.Add(make([]byte, 4000))
	f.Add([]byte("\x03\x00\x00\x10abc\x00\x03\x00\x00\x10\x00\x00\x00\x10\x00\x00\x00\x10"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, name := range []string{indexName, crcName} {
			if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, dataName), data, 0o600); err != nil {
			t.Fatal(err)
		}
		walkAll(t, dir, data)
	})
}

// FuzzIndex gives the index a valid checksum, so that what the fuzzer makes gets behind it, and the
// state of the data file, so that it is believed.
func FuzzIndex(f *testing.F) {
	dir := filled(f, mixture())
	data, index, crc := seeds(f, dir)
	f.Add(index, true)
	f.Add(index, false)
	f.Add(index[:indexHeaderSize], true)
	f.Fuzz(func(t *testing.T, index []byte, believed bool) {
		restore(t, dir, data, crc, index, true)
		if len(index) > indexHeaderSize+4 && believed {
			sealIndex(t, dir, index)
		}
		if x, err := decodeIndex(index); err == nil && !bytes.Equal(x.encode(), normal(index)) {
			t.Fatal("the index does not encode to what it was decoded from")
		}
		walkAll(t, dir, data)
	})
}

// normal is b with the fields that are not used as they are written.
func normal(b []byte) []byte {
	b = bytes.Clone(b)
	clear(b[12:16])
	clear(b[72:80])
	for at := indexHeaderSize; at+indexEntry < len(b); at += indexEntry {
		clear(b[at+28 : at+32])
	}
	x := b[:len(b)-4]
	putWord(b[len(x):], addSum(0, x))
	return b
}

func sealIndex(t *testing.T, dir string, index []byte) {
	info, err := os.Stat(filepath.Join(dir, dataName))
	if err != nil {
		t.Fatal(err)
	}
	x := index[:len(index)-4]
	copy(x, indexMagic)
	put64(x[16:], uint64(info.Size()))
	put64(x[24:], uint64(info.ModTime().UnixNano()))
	putWord(index[len(x):], addSum(0, x))
	if err := os.WriteFile(filepath.Join(dir, indexName), index, 0o600); err != nil {
		t.Fatal(err)
	}
}

func put64(b []byte, v uint64) {
	putWord(b, uint32(v))
	putWord(b[4:], uint32(v>>32))
}

func FuzzChecksums(f *testing.F) {
	blocks := mixture()
	dir := filled(f, blocks)
	data, index, crc := seeds(f, dir)
	f.Add(crc)
	f.Add(crc[:crcHeaderSize+9])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, crc []byte) {
		restore(t, dir, data, crc, index, len(crc)%2 == 0)
		walkAll(t, dir, data)
	})
}

func FuzzMeta(f *testing.F) {
	m, err := newMeta(Spec{Barcode: "V00001L8", Generation: "LTO-8"}, time.Unix(0, 0))
	if err != nil {
		f.Fatal(err)
	}
	m.SetAttribute(Attribute{ID: 0x806, Format: 1, Value: []byte("V00001L8")})
	seed, err := encodeMeta(m)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add([]byte(`{"schema_version": 3}`))
	f.Add([]byte(`{"schema_version": 1, "attributes": [{}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := decodeMeta(data)
		if err != nil {
			return
		}
		again, err := encodeMeta(m)
		if err != nil {
			t.Fatal("decodes but does not encode: ", err)
		}
		if _, err := decodeMeta(again); err != nil {
			t.Fatal(err)
		}
	})
}
