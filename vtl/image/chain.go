package image

import "sort"

// chain knows where every object of a tape is, in memory that does not grow with the length of the
// tape. It describes the objects from the beginning of the tape as segments. A uniform segment is a
// run of objects of one kind and length without gaps, where an address is found by arithmetic: the
// blocks of an archive are one segment, however many. Between them, mixed segments hold short runs
// of differing objects (the last block of an archive, its filemark, a manifest); in those an object
// is found by walking from word to word. What bounds a walk grows with the number of segments, so
// that the number of segments stays bounded (about a million for 23 thousand million objects).
type chain struct {
	segments  []segment
	objects   int64
	filemarks int64
	end       int64 // behind the last object
}

// segment begins with object lba, whose word is at byte off; filemarks are in front of it.
type segment struct {
	lba, off, filemarks int64
	word                uint32 // of each object of a uniform segment; wordMixed
}

// wordMixed cannot be the word of an object: it is the mark of the physical end of the medium.
const wordMixed = wordEnd

// The bounds of segments, doubled for every levelSegments there are.
const (
	levelSegments = 1 << 16
	mixedObjects  = 256      // longest walk, in objects
	mixedBytes    = 16 << 20 // longest walk, in bytes
	uniformLeast  = 64       // shorter runs become part of a mixed segment
)

// place is an address and what is known there.
type place struct {
	lba, off, filemarks int64
	word                uint32
	known               bool // word is what the file holds at off, after gaps
}

func (c *chain) level() int { return min(len(c.segments)/levelSegments, 16) }

// add appends the object whose word is at off. off is at or, after gaps, behind c.end.
func (c *chain) add(off int64, word uint32) {
	if !c.continues(off, word) {
		c.fold()
		c.segments = append(c.segments, segment{c.objects, off, c.filemarks, word})
	}
	c.objects++
	if word == wordFilemark {
		c.filemarks++
	}
	c.end = off + size(word)
}

// addFilemarks appends n filemarks at c.end.
func (c *chain) addFilemarks(n int64) {
	if n < 1 {
		return
	}
	c.add(c.end, wordFilemark) // the first one begins the run
	c.objects += n - 1
	c.filemarks += n - 1
	c.end += (n - 1) * wordSize
}

func (c *chain) continues(off int64, word uint32) bool {
	n := len(c.segments)
	return n > 0 && off == c.end && c.segments[n-1].word == word
}

// fold turns the last segment, when it is too short to stand alone, into a mixed one.
func (c *chain) fold() {
	n := len(c.segments)
	if n == 0 {
		return
	}
	last := &c.segments[n-1]
	if last.word == wordMixed || c.objects-last.lba >= uniformLeast<<c.level() {
		return
	}
	if n > 1 && c.hasRoom(&c.segments[n-2]) {
		c.segments = c.segments[:n-1]
		return
	}
	last.word = wordMixed
}

// hasRoom says whether s may grow up to the end of the chain.
func (c *chain) hasRoom(s *segment) bool {
	return s.word == wordMixed &&
		c.objects-s.lba <= mixedObjects<<c.level() &&
		c.end-s.off <= mixedBytes<<c.level()
}

// find gives the index of the segment that holds object lba, 0 <= lba < c.objects.
func (c *chain) find(lba int64) int {
	return sort.Search(len(c.segments), func(i int) bool { return c.segments[i].lba > lba }) - 1
}

// findFilemark gives the index of the segment that holds filemark n, 0 <= n < c.filemarks.
func (c *chain) findFilemark(n int64) int {
	return sort.Search(len(c.segments), func(i int) bool { return c.segments[i].filemarks > n }) - 1
}

// next is where segment i ends, as the segment that follows it.
func (c *chain) next(i int) segment {
	if i+1 < len(c.segments) {
		return c.segments[i+1]
	}
	return segment{lba: c.objects, off: c.end, filemarks: c.filemarks}
}

// uniform finds object lba in the uniform segment s.
func (s *segment) uniform(lba int64) place {
	p := place{lba: lba, off: s.off + (lba-s.lba)*size(s.word), filemarks: s.filemarks, word: s.word, known: true}
	if s.word == wordFilemark {
		p.filemarks += lba - s.lba
	}
	return p
}

// start is the place where s begins.
func (s *segment) start() place {
	return place{lba: s.lba, off: s.off, filemarks: s.filemarks, word: s.word, known: s.word != wordMixed}
}

// cut forgets the object at p and all behind it.
func (c *chain) cut(p place) {
	keep := sort.Search(len(c.segments), func(i int) bool { return c.segments[i].lba >= p.lba })
	c.segments = c.segments[:keep]
	c.objects, c.end, c.filemarks = p.lba, p.off, p.filemarks
}
