package image

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// A block that was read ahead is not read again; the one behind it is.
func TestReadAhead(t *testing.T) {
	dir := create(t, 0)
	tape := open(t, dir, false)
	put(t, tape, []byte("first"), []byte("second"), []byte("third"))
	tape.ReadAhead(1)
	data, err := os.ReadFile(filepath.Join(dir, dataName))
	if err != nil {
		t.Fatal(err)
	}
	for i, b := range data {
		if b >= 'a' {
			data[i] = '?'
		}
	}
	if err := os.WriteFile(filepath.Join(dir, dataName), data, 0o644); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 4)
	if o, err := tape.At(1); o != (Object{Length: 6}) || err != nil {
		t.Errorf("At(1) = %+v, %v", o, err)
	}
	if n, err := tape.ReadBlock(1, buf); n != 6 || string(buf) != "seco" || err != nil {
		t.Errorf("ReadBlock(1) = %d, %q, %v; want the beginning of what was read ahead", n, buf, err)
	}
	tape.ReadAhead(2)
	if _, err := tape.ReadBlock(2, make([]byte, 8)); !errors.Is(err, ErrDamaged) {
		t.Errorf("ReadBlock(2) = %v; want %v", err, ErrDamaged)
	}
	closeTape(t, tape)
}

// What was read ahead is gone with the block.
func TestReadAheadOverwritten(t *testing.T) {
	tape := open(t, create(t, 0), false)
	put(t, tape, []byte("first"), []byte("second"))
	tape.ReadAhead(1)
	if err := tape.WriteBlock(1, []byte("new")); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 8)
	if n, err := tape.ReadBlock(1, buf); string(buf[:n]) != "new" || err != nil {
		t.Errorf("ReadBlock(1) = %q, %v; want the new block", buf[:n], err)
	}
	tape.ReadAhead(1)
	if err := tape.Truncate(1); err != nil {
		t.Fatal(err)
	}
	if _, err := tape.ReadBlock(1, buf); !errors.Is(err, ErrEndOfData) {
		t.Errorf("ReadBlock(1) behind the end = %v; want %v", err, ErrEndOfData)
	}
	closeTape(t, tape)
}
