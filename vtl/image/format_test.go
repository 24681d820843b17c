package image

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"
)

// The sidecars, byte by byte as docs/image-format.md has them.
func TestDocumentedSidecars(t *testing.T) {
	dir := filled(t, [][]byte{[]byte("123"), nil, []byte("45"), nil})
	le, table := binary.LittleEndian, crc32.MakeTable(crc32.Castagnoli)
	info, err := os.Stat(filepath.Join(dir, "partition-0.tap"))
	if err != nil {
		t.Fatal(err)
	}
	u64 := func(b []byte, values ...uint64) []byte {
		for _, v := range values {
			b = le.AppendUint64(b, v)
		}
		return b
	}

	crc := append([]byte("CALYPCRC"), 1, 0, 0, 0, 0, 0, 0, 0)
	crc = append(u64(crc, 4, 12+4+10+4), make([]byte, 28)...)
	crc = le.AppendUint32(crc, crc32.Checksum(crc, table))
	for _, object := range []string{"\x03\x00\x00\x00123", "\x00\x00\x00\x00", "\x02\x00\x00\x0045", "\x00\x00\x00\x00"} {
		crc = le.AppendUint32(crc, crc32.Checksum([]byte(object), table))
	}
	if le.Uint32(crc[68:]) != 0x48674BC7 {
		t.Errorf("the checksum of a filemark is %08X", crc[68:72])
	}
	if got, _ := os.ReadFile(filepath.Join(dir, "crc")); !bytes.Equal(got, crc) {
		t.Errorf("crc is\n%x, documented\n%x", got, crc)
	}

	index := append([]byte("CALYPIDX"), 1, 0, 0, 0, 0, 0, 0, 0)
	index = u64(index, 30, uint64(info.ModTime().UnixNano()), 4, 4, 2, 30, 2, 0)
	index = append(u64(index, 0, 0, 0), 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0) // the first three, mixed
	index = append(u64(index, 3, 26, 1), 0, 0, 0, 0, 0, 0, 0, 0)            // the last filemark
	index = le.AppendUint32(index, crc32.Checksum(index, table))
	if got, _ := os.ReadFile(filepath.Join(dir, "index")); !bytes.Equal(got, index) {
		t.Errorf("index is\n%x, documented\n%x", got, index)
	}
}
