package image

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// WriteBlock writes p, 1 to MaxBlock bytes, as object lba; everything behind it is lost, as on
// tape. lba is at most Objects(). When it fails (a full disk: the error Is ENOSPC) the block was not
// written; what was behind lba may be lost. A block that does not fit gives ErrFull.
func (t *Tape) WriteBlock(lba int64, p []byte) error { return t.writeRecord(lba, 0, p) }

// WriteEnvelope writes p as WriteBlock does, as a record of private data: what the drive made of a host's
// block (compressed, encrypted), so that no other software takes it for data. What is in it is the
// drive's affair.
func (t *Tape) WriteEnvelope(lba int64, p []byte) error { return t.writeRecord(lba, classPrivate, p) }

func (t *Tape) writeRecord(lba int64, class uint32, p []byte) error {
	if len(p) < 1 || len(p) > MaxBlock {
		return fmt.Errorf("write block of %d bytes: %w", len(p), ErrBlockLength)
	}
	word := class | uint32(len(p))
	if err := t.startWrite(lba, size(word)); err != nil {
		return err
	}
	if err := t.putBlock(word, p); err != nil {
		return t.restore(err)
	}
	t.crc.add(blockSum(word, p), len(p))
	t.chain.add(t.chain.end, word)
	t.wrote(int64(len(p)))
	return nil
}

// putBlock writes word, data, pad and word with one system call and no copy of the data.
func (t *Tape) putBlock(word uint32, p []byte) error {
	head, tail := t.side[:wordSize], t.side[wordSize:]
	putWord(head, word)
	tail[0] = 0
	pad := len(p) & 1
	putWord(tail[pad:], word)
	return writeParts(t.f, t.chain.end, head, p, tail[:pad+wordSize])
}

// WriteFilemarks writes n filemarks from address lba on; everything behind is lost. n may be 0:
// nothing happens. Errors are those of WriteBlock.
func (t *Tape) WriteFilemarks(lba, n int64) error {
	if n == 0 {
		return nil
	}
	if n < 0 || n > t.capacity/wordSize {
		return fmt.Errorf("write %d filemarks: %w", n, ErrFull)
	}
	if err := t.startWrite(lba, n*wordSize); err != nil {
		return err
	}
	for done := int64(0); done < n; {
		part := min(n-done, filemarksAtOnce)
		if err := t.putFilemarks(part); err != nil {
			return errors.Join(t.restore(err), t.Truncate(lba))
		}
		done += part
	}
	return nil
}

const filemarksAtOnce = int64(len(zeros) / wordSize)

var zeros [64 << 10]byte

func (t *Tape) putFilemarks(n int64) error {
	if err := t.crc.flushIfFull(); err != nil {
		return err
	}
	if err := writeParts(t.f, t.chain.end, zeros[:n*wordSize]); err != nil {
		return err
	}
	t.crc.addFilemarks(n)
	t.chain.addFilemarks(n)
	t.wrote(0)
	return nil
}

// startWrite makes the tape end at lba and checks that need bytes fit behind it.
func (t *Tape) startWrite(lba, need int64) error {
	if err := t.writable(); err != nil {
		return err
	}
	if lba != t.chain.objects || t.chain.end != t.size || t.broken != nil {
		if err := t.Truncate(lba); err != nil {
			return err
		}
	}
	if t.chain.end+need > t.capacity {
		return fmt.Errorf("write at block %d: %w", lba, ErrFull)
	}
	// Before the block, so that a disk too full for the checksums refuses the block as well.
	return t.crc.flushIfFull()
}

func (t *Tape) writable() error {
	if t.readonly {
		return ErrReadOnly
	}
	return t.failed
}

func (t *Tape) wrote(bytes int64) {
	t.size = t.chain.end
	t.dirty = true
	t.words.forget()
	if bytes > 0 {
		t.meta.LifetimeWrittenBytes += bytes
		t.metaDirty = true
	}
	// An index that cannot be saved must not make a block fail that was written.
	_ = t.saveIndexIfFar(1<<30, 1<<18)
}

// restore takes away the part of an object that a failed write left.
func (t *Tape) restore(cause error) error {
	if err := t.f.Truncate(t.chain.end); err != nil {
		t.failed = fmt.Errorf("write %s: the part written could not be removed: %w", t.path, errors.Join(cause, err))
		return t.failed
	}
	t.size = t.chain.end
	return fmt.Errorf("write %s: %w", t.path, cause)
}

// Truncate erases from address lba to the end of the tape. The capacity and the file shrink.
func (t *Tape) Truncate(lba int64) error {
	if err := t.writable(); err != nil {
		return err
	}
	p, err := t.cutPlace(lba)
	if err != nil {
		return err
	}
	if t.broken == nil && p.lba == t.chain.objects && t.size == p.off {
		return nil
	}
	// The sidecars go first: were the process killed between the two, a sidecar that describes more
	// than the file would be believed about the new objects in the place of the old ones.
	if err := t.cutSidecars(p); err != nil {
		return err
	}
	if err := t.f.Truncate(p.off); err != nil {
		return fmt.Errorf("truncate %s: %w", t.path, err)
	}
	t.size = p.off
	return nil
}

// cutPlace finds where to cut for lba. A damaged tape can be cut at and before its damage.
func (t *Tape) cutPlace(lba int64) (place, error) {
	if lba < 0 || lba > t.Objects() {
		return place{}, fmt.Errorf("block %d of %d: %w", lba, t.Objects(), ErrEndOfData)
	}
	if lba == t.chain.objects {
		return t.endPlace(), nil
	}
	if lba > t.chain.objects {
		return place{}, t.brokenError(lba)
	}
	return t.locate(lba)
}

func (t *Tape) endPlace() place {
	return place{lba: t.chain.objects, off: t.chain.end, filemarks: t.chain.filemarks}
}

func (t *Tape) cutSidecars(p place) error {
	if err := t.crc.cut(p); err != nil {
		return err
	}
	t.chain.cut(p)
	t.broken, t.dirty = nil, true
	t.cursor = place{}
	t.words.forget()
	t.ahead.forget()
	if t.saved.bytes <= p.off && t.saved.objects <= p.lba || t.saveIndex() == nil {
		return nil
	}
	return t.dropIndex()
}

// pwritev is a variable so that the tests can have a full disk.
var pwritev = unix.Pwritev

// writeParts writes all parts from off on.
func writeParts(f *os.File, off int64, parts ...[]byte) error {
	for {
		n, err := pwritev(int(f.Fd()), parts, off)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		if parts = rest(parts, n); len(parts) == 0 {
			return nil
		}
		// A short write: the next one says why.
		off += int64(n)
	}
}

// rest drops the first n bytes of parts.
func rest(parts [][]byte, n int) [][]byte {
	for len(parts) > 0 && n >= len(parts[0]) {
		n -= len(parts[0])
		parts = parts[1:]
	}
	if n > 0 {
		parts = append([][]byte{parts[0][n:]}, parts[1:]...)
	}
	return parts
}

func dataSync(f *os.File) error {
	for {
		err := unix.Fdatasync(int(f.Fd()))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("sync %s: %w", f.Name(), err)
		}
		return nil
	}
}
