package ssc

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"calypso/tape/scsi"
)

func TestReadBlockLimits(t *testing.T) {
	r := newRig(t, nil)
	data, err := r.exec("05 00 00 00 00 00", nil, 6)
	if err != nil {
		t.Fatal(err)
	}
	wantBytes(t, "READ BLOCK LIMITS", data, unhex(t, "00 80 00 00 00 01"))
}

func TestReadVariable(t *testing.T) {
	tests := []struct {
		name   string
		tape   string
		at     int64
		cdb    string
		sense  string
		data   string
		lands  int64
		setLen int // block length by MODE SELECT
	}{
		{"exact", "5|", 0, "08 00 00 00 05 00", "good", "55555", 1, 0},
		{"no bytes: no motion", "5|", 0, "08 00 00 00 00 00", "good", "", 0, 0},
		{"no bytes at a filemark", "5|", 1, "08 00 00 00 00 00", "good", "", 1, 0},
		{"shorter block", "5|", 0, "08 00 00 00 08 00", "0/00/00 ILI info=3", "55555", 1, 0},
		{"shorter block, SILI", "5|", 0, "08 02 00 00 08 00", "good", "55555", 1, 0},
		{"longer block", "5|", 0, "08 00 00 00 02 00", "0/00/00 ILI info=-3", "55", 1, 0},
		{"longer block, SILI", "5|", 0, "08 02 00 00 02 00", "good", "55", 1, 0},
		{"longer block, SILI, block length set", "5|", 0, "08 02 00 00 02 00", "0/00/00 ILI info=-3", "55", 1, 512},
		{"shorter block, SILI, block length set", "5|", 0, "08 02 00 00 08 00", "good", "55555", 1, 512},
		{"filemark", "5|6", 1, "08 00 00 00 08 00", "0/00/01 FM info=8", "", 2, 0},
		{"filemark, SILI", "5|6", 1, "08 02 00 00 08 00", "0/00/01 FM info=8", "", 2, 0},
		{"end of data", "5|", 2, "08 00 00 00 08 00", "8/00/05 info=8", "", 2, 0},
		{"blank tape", "", 0, "08 00 01 00 00 00", "8/00/05 info=65536", "", 0, 0},
		{"SILI and FIXED", "5|", 0, "08 03 00 00 01 00", "5/24/00 cdb[1].1", "", 0, 512},
		{"FIXED without a block length", "5|", 0, "08 01 00 00 01 00", "5/24/00 cdb[1].0", "", 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, tapeOf(tt.tape))
			r.s.position, r.s.blockLength = tt.at, tt.setLen
			data, err := r.exec(tt.cdb, nil, 1<<16)
			if got := describe(t, err); got != tt.sense {
				t.Errorf("sense = %s, want %s", got, tt.sense)
			}
			if string(data) != tt.data {
				t.Errorf("data = %q, want %q", data, tt.data)
			}
			r.wantAt(tt.lands)
		})
	}
}

func TestReadFixed(t *testing.T) {
	tests := []struct {
		name   string
		tape   string
		blocks int
		sense  string
		data   string
		lands  int64
	}{
		{"all", "333", 3, "good", "333333333", 3},
		{"none", "333", 0, "good", "", 0},
		{"filemark on the way", "33|3", 5, "0/00/01 FM info=3", "333333", 3},
		{"filemark first", "|3", 2, "0/00/01 FM info=2", "", 1},
		{"end of data", "33", 5, "8/00/05 info=3", "333333", 2},
		{"shorter block", "3323", 4, "0/00/00 ILI info=2", "333333", 3},
		{"longer block", "3343", 4, "0/00/00 ILI info=2", "333333", 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, tapeOf(tt.tape))
			r.s.blockLength = 3
			data, err := r.exec(fmt.Sprintf("08 01 00 00 %02x 00", tt.blocks), nil, 64)
			if got := describe(t, err); got != tt.sense {
				t.Errorf("sense = %s, want %s", got, tt.sense)
			}
			if string(data) != tt.data {
				t.Errorf("data = %q, want %q", data, tt.data)
			}
			r.wantAt(tt.lands)
		})
	}
}

// A host that gives less room than it asks for must not lose a block without hearing of it.
func TestReadWithoutRoom(t *testing.T) {
	r := newRig(t, tapeOf("5"))
	_, err := r.exec("08 00 00 00 05 00", nil, 4)
	if got := describe(t, err); got != "b/4b/00" {
		t.Errorf("READ(6) of 5 bytes into 4 = %s, want b/4b/00", got)
	}
	r.wantAt(0)
}

func TestReadBadBlock(t *testing.T) {
	m := tapeOf("444")
	m.bad = map[int64]bool{1: true}
	r := newRig(t, m)
	r.s.position = 1
	_, err := r.exec("08 00 00 00 06 00", nil, 6)
	if got := describe(t, err); got != "3/11/00 info=6" {
		t.Errorf("variable = %s, want 3/11/00 info=6", got)
	}
	if !errors.Is(err, errBadBlock) {
		t.Errorf("cause lost: %v", err)
	}
	r.wantAt(2)

	r.s.position, r.s.blockLength = 0, 4
	data, err := r.exec("08 01 00 00 03 00", nil, 12)
	if got := describe(t, err); got != "3/11/00 info=2" || string(data) != "4444" {
		t.Errorf("fixed = %s with %q, want 3/11/00 info=2 with 4444", got, data)
	}
	r.wantAt(2)
}

func TestWriteVariable(t *testing.T) {
	r := newRig(t, tapeOf("ab|c"))
	r.s.position = 1
	if got := r.senseOut("0A 00 00 00 03 00", []byte("xyz")); got != "good" {
		t.Fatalf("WRITE(6) = %s", got)
	}
	if got := r.m.picture(); got != "ax" || string(r.m.objects[1].data) != "xyz" {
		t.Errorf("tape = %q, want ax with block xyz", got)
	}
	r.wantAt(2)
	r.want("0A 00 00 00 00 00", "good")
	r.wantAt(2)
	if got := r.senseOut("0A 00 00 00 04 00", []byte("xyz")); got != "b/4b/00" {
		t.Errorf("WRITE(6) of 4 bytes with 3 = %s, want b/4b/00", got)
	}
	r.want("0A 00 80 00 01 00", "5/24/00 cdb[2]")
	r.want("0A 01 00 00 01 00", "5/24/00 cdb[1].0")
	if len(r.m.objects) != 2 {
		t.Errorf("refused writes wrote: %q", r.m.picture())
	}
}

func TestWriteLongestBlock(t *testing.T) {
	r := newRig(t, newTape())
	if got := r.senseOut("0A 00 80 00 00 00", make([]byte, 0x800000)); got != "good" {
		t.Errorf("WRITE(6) of 8 MiB = %s", got)
	}
}

func TestWriteFixed(t *testing.T) {
	r := newRig(t, newTape())
	r.s.blockLength = 2
	if got := r.senseOut("0A 01 00 00 03 00", []byte("aabbcc")); got != "good" {
		t.Fatalf("WRITE(6) = %s", got)
	}
	if got := r.m.picture(); got != "abc" {
		t.Errorf("tape = %q, want abc", got)
	}
}

// With room for 4 blocks of 2 bytes and early warning behind the second.
func smallTape() *memoryTape {
	m := newTape()
	m.capacity, m.warning = 4*(2+objectCost)+objectCost, 2*(2+objectCost)
	return m
}

func TestEarlyWarningAndEnd(t *testing.T) {
	r := newRig(t, smallTape())
	block := []byte("ab")
	steps := []struct{ cdb, sense string }{
		{"0A 00 00 00 02 00", "good"},
		{"0A 00 00 00 02 00", "0/00/02 EOM info=0"},
		{"0A 00 00 00 02 00", "0/00/02 EOM info=0"},
		{"10 00 00 00 00 00", "good"}, // a flush writes nothing
		{"0A 00 00 00 02 00", "0/00/02 EOM info=0"},
		{"0A 00 00 00 02 00", "d/00/02 EOM info=2"},
		{"10 00 00 00 03 00", "d/00/02 EOM info=2"}, // one of three fits
		{"10 00 00 00 01 00", "d/00/02 EOM info=1"},
	}
	for i, step := range steps {
		if got := r.senseOut(step.cdb, block); got != step.sense {
			t.Errorf("step %d: %s = %s, want %s", i, step.cdb, got, step.sense)
		}
	}
	if got := r.m.picture(); got != "aaaa|" {
		t.Errorf("tape = %q, want aaaa|", got)
	}
	r.wantAt(5)
	// The end of data is behind early warning now: EOM with BLANK CHECK.
	r.want("08 00 00 00 02 00", "b/4b/00")
	_, err := r.exec("08 00 00 00 02 00", nil, 2)
	if got := describe(t, err); got != "8/00/05 EOM info=2" {
		t.Errorf("READ(6) at the end = %s, want 8/00/05 EOM info=2", got)
	}
	r.want("11 00 00 00 04 00", "8/00/05 EOM info=4")
}

func TestFilemarkBehindEarlyWarning(t *testing.T) {
	m := smallTape()
	m.warning = objectCost + 1
	r := newRig(t, m)
	r.want("10 01 00 00 01 00", "good")
	r.want("10 01 00 00 01 00", "0/00/02 EOM info=0")
}

func TestFixedWriteStopsAtEnd(t *testing.T) {
	r := newRig(t, smallTape())
	r.s.blockLength = 2
	cmd := &scsi.Command{CDB: unhex(t, "0A 01 00 00 06 00"), DataOut: []byte("aabbccddeeff")}
	err := r.s.Exec(t.Context(), cmd)
	if got := describe(t, err); got != "d/00/02 EOM info=2" {
		t.Errorf("WRITE(6) of 6 blocks = %s, want d/00/02 EOM info=2", got)
	}
	if cmd.Transferred != 8 || r.m.picture() != "abcd" {
		t.Errorf("transferred %d, tape %q; want 8, abcd", cmd.Transferred, r.m.picture())
	}
}

func TestWriteFilemarks(t *testing.T) {
	r := newRig(t, tapeOf("abc"))
	r.s.position = 1
	r.want("10 01 00 00 02 00", "good")
	if r.m.picture() != "a||" || r.m.synced != 0 {
		t.Errorf("IMMED: tape %q, %d durable", r.m.picture(), r.m.synced)
	}
	r.want("10 00 00 00 00 00", "good")
	if r.m.synced != 3 {
		t.Errorf("count 0: %d of 3 objects durable", r.m.synced)
	}
	r.want("10 00 00 00 01 00", "good")
	if r.m.synced != 4 {
		t.Errorf("not immediate: %d of 4 objects durable", r.m.synced)
	}
	r.want("10 02 00 00 01 00", "5/24/00 cdb[1].1") // setmarks are obsolete
	r.wantAt(4)
}

// Whatever moves the tape away makes durable what was written before.
func TestMovesFlush(t *testing.T) {
	for _, cdb := range []string{
		"01 00 00 00 00 00", "11 01 FF FF FF 00", "2B 00 00 00 00 00 00 00 00 00", "1B 00 00 00 00 00",
		"92 18 00 00 00 00 00 00 00 00 00 00 00 00 00 00", "19 00 00 00 00 00", "1B 00 00 00 01 00",
	} {
		r := newRig(t, newTape())
		r.senseOut("0A 00 00 00 01 00", []byte("a"))
		r.exec(cdb, nil, 0)
		if r.m.synced != 1 {
			t.Errorf("%s left a block that is not durable", cdb)
		}
	}
}

func TestUnbufferedMode(t *testing.T) {
	r := newRig(t, newTape())
	if got := r.senseOut("15 10 00 00 04 00", unhex(t, "00 00 00 00")); got != "good" {
		t.Fatalf("MODE SELECT(6), unbuffered = %s", got)
	}
	r.senseOut("0A 00 00 00 01 00", []byte("a"))
	if r.m.synced != 1 {
		t.Error("an unbuffered WRITE ended before its block was durable")
	}
}

func TestHostDiskFull(t *testing.T) {
	full := &errPath{"write /srv/vtl/V00001L8", syscall.ENOSPC}
	tests := []struct {
		name, cdb, sense string
		set              func(*memoryTape)
	}{
		{"block", "0A 00 00 00 01 00", "3/0c/00 info=1", func(m *memoryTape) { m.writeErr = full }},
		{"filemark", "10 00 00 00 02 00", "3/0c/00 info=2", func(m *memoryTape) { m.writeErr = full }},
		{"flush", "10 00 00 00 01 00", "3/0c/00", func(m *memoryTape) { m.syncErr = full }},
		{"erase", "19 01 00 00 00 00", "3/0c/00", func(m *memoryTape) { m.writeErr = full }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, newTape())
			tt.set(r.m)
			_, err := r.exec(tt.cdb, []byte("a"), 0)
			if got := describe(t, err); got != tt.sense {
				t.Errorf("%s = %s, want %s", tt.cdb, got, tt.sense)
			}
			if !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("cause lost: %v", err)
			}
			if !strings.Contains(err.Error(), "/srv/vtl/V00001L8") {
				t.Errorf("%q does not name the file", err)
			}
		})
	}
}

type errPath struct {
	op  string
	err error
}

func (e *errPath) Error() string { return e.op + ": " + e.err.Error() }
func (e *errPath) Unwrap() error { return e.err }

func TestWriteProtection(t *testing.T) {
	tests := []struct {
		name  string
		drive string
		set   func(*Meta)
		sense string
	}{
		{"switch", "LTO-8", func(m *Meta) { m.WriteProtect = true }, "7/27/00"},
		{"WORM", "LTO-8", func(m *Meta) { m.WORM = true }, "7/30/0c"},
		{"one generation too far back", "LTO-7", func(m *Meta) { m.Generation = "LTO-5" }, "7/30/05"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := tapeOf("ab")
			tt.set(&m.meta)
			s, err := New(Config{Generation: tt.drive, Serial: "X"}, m)
			if err != nil {
				t.Fatal(err)
			}
			r := &rig{t, s, m}
			r.sense("00 00 00 00 00 00")
			for _, cdb := range []string{"0A 00 00 00 01 00", "10 00 00 00 01 00", "19 00 00 00 00 00"} {
				if got := r.senseOut(cdb, []byte("x")); got != tt.sense {
					t.Errorf("%s = %s, want %s", cdb, got, tt.sense)
				}
			}
			r.want("10 00 00 00 00 00", "good") // a flush writes nothing
			if m.picture() != "ab" {
				t.Errorf("tape = %q, want ab", m.picture())
			}
			if data, err := r.exec("08 00 00 00 01 00", nil, 1); err != nil || string(data) != "a" {
				t.Errorf("READ(6) = %q, %v", data, err)
			}
		})
	}
}

func TestWORMAppends(t *testing.T) {
	m := tapeOf("ab")
	m.meta.WORM = true
	r := newRig(t, m)
	r.s.position = 2
	if got := r.senseOut("0A 00 00 00 01 00", []byte("c")); got != "good" {
		t.Errorf("append to WORM = %s", got)
	}
	r.want("10 00 00 00 01 00", "good")
	r.s.position = 2
	if got := r.senseOut("0A 00 00 00 01 00", []byte("d")); got != "7/30/0c" {
		t.Errorf("overwrite of WORM = %s, want 7/30/0c", got)
	}
}

func TestErase(t *testing.T) {
	for _, cdb := range []string{"19 00 00 00 00 00", "19 01 00 00 00 00", "19 03 00 00 00 00"} {
		r := newRig(t, tapeOf("ab|c"))
		r.s.position = 1
		r.want(cdb, "good")
		if r.m.picture() != "a" {
			t.Errorf("%s: tape = %q, want a", cdb, r.m.picture())
		}
		r.wantAt(1)
		_, err := r.exec("08 00 00 00 01 00", nil, 1)
		if got := describe(t, err); got != "8/00/05 info=1" {
			t.Errorf("READ(6) behind ERASE = %s", got)
		}
	}
}

// The hot path: data goes from the host's buffer to the medium and back without a copy or an
// allocation of the drive.
func TestHotPathDoesNotAllocate(t *testing.T) {
	m := &blackHole{memoryTape: newTape()}
	s, err := New(Config{Generation: "LTO-8", Serial: "X"}, m)
	if err != nil {
		t.Fatal(err)
	}
	block := bytes.Repeat([]byte{1}, 1<<16)
	write := &scsi.Command{CDB: unhex(t, "0A 00 01 00 00 00"), DataOut: block}
	read := &scsi.Command{CDB: unhex(t, "08 00 01 00 00 00"), DataIn: block}
	s.Exec(t.Context(), write) // takes the power-on attention
	for _, cmd := range []*scsi.Command{write, read} {
		n := testing.AllocsPerRun(100, func() {
			if err := s.Exec(t.Context(), cmd); err != nil {
				t.Fatal(err)
			}
		})
		if n != 0 {
			t.Errorf("% x: %v allocations, want 0", cmd.CDB, n)
		}
	}
	if m.seen != &block[0] {
		t.Error("WRITE(6) handed a copy of the data to the medium")
	}
}

// blackHole takes every block and has one at every address.
type blackHole struct {
	*memoryTape
	seen *byte
}

func (b *blackHole) Partition(int) Partition  { return b }
func (b *blackHole) Objects() int64           { return 1 << 40 }
func (b *blackHole) UsedBytes() int64         { return 0 }
func (b *blackHole) ReadAhead(int64)          {}
func (b *blackHole) At(int64) (Object, error) { return Object{Length: 1 << 16}, nil }
func (b *blackHole) WriteBlock(_ int64, p []byte) error {
	b.seen = &p[0]
	return nil
}
func (b *blackHole) ReadBlock(_ int64, p []byte) (int, error) {
	if b.seen != &p[0] {
		return 0, errBadBlock
	}
	return len(p), nil
}
