package tcmu

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"unsafe"

	"pgregory.net/rapid"
)

// The layout here is written from <linux/target_core_user.h>, not from the offsets of ring.go: struct
// tcmu_mailbox, struct tcmu_cmd_entry with its union aligned to 8 bytes, struct tcmu_tmr.
const (
	testRing     = 4096 // cmdr_off
	testRingSize = 1024
	testData     = 8192
	testMemory   = 64 << 10
)

// memory is the kernel's side of a ring.
type memory struct {
	bytes []byte
	head  uint32
	data  uint64
}

func newMemory(ringSize uint32) *memory {
	m := &memory{bytes: make([]byte, testMemory), data: testData}
	binary.NativeEndian.PutUint16(m.bytes[0:], 2)        // version
	binary.NativeEndian.PutUint16(m.bytes[2:], 1<<1|1)   // flags: out-of-order completion, read length
	binary.NativeEndian.PutUint32(m.bytes[4:], testRing) // cmdr_off
	binary.NativeEndian.PutUint32(m.bytes[8:], ringSize) // cmdr_size
	return m
}

func (m *memory) size() uint32 { return binary.NativeEndian.Uint32(m.bytes[8:]) }

// publish shows the new head: the entry must be complete, as the device may be at work.
func (m *memory) publish() { atomic.StoreUint32((*uint32)(unsafe.Pointer(&m.bytes[12])), m.head) }

func (m *memory) header(length, op uint32) []byte {
	defer m.publish()
	return m.entry(length, op)
}

// entry begins an entry that is not shown yet.
func (m *memory) entry(length, op uint32) []byte {
	e := m.bytes[testRing+m.head:]
	clear(e[:length])
	binary.NativeEndian.PutUint32(e, length|op)
	m.head = (m.head + length) % m.size()
	return e
}

// commandSize is what the kernel takes for a command: entry and CDB, at least the size of an answer, in
// steps of 8 bytes.
func commandSize(vectors int) uint32 { return uint32(max(48+16*vectors, 112) + 16) }

// free is how much the kernel may still put into the ring.
func (m *memory) free() uint32 {
	tail := atomic.LoadUint32((*uint32)(unsafe.Pointer(&m.bytes[64])))
	return m.size() - (m.head+m.size()-tail)%m.size() - 1
}

// room says whether n bytes fit, and pads up to the end of the ring when they would cross it.
func (m *memory) room(n uint32) bool {
	if left := m.size() - m.head; n > left {
		if m.free() < left+n {
			return false
		}
		m.header(left, 0) // TCMU_OP_PAD
	}
	return m.free() >= n
}

// command puts a command with its data into the ring.
func (m *memory) command(id uint16, cdb []byte, pieces ...int) []byte {
	length := commandSize(len(pieces))
	start := testRing + uint64(m.head)
	defer m.publish()
	e := m.entry(length, 1) // TCMU_OP_CMD
	binary.NativeEndian.PutUint16(e[4:], id)
	binary.NativeEndian.PutUint32(e[8:], uint32(len(pieces))) // iov_cnt
	cdbAt := uint64(length) - 16
	copy(e[cdbAt:], cdb)
	binary.NativeEndian.PutUint64(e[24:], start+cdbAt) // cdb_off
	for i, n := range pieces {
		binary.NativeEndian.PutUint64(e[48+16*i:], m.data)
		binary.NativeEndian.PutUint64(e[56+16*i:], uint64(n))
		m.data += uint64(n)
	}
	return e
}

func mustRing(t interface{ Fatal(...any) }, m *memory) *ring {
	r, err := newRing(m.bytes)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func mustNext(t interface{ Fatal(...any) }, r *ring) *request {
	q, err := r.next()
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func TestRingCommand(t *testing.T) {
	m := newMemory(testRingSize)
	r := mustRing(t, m)
	if q := mustNext(t, r); q != nil {
		t.Fatalf("an empty ring gave %+v", q)
	}
	cdb := []byte{0x0A, 0, 0, 0, 10, 0}
	entry := m.command(7, cdb, 4, 6)
	copy(m.bytes[testData:], "0123456789")
	q := mustNext(t, r)
	if !bytes.Equal(q.cdb, cdb) || len(q.vectors) != 2 || string(q.vectors[0]) != "0123" || string(q.vectors[1]) != "456789" {
		t.Fatalf("next() = %x %q", q.cdb, q.vectors)
	}
	sense := fixedSense(3, 0x0C, 0)
	r.answer(q, checkCondition, sense, 5)
	if entry[8] != 2 || !bytes.Equal(entry[16:34], sense) || entry[7] != 1<<1 || binary.NativeEndian.Uint32(entry[12:]) != 5 {
		t.Errorf("the answer is % x", entry[:40])
	}
	if tail := binary.NativeEndian.Uint32(m.bytes[64:]); tail != m.head {
		t.Errorf("tail %d, head %d; want one number", tail, m.head)
	}
}

// Without the kernel's word that it knows how much of the data is valid, it is not told.
func TestRingWithoutReadLength(t *testing.T) {
	m := newMemory(testRingSize)
	binary.NativeEndian.PutUint16(m.bytes[2:], 0)
	r := mustRing(t, m)
	entry := m.command(1, []byte{8, 0, 0, 0, 4, 0}, 4)
	r.answer(mustNext(t, r), 0, nil, 2)
	if entry[7] != 0 || binary.NativeEndian.Uint32(entry[12:]) != 0 {
		t.Errorf("the answer is % x; want no length", entry[:24])
	}
}

// Task management and what later kernels may add is passed over; the latter is marked as not known.
func TestRingOtherEntries(t *testing.T) {
	m := newMemory(testRingSize)
	r := mustRing(t, m)
	pad := m.header(64, 0)
	tmr := m.header(32, 2) // TCMU_OP_TMR
	m.command(1, []byte{0, 0, 0, 0, 0, 0})
	q := mustNext(t, r)
	if q == nil || q.cdb[0] != 0 {
		t.Fatalf("next() = %v; want the command", q)
	}
	if pad[7] != 0 {
		t.Errorf("a pad has flags %#x", pad[7])
	}
	if tmr[7]&^1 != 0 {
		t.Errorf("a task management notice has flags %#x", tmr[7])
	}
}

func TestRingLies(t *testing.T) {
	put32 := binary.NativeEndian.PutUint32
	put64 := binary.NativeEndian.PutUint64
	for name, lie := range map[string]func(m *memory, e []byte){
		"length 0":          func(_ *memory, e []byte) { put32(e, 1) },
		"length to nowhere": func(_ *memory, e []byte) { put32(e, 1<<30|1) },
		"too short":         func(_ *memory, e []byte) { put32(e, 16|1) },
		"vectors":           func(_ *memory, e []byte) { put32(e[8:], 1<<31) },
		"vector offset":     func(_ *memory, e []byte) { put64(e[48:], 1<<63) },
		"vector length":     func(_ *memory, e []byte) { put64(e[56:], 1<<63) },
		"CDB offset":        func(_ *memory, e []byte) { put64(e[24:], testMemory) },
		"CDB cut":           func(m *memory, e []byte) { m.bytes[testMemory-1] = 0x8A; put64(e[24:], testMemory-1) },
		"tail":              func(m *memory, _ []byte) { put32(m.bytes[64:], testRingSize) },
	} {
		m := newMemory(testRingSize)
		r := mustRing(t, m)
		lie(m, m.command(1, []byte{0x0A, 0, 0, 0, 4, 0}, 4))
		if q, err := r.next(); !errors.Is(err, errRing) {
			t.Errorf("%s: next() = %v, %v; want errRing", name, q, err)
		}
	}
}

// A CDB is as long as the kernel took it for (scsi_command_size_tbl of Linux): what is behind it in the ring is left
// from another command.
func TestRingCDBLength(t *testing.T) {
	for opcode, want := range map[byte]int{0x00: 6, 0x28: 10, 0x5F: 10, 0x60: 12, 0x8F: 16, 0xA5: 12, 0xC1: 10, 0xE7: 10} {
		m := newMemory(testRingSize)
		r := mustRing(t, m)
		m.command(1, []byte{opcode})
		if q := mustNext(t, r); len(q.cdb) != want {
			t.Errorf("%02x: %d bytes; want %d", opcode, len(q.cdb), want)
		}
	}
}

func TestRingMailbox(t *testing.T) {
	for name, lie := range map[string]func([]byte) []byte{
		"short":   func(b []byte) []byte { return b[:60] },
		"version": func(b []byte) []byte { b[0] = 1; return b },
		"offset":  func(b []byte) []byte { binary.NativeEndian.PutUint32(b[4:], testMemory); return b },
		"inside":  func(b []byte) []byte { binary.NativeEndian.PutUint32(b[4:], 12); return b },
		"size":    func(b []byte) []byte { binary.NativeEndian.PutUint32(b[8:], 1<<31); return b },
		"empty":   func(b []byte) []byte { binary.NativeEndian.PutUint32(b[8:], 0); return b },
	} {
		if _, err := newRing(lie(newMemory(testRingSize).bytes)); !errors.Is(err, errRing) {
			t.Errorf("%s: %v; want errRing", name, err)
		}
	}
}

// Whatever the order of commands and answers, each command comes once, in order, through many turns of the ring.
// The commands that wait are counted past what is no command and round the end; a ring that makes no sense is
// counted as far as it does.
func TestRingWaiting(t *testing.T) {
	m := newMemory(testRingSize)
	r := mustRing(t, m)
	want := 0
	check := func(what string) {
		t.Helper()
		if got := r.waiting(); got != want {
			t.Errorf("%s: %d wait; want %d", what, got, want)
		}
	}
	check("empty")
	for turn := range 30 {
		for want < 3 {
			m.room(commandSize(1))
			m.command(uint16(turn), make([]byte, 6), 4)
			m.data = testData
			want++
			check("a command more")
		}
		r.answer(mustNext(t, r), 0, nil, -1)
		want--
		check("one answered")
	}
	m.header(8, 2) // a task management notice
	check("a notice")
	m.entry(16, 1)
	binary.NativeEndian.PutUint32(m.bytes[testRing+(m.head+testRingSize-16)%testRingSize:], 0)
	m.publish()
	check("an entry of length 0")
}

func TestRingTurns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newMemory(uint32(rapid.IntRange(64, 160).Draw(t, "size") * 8))
		r := mustRing(t, m)
		var sent, got []byte
		for i := range rapid.IntRange(1, 60).Draw(t, "steps") {
			vectors := rapid.IntRange(0, 3).Draw(t, "vectors")
			if rapid.Bool().Draw(t, "send") && m.room(commandSize(vectors)) {
				m.data = testData
				m.command(uint16(i), []byte{0, byte(i), 0, 0, 0, 0}, slices.Repeat([]int{8}, vectors)...)
				sent = append(sent, byte(i))
			} else if q := mustNext(t, r); q != nil {
				got = append(got, q.cdb[1])
				r.answer(q, 0, nil, -1)
			}
		}
		for q := mustNext(t, r); q != nil; q = mustNext(t, r) {
			got = append(got, q.cdb[1])
			r.answer(q, 0, nil, -1)
		}
		if !bytes.Equal(sent, got) {
			t.Fatalf("sent %v, got %v", sent, got)
		}
	})
}

// Whatever is in the shared memory, nothing outside of it is touched and nothing goes on for ever.
func FuzzRing(f *testing.F) {
	m := newMemory(testRingSize)
	m.header(64, 0)
	m.header(32, 2)
	m.command(1, []byte{0x0A, 0, 0, 0, 4, 0}, 4, 4)
	f.Add(m.bytes[:80], m.bytes[testRing:testRing+testRingSize])
	f.Fuzz(func(t *testing.T, mailbox, entries []byte) {
		shared := make([]byte, testMemory)
		copy(shared, mailbox)
		copy(shared[testRing:], entries)
		r, err := newRing(shared)
		if err != nil {
			return
		}
		for range 1000 {
			q, err := r.next()
			if err != nil || q == nil {
				return
			}
			gather(make([]byte, min(q.dataLength(), 1<<20)), q)
			r.answer(q, 2, fixedSense(5, 0x24, 0), 3)
		}
	})
}
