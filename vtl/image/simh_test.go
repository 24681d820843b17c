package image

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// readSIMH is a reader of SIMH standard .tap files that shares nothing with the package: it judges the
// files. A filemark is a nil block.
func readSIMH(path string) (blocks [][]byte, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	for len(data) >= 4 {
		n := int(binary.LittleEndian.Uint32(data))
		data = data[4:]
		switch {
		case n == 0:
			blocks = append(blocks, nil)
			continue
		case n == 0xFFFFFFFF:
			return blocks, nil
		case n > 0xFFFFFF:
			return blocks, fmt.Errorf("length %#x", n)
		}
		padded := n + n%2
		if len(data) < padded+4 {
			return blocks, fmt.Errorf("incomplete record of %d bytes", n)
		}
		if again := int(binary.LittleEndian.Uint32(data[padded:])); again != n {
			return blocks, fmt.Errorf("length %d in front, %d behind", n, again)
		}
		blocks = append(blocks, data[:n])
		data = data[padded+4:]
	}
	if len(data) != 0 {
		return blocks, fmt.Errorf("%d bytes left over", len(data))
	}
	return blocks, nil
}

// tempDir is a directory in memory where the system has one: the tests and benchmarks are then about
// the code and not about how long a disk takes to sync.
func tempDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "image")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// create makes a cartridge for a test.
func create(t testing.TB, capacity int64) string {
	t.Helper()
	dir := filepath.Join(tempDir(t), "V00001L8")
	if err := Create(dir, Spec{Barcode: "V00001L8", Generation: "LTO-8", CapacityBytes: capacity}); err != nil {
		t.Fatal(err)
	}
	return dir
}

// only is a cartridge with the one partition that most tests want.
type only struct {
	*Cartridge
	*Tape
}

func openOnly(dir string, readonly bool) (only, error) {
	c, err := Open(dir, readonly)
	if err != nil {
		return only{}, err
	}
	return only{c, c.Partition(0)}, nil
}

func open(t testing.TB, dir string, readonly bool) only {
	t.Helper()
	tape, err := openOnly(dir, readonly)
	if err != nil {
		t.Fatal(err)
	}
	return tape
}

// put appends blocks; nil is a filemark.
func put(t testing.TB, tape only, blocks ...[]byte) {
	t.Helper()
	for _, b := range blocks {
		var err error
		if b == nil {
			err = tape.WriteFilemarks(tape.Objects(), 1)
		} else {
			err = tape.WriteBlock(tape.Objects(), b)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func closeTape(t testing.TB, tape only) {
	t.Helper()
	if err := tape.Close(); err != nil {
		t.Fatal(err)
	}
}
