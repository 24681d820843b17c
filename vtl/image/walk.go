package image

import "fmt"

// locate finds the object at address lba; the word of the place it gives is known.
func (t *Tape) locate(lba int64) (place, error) {
	if lba < 0 || lba >= t.Objects() {
		return place{}, fmt.Errorf("block %d of %d: %w", lba, t.Objects(), ErrEndOfData)
	}
	if lba >= t.chain.objects {
		return place{}, t.brokenError(lba)
	}
	i := t.segmentOf(lba)
	s := &t.chain.segments[i]
	if s.word != wordMixed {
		return s.uniform(lba), nil
	}
	return t.walkTo(i, lba)
}

// segmentOf is chain.find with a look at the cursor's segment and the next one first, so that
// sequential access does not search.
func (t *Tape) segmentOf(lba int64) int {
	for i := t.hint; i < t.hint+2 && i < len(t.chain.segments); i++ {
		if t.chain.segments[i].lba <= lba && lba < t.chain.next(i).lba {
			t.hint = i
			return i
		}
	}
	t.hint = t.chain.find(lba)
	return t.hint
}

// walkTo finds object lba in the mixed segment i, from the nearest known place. When damage is in the
// way it comes from the other side.
func (t *Tape) walkTo(i int, lba int64) (place, error) {
	s, e := t.chain.segments[i], t.chain.next(i)
	c := t.cursor
	if inside := c.lba >= s.lba && c.lba < e.lba; inside && c.lba > lba && c.lba-lba < lba-s.lba {
		if p, err := t.back(c, s.off, lba); err == nil {
			return p, nil
		}
	}
	p, err := t.forward(t.nearest(s, e, func(c place) bool { return c.lba <= lba }), e.off, func(p place) bool {
		return p.lba == lba
	})
	if err == nil {
		return p, nil
	}
	if p, err := t.back(e.start(), s.off, lba); err == nil {
		return p, nil
	}
	return place{}, err
}

// walkToFilemark finds filemark n in the mixed segment i.
func (t *Tape) walkToFilemark(i int, n int64) (place, error) {
	s, e := t.chain.segments[i], t.chain.next(i)
	from := t.nearest(s, e, func(c place) bool { return c.filemarks <= n })
	p, err := t.forward(from, e.off, func(p place) bool {
		return p.filemarks == n && p.word == wordFilemark
	})
	if err == nil {
		return p, nil
	}
	for p := e.start(); p.lba > s.lba; {
		var failed error
		if p, failed = t.stepBack(p, s.off); failed != nil {
			return place{}, err
		}
		if p.filemarks == n && p.word == wordFilemark {
			return p, nil
		}
	}
	return place{}, err
}

// nearest is the cursor when it is in the segment from s to e and not behind what is looked for,
// else the beginning of the segment.
func (t *Tape) nearest(s, e segment, before func(place) bool) place {
	if c := t.cursor; c.lba >= s.lba && c.lba < e.lba && before(c) {
		return c
	}
	return s.start()
}

// forward steps from p until found, or to limit, the end of the segment.
func (t *Tape) forward(p place, limit int64, found func(place) bool) (place, error) {
	p, err := t.resolve(p, limit)
	for err == nil && !found(p) {
		if p, err = t.step(p, limit); err == nil {
			p, err = t.resolve(p, limit)
		}
	}
	return p, err
}

// back steps backwards from p to object lba; floor is where the segment begins.
func (t *Tape) back(p place, floor, lba int64) (place, error) {
	for p.lba > lba {
		var err error
		if p, err = t.stepBack(p, floor); err != nil {
			return p, err
		}
	}
	return p, nil
}

// resolve reads the word at p when it is not known yet. The object must end before limit.
func (t *Tape) resolve(p place, limit int64) (place, error) {
	if !p.known {
		word, where, ok, err := t.words.at(p.off)
		if err != nil {
			return p, err
		}
		if !ok {
			return p, t.damage(p.lba, p.off, "the file ends here")
		}
		p.word, p.off, p.known = word, where, true
	}
	if !known(p.word) || p.off+size(p.word) > limit {
		return p, t.damage(p.lba, p.off, "%08x is not the length of an object", p.word)
	}
	return p, nil
}

// step goes from p, whose word is known, to the next object.
func (t *Tape) step(p place, limit int64) (place, error) {
	next := place{lba: p.lba + 1, off: p.off + size(p.word), filemarks: p.filemarks}
	if p.word == wordFilemark {
		next.filemarks++
		return next, nil
	}
	var b [2 * wordSize]byte
	n, err := t.words.read(b[:], next.off-wordSize)
	if err != nil {
		return next, err
	}
	if n < wordSize || getWord(b[:]) != p.word {
		return next, t.damage(p.lba, p.off, "the length behind its data is not %08x as in front", p.word)
	}
	if n == len(b) && next.off < limit {
		next.word = getWord(b[wordSize:])
		next.known = next.word != wordGap
	}
	return next, nil
}

// stepBack goes from p to the object in front of it, by the word behind that object's data.
func (t *Tape) stepBack(p place, floor int64) (place, error) {
	word, end, ok, err := t.words.before(p.off, floor)
	if err != nil {
		return p, err
	}
	start := end - size(word)
	if !ok || !known(word) || start < floor {
		return p, t.damage(p.lba-1, p.off, "%08x is not the length of an object", word)
	}
	front, where, ok, err := t.words.at(start)
	if err != nil {
		return p, err
	}
	if !ok || where != start || front != word {
		return p, t.damage(p.lba-1, start, "the length in front of its data is not %08x as behind", word)
	}
	prev := place{lba: p.lba - 1, off: start, filemarks: p.filemarks, word: word, known: true}
	if word == wordFilemark {
		prev.filemarks--
	}
	return prev, nil
}
