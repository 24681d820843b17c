package image

import "golang.org/x/sys/unix"

// ahead is a block that was read, and verified, before somebody asked for it.
type ahead struct {
	place // of the block; known: data has it
	data  []byte
	asked int64 // up to where the kernel was asked for the file
}

func (a *ahead) holds(lba int64) bool { return a.known && a.lba == lba }

// take gives what ReadBlock does, 0 when it does not hold the block.
func (a *ahead) take(lba int64, buf []byte) int {
	if !a.holds(lba) {
		return 0
	}
	copy(buf, a.data)
	return len(a.data)
}

func (a *ahead) forget() { a.known = false }

// ReadAhead reads the block at address lba, if there is one, so that the next ReadBlock of it need not. What is
// wrong with it ReadBlock will say.
func (t *Tape) ReadAhead(lba int64) {
	if t.ahead.holds(lba) {
		return
	}
	t.ahead.forget()
	p, err := t.locate(lba)
	if err != nil || length(p.word) == 0 {
		return
	}
	t.cursor = p
	t.ask(p.off + size(p.word))
	if n := length(p.word); cap(t.ahead.data) < n {
		t.ahead.data = make([]byte, n)
	}
	t.ahead.data = t.ahead.data[:length(p.word)]
	if _, err := t.readBlock(lba, t.ahead.data); err == nil {
		t.ahead.place = p
	}
}

// askedAhead is how much of the file the kernel is asked for before it is needed: what it does by itself is less
// than a block of a tape.
const askedAhead = 2 << 20

// ask lets the kernel read the file from off on, while this process does something else.
func (t *Tape) ask(off int64) {
	from := t.ahead.asked
	if off > from || off+askedAhead < from {
		from = off
	}
	if to := off + askedAhead; to-from >= askedAhead/2 {
		_ = unix.Fadvise(int(t.f.Fd()), from, to-from, unix.FADV_WILLNEED) // only advice
		t.ahead.asked = to
	}
}
