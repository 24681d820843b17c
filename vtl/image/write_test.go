package image

import (
	"bytes"
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"calypso/sys/state"
)

// faulty lets writes end after room bytes, in pieces of at most piece bytes.
func faulty(t *testing.T, room, piece int) {
	t.Helper()
	pwritev = func(fd int, parts [][]byte, off int64) (int, error) {
		if room == 0 {
			return 0, unix.ENOSPC
		}
		all := bytes.Join(parts, nil)
		n, err := unix.Pwrite(fd, all[:min(len(all), piece, room)], off)
		room -= n
		return n, err
	}
	t.Cleanup(func() { pwritev = unix.Pwritev })
}

func TestShortWritesAreContinued(t *testing.T) {
	faulty(t, 1<<30, 3)
	want := mixture()
	dir := filled(t, want)
	tape := open(t, dir, false)
	defer closeTape(t, tape)
	if good := readAll(t, tape, want); good == 0 || tape.Objects() != int64(len(want)) {
		t.Fatalf("%d blocks of %d", good, len(want))
	}
	if _, err := readSIMH(tape.path); err != nil {
		t.Fatal(err)
	}
}

// A cartridge that was read on a full disk closes without an error; what it counted is lost. Other errors are told.
func TestFullDiskAtClose(t *testing.T) {
	t.Cleanup(func() { writeFile = state.WriteFile })
	for failure, want := range map[error]error{unix.ENOSPC: nil, unix.EDQUOT: nil, unix.EIO: unix.EIO} {
		writeFile = state.WriteFile
		dir := filled(t, [][]byte{[]byte("first")})
		tape := open(t, dir, false)
		if _, err := tape.ReadBlock(0, make([]byte, 5)); err != nil {
			t.Fatal(err)
		}
		writeFile = func(path string, _ []byte, _ os.FileMode) error {
			return &os.PathError{Op: "write", Path: path, Err: failure}
		}
		if err := tape.Close(); !errors.Is(err, want) {
			t.Errorf("%v: Close() = %v; want %v", failure, err, want)
		}
	}
}

// A full disk in the middle of a block leaves the image as before that block.
func TestFullDisk(t *testing.T) {
	for room := range 40 {
		dir := create(t, 0)
		tape := open(t, dir, false)
		put(t, tape, []byte("first"), nil)
		before, _ := os.ReadFile(tape.path)
		faulty(t, room, 1000)
		err := tape.WriteBlock(2, bytes.Repeat([]byte("x"), 41))
		errMarks := tape.WriteFilemarks(2, 30)
		after, _ := os.ReadFile(tape.path)
		if !errors.Is(err, unix.ENOSPC) || !errors.Is(errMarks, unix.ENOSPC) || !bytes.Equal(before, after) || tape.Objects() != 2 {
			t.Fatalf("room for %d: %v; %v; %d objects", room, err, errMarks, tape.Objects())
		}
		pwritev = unix.Pwritev
		put(t, tape, []byte("second"))
		closeTape(t, tape)
		tape = open(t, dir, true)
		readAll(t, tape, [][]byte{[]byte("first"), nil, []byte("second")})
		if tape.Objects() != 3 || tape.Damaged() != nil {
			t.Fatalf("room for %d: %d objects, %v", room, tape.Objects(), tape.Damaged())
		}
		closeTape(t, tape)
	}
}

func TestCapacity(t *testing.T) {
	tape := open(t, create(t, 100), false)
	defer closeTape(t, tape)
	put(t, tape, make([]byte, 80))
	if err := tape.WriteBlock(1, make([]byte, 5)); !errors.Is(err, ErrFull) {
		t.Errorf("block behind the end: %v", err)
	}
	if err := tape.WriteFilemarks(1, 4); !errors.Is(err, ErrFull) {
		t.Errorf("filemarks behind the end: %v", err)
	}
	for _, n := range []int64{-1, 1 << 62} {
		if err := tape.WriteFilemarks(1, n); !errors.Is(err, ErrFull) {
			t.Errorf("%d filemarks: %v", n, err)
		}
	}
	if tape.UsedBytes() != 88 || tape.Objects() != 1 {
		t.Errorf("%d bytes, %d objects", tape.UsedBytes(), tape.Objects())
	}
	put(t, tape, nil, nil, nil)
	if tape.UsedBytes() != tape.CapacityBytes() {
		t.Errorf("%d bytes used", tape.UsedBytes())
	}
	// Overwriting gives the room back.
	if err := tape.WriteBlock(0, make([]byte, 92)); err != nil {
		t.Error(err)
	}
}

func TestEarlyWarning(t *testing.T) {
	for capacity, want := range map[int64]int64{1 << 20: 3 << 18, 100e6: 100e6 - 8<<20, 12e12: 12e12 - 1<<30} {
		tape := open(t, create(t, capacity), true)
		if got := tape.EarlyWarningBytes(); got != want {
			t.Errorf("capacity %d: early warning at %d, want %d", capacity, got, want)
		}
		closeTape(t, tape)
	}
}

func TestRefusals(t *testing.T) {
	dir := filled(t, [][]byte{[]byte("one"), nil})
	tape := open(t, dir, false)
	for name, c := range map[string]struct{ got, want error }{
		"empty block":    {tape.WriteBlock(2, nil), ErrBlockLength},
		"huge block":     {tape.WriteBlock(2, make([]byte, MaxBlock+1)), ErrBlockLength},
		"behind the end": {tape.WriteBlock(3, []byte("x")), ErrEndOfData},
		"negative":       {tape.WriteBlock(-1, []byte("x")), ErrEndOfData},
		"marks behind":   {tape.WriteFilemarks(3, 1), ErrEndOfData},
		"cut behind":     {tape.Truncate(3), ErrEndOfData},
	} {
		if !errors.Is(c.got, c.want) {
			t.Errorf("%s: %v", name, c.got)
		}
	}
	for _, lba := range []int64{-1, 2, 1 << 60} {
		if _, err := tape.ReadBlock(lba, nil); !errors.Is(err, ErrEndOfData) {
			t.Errorf("read %d: %v", lba, err)
		}
		if _, err := tape.At(lba); !errors.Is(err, ErrEndOfData) {
			t.Errorf("at %d: %v", lba, err)
		}
	}
	closeTape(t, tape)
	tape = open(t, dir, true)
	defer closeTape(t, tape)
	for name, err := range map[string]error{
		"write": tape.WriteBlock(2, []byte("x")), "mark": tape.WriteFilemarks(2, 1), "truncate": tape.Truncate(0),
		"memory": tape.SetMeta(func(*Meta) {}),
	} {
		if !errors.Is(err, ErrReadOnly) {
			t.Errorf("%s read-only: %v", name, err)
		}
	}
}

// The largest block goes in and out.
func TestMaxBlock(t *testing.T) {
	block := bytes.Repeat([]byte("0123456"), MaxBlock/7+1)[:MaxBlock]
	tape := open(t, create(t, 0), false)
	defer closeTape(t, tape)
	put(t, tape, block, nil)
	buf := make([]byte, MaxBlock)
	if n, err := tape.ReadBlock(0, buf); n != MaxBlock || err != nil || !bytes.Equal(buf, block) {
		t.Errorf("%d, %v", n, err)
	}
}
