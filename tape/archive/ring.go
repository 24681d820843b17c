package archive

import (
	"crypto/sha256"
	"encoding"
	"hash"
	"io"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// ring is the buffer between a source and a tape: blocks of one size that pass three stages in
// order, each at its own pace and in a goroutine of its own: filled, hashed, taken. On the way to
// the tape "taken" is the drive; on the way back "filled" is.
//
// Stages hand over in batches: one that ran dry is woken when a batch is ready, not for each block.
// The drive's side has watermarks besides: a drive that ran the buffer down to the low mark waits
// for the high mark, so that it stops once and long instead of shoe-shining.
//
// The memory is mapped outside the Go heap: a heap that holds 256 MiB for good would let as much
// garbage again pile up before a collection.
type ring struct {
	mem   []byte
	size  int // bytes of a block
	count int64
	marks marks

	mu      sync.Mutex
	slots   []slot  // by sequence number modulo count
	free    []int32 // blocks nobody holds; the one freed last is used first: the caches still have it
	filled  int64   // sequence numbers: blocks that have passed each stage
	hashed  int64
	taken   int64
	pending int64 // bytes filled and not yet taken
	given   int64 // bytes taken
	held    int32 // block that the filler has acquired; -1: none
	ended   bool
	endErr  error // why the source ended, nil at its end
	stopErr error // why everything stops at once
	flowing bool
	stops   int

	fillGate, hashGate, takeGate, peekGate gate

	fillers sync.WaitGroup // goroutines that may touch mem
}

// slot is one filled block: which, the window of it that counts, and, on the way to the tape, the
// state of the hash after it, so that an archive cut short after any block has its SHA-256.
type slot struct {
	block    int32
	off, end int32
	state    []byte
}

// marks are the thresholds of a ring, in blocks.
type marks struct {
	batch  int64 // a stage that ran dry waits for this many
	refill int64 // a filler that found the ring full waits for this many free blocks
	low    int64 // the taker stops when no more than this is ready
	high   int64 // and goes on at this
}

// gate is where one stage waits for blocks.
type gate struct {
	cond *sync.Cond
	need int64 // 0: nobody waits
}

const (
	minRingBlocks = 8
	minRingBytes  = 1 << 20
	peekBytes     = 32 << 10 // more than a tar without members has
)

// toTape gives the marks for a ring whose taker is a drive. Without watermarks the drive takes
// blocks as they come: right for a drive that has no mechanics.
func toTape(count int64, low, high float64) marks {
	m := plainMarks(count)
	if high > 0 {
		m.high = max(m.batch, min(int64(high*float64(count)), count-2*m.batch))
		m.low = min(int64(low*float64(count)), m.high-1)
	}
	return m
}

// fromTape gives the marks for a ring whose filler is a drive.
func fromTape(count int64, low, high float64) marks {
	m := plainMarks(count)
	if high > 0 {
		m.refill = max(m.batch, min(count-int64(low*float64(count)), count-2*m.batch))
	}
	return m
}

func plainMarks(count int64) marks {
	batch := min(max(count/16, 1), 8)
	return marks{batch: batch, refill: batch, high: batch}
}

// newRing maps a ring of blocks of blockSize bytes, bytes in all but for a lower bound.
func newRing(bytes int64, blockSize int, set func(int64) marks) (*ring, error) {
	count := max(max(bytes, minRingBytes)/int64(blockSize), minRingBlocks)
	mem, err := unix.Mmap(-1, 0, int(count)*blockSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil, err
	}
	// Fewer page faults; a kernel without huge pages refuses, and then nothing is lost.
	_ = unix.Madvise(mem, unix.MADV_HUGEPAGE)
	r := &ring{mem: mem, size: blockSize, count: count, marks: set(count), held: -1}
	r.slots = make([]slot, count)
	r.free = make([]int32, count)
	for i := range r.free {
		r.free[i] = int32(int(count) - 1 - i)
	}
	for _, g := range []*gate{&r.fillGate, &r.hashGate, &r.takeGate, &r.peekGate} {
		g.cond = sync.NewCond(&r.mu)
	}
	return r, nil
}

// wait blocks until at least need blocks are there by have(), or the ring stops. over() says that
// nothing more will come. The caller holds mu.
func (r *ring) wait(g *gate, need int64, have func() int64, over func() bool) {
	for r.stopErr == nil && have() < need && !over() {
		g.need = need
		g.cond.Wait()
	}
	g.need = 0
}

// wake lets every stage go on whose need is met. The caller holds mu.
func (r *ring) wake() {
	if r.hashGate.need > 0 && (r.ready() >= r.hashGate.need || r.ended) {
		r.hashGate.cond.Signal()
	}
	if r.takeGate.need > 0 && (r.hashed-r.taken >= r.takeGate.need || r.drained()) {
		r.takeGate.cond.Signal()
	}
	if r.peekGate.need > 0 {
		r.peekGate.cond.Signal()
	}
	if r.fillGate.need > 0 && r.room() >= r.fillGate.need {
		r.fillGate.cond.Signal()
	}
}

func (r *ring) ready() int64  { return r.filled - r.hashed }
func (r *ring) room() int64   { return r.count - (r.filled - r.taken) }
func (r *ring) drained() bool { return r.ended && r.hashed == r.filled }
func never() bool             { return false }

// acquire gives the filler an empty block; it waits while there is none. A block that was acquired
// and not published is given again.
func (r *ring) acquire() ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.held < 0 {
		if r.room() == 0 {
			r.wait(&r.fillGate, r.marks.refill, r.room, never)
		}
		if r.stopErr != nil {
			return nil, r.stopErr
		}
		last := len(r.free) - 1
		r.held, r.free = r.free[last], r.free[:last]
	}
	if r.stopErr != nil {
		return nil, r.stopErr
	}
	return r.block(r.held), nil
}

func (r *ring) block(i int32) []byte {
	at := int(i) * r.size
	return r.mem[at : at+r.size : at+r.size]
}

// publish hands bytes [off, end) of the acquired block on.
func (r *ring) publish(off, end int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := &r.slots[r.filled%r.count]
	s.block, s.off, s.end = r.held, int32(off), int32(end)
	r.held = -1
	r.filled++
	r.pending += int64(end - off)
	r.wake()
}

// finish says that nothing more will be filled; err nil means that the source gave all it had.
func (r *ring) finish(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended, r.endErr = true, err
	r.wake()
}

// stop ends every stage at once; the first reason counts.
func (r *ring) stop(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopErr == nil {
		r.stopErr = err
	}
	for _, g := range []*gate{&r.fillGate, &r.hashGate, &r.takeGate, &r.peekGate} {
		g.cond.Broadcast()
	}
}

// digest runs the hash stage until the ring ends or stops. With keep every slot gets the state of h
// after it. It returns when h covers every block, or early when the ring was stopped.
func (r *ring) digest(h hash.Hash, keep bool) {
	for {
		from, to := r.unhashed()
		if from == to {
			return
		}
		for seq := from; seq < to; seq++ {
			s := &r.slots[seq%r.count]
			h.Write(r.window(s))
			if keep {
				s.state, _ = h.(encoding.BinaryAppender).AppendBinary(s.state[:0])
			}
		}
		r.mu.Lock()
		r.hashed = to
		r.wake()
		r.mu.Unlock()
	}
}

func (r *ring) window(s *slot) []byte { return r.block(s.block)[s.off:s.end] }

// unhashed waits for blocks to hash and gives their range, a batch at most; an empty one at the end.
func (r *ring) unhashed() (from, to int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ready() == 0 {
		r.wait(&r.hashGate, r.marks.batch, r.ready, func() bool { return r.ended })
	}
	if r.stopErr != nil {
		return r.hashed, r.hashed
	}
	return r.hashed, min(r.filled, r.hashed+r.marks.batch)
}

// next gives the taker the next block, and the state of the hash after it; the block is the taker's
// until release. At the end it gives io.EOF, or why the source ended, or why the ring stopped.
func (r *ring) next() (data, state []byte, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.awaitFlow()
	switch {
	case r.stopErr != nil:
		return nil, nil, r.stopErr
	case r.hashed > r.taken:
		s := &r.slots[r.taken%r.count]
		return r.window(s), s.state, nil
	case r.endErr != nil:
		return nil, nil, r.endErr
	}
	return nil, nil, io.EOF
}

// awaitFlow holds the taker while the buffer is too empty for it to run. The caller holds mu.
func (r *ring) awaitFlow() {
	have := func() int64 { return r.hashed - r.taken }
	if r.flowing && have() <= r.marks.low && !r.drained() {
		r.flowing = false
		r.stops++
	}
	if !r.flowing {
		r.wait(&r.takeGate, r.marks.high, have, r.drained)
		r.flowing = true
	}
}

// release gives the block of the last next back.
func (r *ring) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := &r.slots[r.taken%r.count]
	r.pending -= int64(s.end - s.off)
	r.given += int64(s.end - s.off)
	r.free = append(r.free, s.block)
	r.taken++
	r.wake()
}

// awaitFirst waits until so many bytes are filled that the source is not empty, whatever it is, or
// until it has ended. The end of a source that gave nothing is io.EOF.
func (r *ring) awaitFirst() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wait(&r.peekGate, peekBytes, func() int64 { return r.pending }, func() bool { return r.ended })
	switch {
	case r.stopErr != nil:
		return r.stopErr
	case r.filled > 0:
		return nil
	case r.endErr != nil:
		return r.endErr
	}
	return io.EOF
}

// fillState says how much of the ring is filled, from 0 to 1.
func (r *ring) fillState() float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return float64(r.filled-r.taken) / float64(r.count)
}

// rest says how many bytes are still to be taken, and whether that is all: the source has ended, or
// is about to, for only the last block is short.
func (r *ring) rest() (bytes int64, all bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := &r.slots[(r.filled+r.count-1)%r.count]
	short := r.filled > 0 && int(last.end-last.off) < r.size
	return r.pending, short || r.ended && r.endErr == nil
}

func (r *ring) stopCount() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stops
}

// run starts a stage that may touch the ring's memory.
func (r *ring) run(stage func()) {
	r.fillers.Add(1)
	go func() {
		defer r.fillers.Done()
		stage()
	}()
}

// close gives the memory back. A stage that hangs outside our reach, such as a read of a terminal
// or a dead network file system, keeps its memory: it is left behind after the grace.
func (r *ring) close(grace time.Duration) {
	r.stop(errRingClosed)
	gone := make(chan struct{})
	go func() {
		r.fillers.Wait()
		// Unmapped here, so that a straggler's memory goes when the straggler does.
		_ = unix.Munmap(r.mem)
		close(gone)
	}()
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-gone:
	case <-timer.C:
	}
}

// sumOf gives the SHA-256 whose state is given; that of nothing for an empty state.
func sumOf(state []byte) ([]byte, error) {
	h := sha256.New()
	if len(state) > 0 {
		if err := h.(encoding.BinaryUnmarshaler).UnmarshalBinary(state); err != nil {
			return nil, err
		}
	}
	return h.Sum(nil), nil
}

// allFilled tells whether the source has ended.
func (r *ring) allFilled() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ended
}

// covered tells whether the hash has seen all that will ever be filled.
func (r *ring) covered() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.drained()
}

func (r *ring) takenBytes() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.given
}
