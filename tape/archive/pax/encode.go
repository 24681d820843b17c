package pax

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"time"
)

// outputBytes is the size of the writes to the archive; only the last is shorter.
const outputBytes = 256 << 10

// Encode writes the selection to w as a pax archive ended by two zero blocks, and calls onMember
// (may be nil) for each member once its bytes are complete, though not all may have reached w yet.
// Writes to w are 256 KiB but for the last.
//
// What is wrong with the source is in the report, not the error: the archive stays whole. The error
// is that of w, of onMember, or of ctx; the report then says what had been reached.
func Encode(ctx context.Context, w io.Writer, sel Selection, onMember func(Member) error) (Report, error) {
	run, stop := context.WithCancel(ctx)
	defer stop()
	b := newBelt(run)
	wk := newWalker(sel, b)
	go func() {
		defer close(b.full)
		// Its error is that ctx ended, or that the encoder stopped it: the encoder knows which.
		_ = wk.run()
	}()
	e := newEncoder(w, onMember)
	err := e.consume(ctx, b)
	stop()
	for range b.full { // the walker is done when the belt is closed
	}
	return Report{Members: e.members, Bytes: e.offset, Problems: wk.problems}, err
}

// encoder makes archive bytes of what comes on the belt.
type encoder struct {
	w        io.Writer
	onMember func(Member) error
	headers  headerEncoder
	scratch  []byte
	out      []byte // waiting to be written
	offset   int64  // of the next archive byte
	members  int64

	sum    hash.Hash
	digest []byte
	member Member
	open   bool  // a member's data is being written
	stored int64 // length of its data
	left   int64 // of it to come
}

func newEncoder(w io.Writer, onMember func(Member) error) *encoder {
	return &encoder{w: w, onMember: onMember, headers: headerEncoder{names: newOwners()},
		out: make([]byte, 0, outputBytes), sum: sha256.New()}
}

func (e *encoder) consume(ctx context.Context, b *belt) error {
	for p := range b.full {
		if err := ctx.Err(); err != nil {
			return err
		}
		for i := range p.items {
			if err := e.item(ctx, &p.items[i]); err != nil {
				return err
			}
		}
		b.free <- p
	}
	if err := ctx.Err(); err != nil { // the walker stopped early
		return err
	}
	return e.finish()
}

func (e *encoder) item(ctx context.Context, it *item) error {
	if it.starts {
		if err := e.begin(&it.entry); err != nil {
			return err
		}
	}
	if err := e.data(it.data); err != nil {
		return err
	}
	if err := e.zeros(ctx, it.zeros); err != nil {
		return err
	}
	if e.open && e.left == 0 {
		return e.end()
	}
	return nil
}

func (e *encoder) begin(en *entry) error {
	e.sum.Reset()
	e.member = Member{Path: en.path, Type: en.typ, Offset: e.offset, Size: en.size, Mode: en.mode,
		UID: int(en.uid), GID: int(en.gid), ModTime: time.Unix(en.sec, en.nsec).UTC(), Link: en.link}
	e.scratch, e.stored = e.headers.append(e.scratch[:0], en)
	e.left, e.open = e.stored, true
	return e.emit(e.scratch)
}

func (e *encoder) data(p []byte) error {
	e.left -= int64(len(p))
	return e.emit(p)
}

var zeroChunk [64 << 10]byte

func (e *encoder) zeros(ctx context.Context, n int64) error {
	for n > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		part := min(n, int64(len(zeroChunk)))
		if err := e.data(zeroChunk[:part]); err != nil {
			return err
		}
		n -= part
	}
	return nil
}

// end completes a member: padding, checksum, report.
func (e *encoder) end() error {
	if err := e.emit(zeroChunk[:padding(e.stored)]); err != nil {
		return err
	}
	e.open = false
	e.members++
	if e.onMember == nil {
		return nil
	}
	e.member.Length = e.offset - e.member.Offset
	e.digest = e.sum.Sum(e.digest[:0])
	e.member.SHA256 = hex.EncodeToString(e.digest)
	return e.onMember(e.member)
}

// emit takes archive bytes of the member in work.
func (e *encoder) emit(p []byte) error {
	e.sum.Write(p)
	return e.write(p)
}

func (e *encoder) write(p []byte) error {
	e.offset += int64(len(p))
	for len(p) > 0 {
		n := min(len(p), cap(e.out)-len(e.out))
		e.out = append(e.out, p[:n]...)
		p = p[n:]
		if len(e.out) == cap(e.out) {
			if err := e.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *encoder) flush() error {
	n, err := e.w.Write(e.out)
	if err == nil && n < len(e.out) {
		err = io.ErrShortWrite
	}
	e.out = e.out[:0]
	return err
}

// finish writes the end of the archive: two zero blocks.
func (e *encoder) finish() error {
	if err := e.write(zeroChunk[:2*blockSize]); err != nil {
		return err
	}
	return e.flush()
}
