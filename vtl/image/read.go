package image

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Object is a logical object of a tape: a filemark, or a block of Length bytes as it is stored. That of an
// Envelope is not the host's: see Tape.WriteEnvelope.
type Object struct {
	Filemark bool
	Envelope bool
	Length   int
}

// At tells what is at address lba, without reading its data. At and behind the end of data the error
// Is ErrEndOfData; where the structure of the tape is damaged it Is ErrDamaged.
func (t *Tape) At(lba int64) (Object, error) {
	p := t.ahead.place
	if !t.ahead.holds(lba) {
		var err error
		if p, err = t.locate(lba); err != nil {
			return Object{}, err
		}
		t.cursor = p
	}
	return Object{
		Filemark: p.word == wordFilemark,
		Envelope: p.word&classMask == classPrivate,
		Length:   length(p.word),
	}, nil
}

// ReadBlock reads the block at address lba into buf and gives the length of the block; when that is
// more than len(buf), buf has its beginning. Errors: ErrEndOfData, ErrFilemark, and ErrDamaged, after
// which the content of buf means nothing. The whole block is verified, however short buf is.
func (t *Tape) ReadBlock(lba int64, buf []byte) (int, error) {
	n := t.ahead.take(lba, buf)
	if n == 0 {
		var err error
		if n, err = t.readBlock(lba, buf); err != nil {
			return 0, err
		}
	}
	t.meta.LifetimeReadBytes += int64(n)
	t.metaDirty = !t.readonly
	return n, nil
}

func (t *Tape) readBlock(lba int64, buf []byte) (int, error) {
	p, err := t.locate(lba)
	if err != nil {
		return 0, err
	}
	t.cursor = p
	if p.word == wordFilemark {
		return 0, fmt.Errorf("read block %d: %w", lba, ErrFilemark)
	}
	if p.word&classMask == classError {
		return 0, t.damage(lba, p.off, "the record is marked as read in error")
	}
	sum, err := t.getBlock(p, buf)
	if err != nil {
		return 0, err
	}
	return length(p.word), t.checkSum(p, sum)
}

func (t *Tape) checkSum(p place, sum uint32) error {
	want, ok, err := t.crc.get(p.lba)
	if err != nil {
		return err
	}
	if ok && want != sum {
		return t.damage(p.lba, p.off, "its checksum is %08x, not %08x", sum, want)
	}
	return nil
}

// getBlock reads the block at p, checks what surrounds it, computes its checksum and moves on.
func (t *Tape) getBlock(p place, buf []byte) (sum uint32, err error) {
	n := length(p.word)
	if len(buf) < n {
		return t.getLongBlock(p, buf)
	}
	head, tail := t.side[:wordSize], t.tail(n)
	got, err := t.readParts(p.off, head, buf[:n], tail)
	if err != nil {
		return 0, err
	}
	if err := t.checkAround(p, head, tail, got-wordSize-n); err != nil {
		return 0, err
	}
	return blockSum(p.word, buf[:n]), nil
}

// tail is room for pad and word behind a block of n bytes, and for the word of the next object.
func (t *Tape) tail(n int) []byte {
	return t.side[wordSize:][:n&1+2*wordSize]
}

// getLongBlock reads a block that is longer than buf: the rest is read only to verify it.
func (t *Tape) getLongBlock(p place, buf []byte) (sum uint32, err error) {
	n := length(p.word)
	head, tail := t.side[:wordSize], t.tail(n)
	if _, err := t.readParts(p.off, head, buf); err != nil {
		return 0, err
	}
	sum = addSum(startSum(p.word), buf)
	piece := make([]byte, min(n-len(buf), len(zeros)))
	for at := len(buf); at < n; at += len(piece) {
		piece = piece[:min(len(piece), n-at)]
		if _, err := t.readParts(p.off+wordSize+int64(at), piece); err != nil {
			return 0, err
		}
		sum = addSum(sum, piece)
	}
	got, err := t.readParts(p.off+wordSize+int64(n), tail)
	if err != nil {
		return 0, err
	}
	return endSum(sum), t.checkAround(p, head, tail, got)
}

// checkAround compares the words around a block with what the chain says and moves the cursor behind
// it. got is how much of tail was read.
func (t *Tape) checkAround(p place, head, tail []byte, got int) error {
	pad := length(p.word) & 1
	switch {
	case getWord(head) != p.word:
		return t.damage(p.lba, p.off, "its length in front is %08x, not %08x", getWord(head), p.word)
	case got < pad+wordSize:
		return t.damage(p.lba, p.off, "the file ends inside the block")
	case getWord(tail[pad:]) != p.word:
		return t.damage(p.lba, p.off, "its length behind is %08x, in front %08x", getWord(tail[pad:]), p.word)
	}
	t.cursor = place{lba: p.lba + 1, off: p.off + size(p.word), filemarks: p.filemarks}
	if got == len(tail) && t.cursor.off < t.chain.end {
		next := getWord(tail[pad+wordSize:])
		t.cursor.word, t.cursor.known = next, known(next)
	}
	return nil
}

// readParts fills parts from off on and gives how much there was before the end of the file.
func (t *Tape) readParts(off int64, parts ...[]byte) (int, error) {
	got, err := readParts(t.f, off, parts)
	if err != nil {
		return got, fmt.Errorf("read %s at byte %d: %w", t.path, off, err)
	}
	return got, nil
}

func readParts(f *os.File, off int64, parts [][]byte) (got int, err error) {
	for len(parts) > 0 {
		n, err := unix.Preadv(int(f.Fd()), parts, off+int64(got))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n == 0 {
			return got, err
		}
		got += n
		parts = rest(parts, n)
	}
	return got, nil
}

// FileNumber is the number of filemarks in front of address lba.
func (t *Tape) FileNumber(lba int64) int64 {
	if lba >= t.chain.objects {
		return t.chain.filemarks
	}
	if p, err := t.locate(lba); err == nil {
		t.cursor = p
		return p.filemarks
	}
	return t.chain.segments[t.chain.find(max(lba, 0))].filemarks
}

// FilemarkAddress is the address of filemark n, counted from 0; ok is false when there is none, or
// when it is hidden by damage.
func (t *Tape) FilemarkAddress(n int64) (lba int64, ok bool) {
	if n < 0 || n >= t.chain.filemarks {
		return 0, false
	}
	i := t.chain.findFilemark(n)
	s := &t.chain.segments[i]
	if s.word == wordFilemark {
		return s.lba + n - s.filemarks, true
	}
	p, err := t.walkToFilemark(i, n)
	if err != nil {
		return 0, false
	}
	t.cursor = p
	return p.lba, true
}
