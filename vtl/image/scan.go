package image

import "fmt"

// rebuild finds the objects of the tape from the words in the file, with what the index x (nil:
// none) knows and is still true. used says whether x was.
func (t *Tape) rebuild(x *index) (used bool, err error) {
	promised := t.crc.sealed.objects
	t.stale = t.size > 0 || x != nil
	if x != nil && t.adopt(x) && t.fits() {
		return true, t.scan(max(promised, x.sealed))
	}
	t.chain = chain{}
	if err := t.scan(promised); err != nil || x == nil || t.broken == nil {
		return false, err
	}
	// Damage is in the way. When x has the same object in the same place, x knows the way behind it.
	if !t.agrees(&x.chain, t.broken.place) {
		return false, nil
	}
	t.adopt(x)
	return true, t.scan(max(promised, x.sealed))
}

// adopt takes over the chain of x as far as it lies in the file.
func (t *Tape) adopt(x *index) bool {
	t.chain, t.broken, t.torn = x.chain, nil, false
	t.cursor, t.hint = place{}, 0
	t.chain.cutToFile(t.size)
	return true
}

// cutToFile forgets what lies behind the end of a file of the given size.
func (c *chain) cutToFile(size int64) {
	if c.end <= size {
		return
	}
	for i := range c.segments {
		if c.next(i).off <= size {
			continue
		}
		s := c.segments[i]
		c.cut(s.fitting(size))
		return
	}
}

// fitting is the place in s behind the last object that certainly ends before size.
func (s *segment) fitting(limit int64) place {
	if s.word == wordMixed || s.off >= limit {
		return s.start()
	}
	return s.uniform(s.lba + (limit-s.off)/size(s.word))
}

const samples = 32

// fits looks at some places of the file, the last object among them, whether the chain describes it.
func (t *Tape) fits() bool {
	defer func() { t.cursor, t.hint = place{}, 0 }()
	n := len(t.chain.segments)
	for k := range min(n, samples) {
		if !t.fitsSegment(k * n / min(n, samples)) {
			return false
		}
	}
	if n == 0 {
		return true
	}
	last, err := t.stepBack(t.endPlace(), t.chain.segments[n-1].off)
	if err != nil || !t.fitsWord(n-1, last.word) {
		return false
	}
	if last.word == wordFilemark || last.word&classMask == classError {
		return true
	}
	sum, err := t.getLongBlock(last, nil)
	return err == nil && t.checkSum(last, sum) == nil
}

func (t *Tape) fitsSegment(i int) bool {
	s, limit := &t.chain.segments[i], t.chain.next(i).off
	p, err := t.resolve(place{lba: s.lba, off: s.off}, limit)
	if err != nil || p.off != s.off || !t.fitsWord(i, p.word) {
		return false
	}
	_, err = t.step(p, limit)
	return err == nil
}

func (t *Tape) fitsWord(i int, word uint32) bool {
	expected := t.chain.segments[i].word
	return expected == wordMixed || expected == word
}

// agrees says whether the chain x has object hit, where the scan met damage, where the scan has it.
func (t *Tape) agrees(x *chain, hit place) bool {
	if hit.lba >= x.objects {
		return false
	}
	s := x.segments[x.find(hit.lba)]
	if s.word != wordMixed && s.uniform(hit.lba).off != hit.off {
		return false
	}
	if s.lba == hit.lba {
		return s.off == hit.off
	}
	p, err := t.locate(s.lba)
	return err == nil && p.off == s.off
}

// scan walks from the end of the chain to the end of the file and adds what it finds. promised is
// how many objects there have to be: what was durable once. An incomplete record behind those was
// torn by a kill; one before is damage.
func (t *Tape) scan(promised int64) error {
	p := t.endPlace()
	for {
		word, where, ok, err := t.words.at(p.off)
		if err != nil {
			return fmt.Errorf("read %s: %w", t.path, err)
		}
		if !ok || word == wordEnd {
			t.finishScan(promised, where < t.size && !ok)
			return nil
		}
		p.off, p.word = where, word
		end := where + size(word)
		if known(word) && end > t.size && t.isTorn(p) {
			t.finishScan(promised, true)
			return nil
		}
		if why := t.examine(p, end); why != "" {
			t.breakAt(p, promised, why)
			return nil
		}
		t.chain.add(where, word)
		p = t.endPlace()
	}
}

// examine says what is wrong with the object at p; "" when nothing is.
func (t *Tape) examine(p place, end int64) string {
	if !known(p.word) {
		return fmt.Sprintf("%08x is not the length of an object", p.word)
	}
	if end > t.size {
		return "the file ends inside a record"
	}
	if p.word != wordFilemark {
		var b [wordSize]byte
		if n, err := t.words.read(b[:], end-wordSize); err != nil || n < wordSize || getWord(b[:]) != p.word {
			return fmt.Sprintf("the length behind the data is %08x, in front %08x", getWord(b[:]), p.word)
		}
	}
	sum, ok, err := t.crc.get(p.lba)
	if err == nil && ok && (sum == filemarkSum) != (p.word == wordFilemark) {
		return "a block in the place of a filemark, or a filemark in the place of a block"
	}
	return ""
}

// isTorn tells an incomplete last record from one whose length is damaged, for a cartridge without
// a checksum file to ask: when the file ends with a whole record, the last write was not torn.
func (t *Tape) isTorn(p place) bool {
	if t.crc.f != nil {
		return true
	}
	last, err := t.stepBack(place{lba: p.lba, off: t.size}, p.off+wordSize)
	return err != nil || last.word == wordFilemark
}

// finishScan ends a scan without damage; torn says that part of a record follows.
func (t *Tape) finishScan(promised int64, torn bool) {
	if t.chain.objects < promised {
		t.breakAt(t.endPlace(), promised, fmt.Sprintf("the tape had %d objects, the file ends", promised))
		return
	}
	t.torn = torn
}

func (t *Tape) breakAt(p place, promised int64, why string) {
	t.broken = &broken{place: p, objects: max(p.lba+1, promised), why: why}
}
