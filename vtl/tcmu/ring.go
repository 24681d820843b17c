package tcmu

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
	"unsafe"
)

// Offsets in the mailbox at the beginning of the shared memory (struct tcmu_mailbox).
const (
	mailboxVersion = 0  // u16: 2
	mailboxFlags   = 2  // u16
	ringOffset     = 4  // u32: where the command ring begins
	ringSize       = 8  // u32
	ringHead       = 12 // u32: the kernel's, the next entry it will write, from the ring's beginning
	ringTail       = 64 // u32: ours, the next entry we will answer
	mailboxSize    = 68

	hasReadLength = 1 << 1 // flag: an answer may say how much of the data is valid
)

// Offsets in an entry of the ring (struct tcmu_cmd_entry); the answer is written over the request.
const (
	entryLength = 0 // u32: length, with the operation in the low 3 bits
	entryFlags  = 7 // u8: set by the answer
	entryHeader = 8

	requestVectors       = 8  // u32
	requestBidirectional = 12 // u32: vectors of the other direction
	requestCDB           = 24 // u64: offset in the shared memory
	requestVector        = 48 // {u64 offset, u64 length} each

	answerStatus     = 8  // u8
	answerReadLength = 12 // u32
	answerSense      = 16
	answerSenseSize  = 96
	answerSize       = answerSense + answerSenseSize

	operationMask = 7
	operationPad  = 0
	operationCmd  = 1

	flagUnknownOperation = 1 << 0
	flagReadLength       = 1 << 1
)

var errRing = errors.New("the kernel's command ring makes no sense")

// ring is the shared memory of one device. The kernel is trusted not to change an entry that it has handed
// over, and is not trusted with offsets: each is checked before it is used.
type ring struct {
	memory     []byte
	entries    []byte // the part of memory that holds the entries
	readLength bool
	blind      bool // requests are not looked at: to be answered alike
}

func newRing(memory []byte) (*ring, error) {
	if len(memory) < mailboxSize {
		return nil, fmt.Errorf("%w: %d bytes of shared memory", errRing, len(memory))
	}
	if v := binary.NativeEndian.Uint16(memory[mailboxVersion:]); v != 2 {
		return nil, fmt.Errorf("%w: mailbox version %d, this program knows 2", errRing, v)
	}
	offset, size := uint64(binary.NativeEndian.Uint32(memory[ringOffset:])), uint64(binary.NativeEndian.Uint32(memory[ringSize:]))
	if offset < mailboxSize || size == 0 || offset+size > uint64(len(memory)) {
		return nil, fmt.Errorf("%w: %d bytes from %d on of %d", errRing, size, offset, len(memory))
	}
	return &ring{
		memory: memory, entries: memory[offset : offset+size],
		readLength: binary.NativeEndian.Uint16(memory[mailboxFlags:])&hasReadLength != 0,
	}, nil
}

func (r *ring) word(offset int) *uint32 { return (*uint32)(unsafe.Pointer(&r.memory[offset])) }

// request is a command that the kernel waits for. Its slices lie in the shared memory.
type request struct {
	entry         []byte
	cdb           []byte
	vectors       [][]byte
	bidirectional bool // the command wants data both ways
}

// next gives the oldest command that was not answered, nil when there is none. An entry of no use is
// passed over.
func (r *ring) next() (*request, error) {
	for range len(r.entries) / entryHeader { // once round: a head that no entry leads to is never met
		if r.empty() {
			return nil, nil
		}
		entry, operation, err := r.entry(atomic.LoadUint32(r.word(ringTail)))
		if err != nil {
			return nil, err
		}
		if operation == operationCmd {
			return r.request(entry)
		}
		if operation != operationPad {
			entry[entryFlags] |= flagUnknownOperation // a task management notice wants no answer
		}
		r.advance(len(entry))
	}
	return nil, fmt.Errorf("%w: no entry leads to its head", errRing)
}

// entry cuts the entry at an offset out of the ring.
func (r *ring) entry(at uint32) (entry []byte, operation uint32, err error) {
	if uint64(at)+entryHeader > uint64(len(r.entries)) {
		return nil, 0, fmt.Errorf("%w: an entry at %d of %d", errRing, at, len(r.entries))
	}
	word := binary.NativeEndian.Uint32(r.entries[at+entryLength:])
	length := word &^ operationMask
	if length < entryHeader || uint64(at)+uint64(length) > uint64(len(r.entries)) {
		return nil, 0, fmt.Errorf("%w: an entry of %d bytes at %d of %d", errRing, length, at, len(r.entries))
	}
	return r.entries[at : at+length], word & operationMask, nil
}

// waiting counts the commands that were not answered, the one being carried out among them. It may be asked while
// another thread serves; then entries turn as it counts, and it gives what it saw.
func (r *ring) waiting() (n int) {
	at, head := atomic.LoadUint32(r.word(ringTail)), atomic.LoadUint32(r.word(ringHead))
	for range len(r.entries) / entryHeader {
		if at == head || uint64(at)+entryHeader > uint64(len(r.entries)) {
			break
		}
		word := atomic.LoadUint32((*uint32)(unsafe.Pointer(&r.entries[at+entryLength])))
		length := word &^ operationMask
		if length < entryHeader {
			break
		}
		if word&operationMask == operationCmd {
			n++
		}
		at = (at + length) % uint32(len(r.entries))
	}
	return n
}

func (r *ring) request(entry []byte) (*request, error) {
	if len(entry) < answerSize {
		return nil, fmt.Errorf("%w: a command of %d bytes", errRing, len(entry))
	}
	if r.blind {
		return &request{entry: entry, cdb: make([]byte, 6)}, nil
	}
	q := &request{entry: entry, bidirectional: binary.NativeEndian.Uint32(entry[requestBidirectional:]) != 0}
	count := uint64(binary.NativeEndian.Uint32(entry[requestVectors:]))
	if requestVector+16*count > uint64(len(entry)) {
		return nil, fmt.Errorf("%w: %d vectors in a command of %d bytes", errRing, count, len(entry))
	}
	var err error
	if q.cdb, err = r.cdb(binary.NativeEndian.Uint64(entry[requestCDB:])); err != nil {
		return nil, err
	}
	for i := range count {
		v := entry[requestVector+16*i:]
		part, err := r.part(binary.NativeEndian.Uint64(v), binary.NativeEndian.Uint64(v[8:]))
		if err != nil {
			return nil, err
		}
		q.vectors = append(q.vectors, part)
	}
	return q, nil
}

// cdb cuts the CDB out of the shared memory: its length is that of its operation code's group.
func (r *ring) cdb(offset uint64) ([]byte, error) {
	first, err := r.part(offset, 1)
	if err != nil {
		return nil, err
	}
	return r.part(offset, cdbLength(first[0]))
}

// cdbLength is the length of a CDB as the kernel has it in the ring, by the group of its operation code
// (COMMAND_SIZE): that of SPC-5, 12 for the group without one, 10 for the vendor specific ones. What is longer, of
// operation code 7Fh, no device of this program knows.
func cdbLength(opcode byte) uint64 {
	switch opcode >> 5 {
	case 0:
		return 6
	case 1, 2, 6, 7:
		return 10
	case 4:
		return 16
	}
	return 12
}

func (r *ring) part(offset, length uint64) ([]byte, error) {
	if size := uint64(len(r.memory)); offset > size || length > size-offset {
		return nil, fmt.Errorf("%w: %d bytes at %d of %d", errRing, length, offset, size)
	}
	return r.memory[offset : offset+length : offset+length], nil
}

// dataLength is how much data there is, or room for it.
func (q *request) dataLength() (n int) {
	for _, v := range q.vectors {
		n += len(v)
	}
	return n
}

// answer writes what came of a command over it and gives the entry back to the kernel. readLength is how
// much of the data that a host reads is valid; negative: all, or the data went the other way.
func (r *ring) answer(q *request, status byte, sense []byte, readLength int) {
	length := len(q.entry)
	body := q.entry[entryHeader:answerSize]
	clear(body)
	q.entry[answerStatus] = status
	copy(q.entry[answerSense:answerSense+answerSenseSize], sense)
	if readLength >= 0 && r.readLength {
		q.entry[entryFlags] |= flagReadLength
		binary.NativeEndian.PutUint32(q.entry[answerReadLength:], uint32(readLength))
	}
	r.advance(length)
}

func (r *ring) advance(length int) {
	tail := r.word(ringTail)
	atomic.StoreUint32(tail, (*tail+uint32(length))%uint32(len(r.entries)))
}

// empty says whether all commands were answered.
func (r *ring) empty() bool {
	return atomic.LoadUint32(r.word(ringTail)) == atomic.LoadUint32(r.word(ringHead))
}
