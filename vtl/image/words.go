package image

import (
	"errors"
	"io"
	"os"
)

// words reads the words between the data of an image. Words that lie close together are read in
// bulk; those of long blocks one by one, so that a walk does not read the data.
type words struct {
	f     *os.File
	buf   []byte
	start int64 // of buf in the file
	last  int64 // offset of the last read
}

const (
	bulkBytes = 256 << 10
	fewBytes  = 2 * wordSize // a word and the one of the next object behind it
	nearBytes = 16 << 10     // words less than this apart are worth reading the data between them
)

// read fills p from off. At the end of the file it gives what there is.
func (w *words) read(p []byte, off int64) (int, error) {
	if n := w.buffered(p, off); n == len(p) {
		return n, nil
	}
	n := fewBytes
	if off >= w.last && off-w.last < nearBytes {
		n = bulkBytes
	}
	if err := w.fill(off, n); err != nil {
		return 0, err
	}
	return w.buffered(p, off), nil
}

func (w *words) buffered(p []byte, off int64) int {
	if off < w.start || off >= w.start+int64(len(w.buf)) {
		return 0
	}
	w.last = off
	return copy(p, w.buf[off-w.start:])
}

func (w *words) fill(off int64, size int) error {
	if w.buf == nil {
		w.buf = make([]byte, 0, bulkBytes)
	}
	n, err := readFull(w.f, w.buf[:size], off)
	w.start, w.last, w.buf = off, off, w.buf[:n]
	return err
}

// forget drops what was read: the file changed.
func (w *words) forget() {
	w.start, w.buf, w.last = 0, w.buf[:0], -nearBytes
}

// at gives the word at off, after gaps, and where it is. ok is false at the end of the file.
func (w *words) at(off int64) (word uint32, where int64, ok bool, err error) {
	var b [wordSize]byte
	for {
		n, err := w.read(b[:], off)
		if err != nil || n < len(b) {
			return 0, off, false, err
		}
		if word = getWord(b[:]); word != wordGap {
			return word, off, true, nil
		}
		off += wordSize
	}
}

// before gives the word that ends at off, before gaps, and where that ends; floor is where to stop.
func (w *words) before(off, floor int64) (word uint32, end int64, ok bool, err error) {
	var b [wordSize]byte
	for off-wordSize >= floor {
		n, err := w.read(b[:], off-wordSize)
		if err != nil || n < len(b) {
			return 0, off, false, err
		}
		if word = getWord(b[:]); word != wordGap {
			return word, off, true, nil
		}
		off -= wordSize
	}
	return 0, off, false, nil
}

// readFull is ReadAt for which the end of the file is no error.
func readFull(f *os.File, p []byte, off int64) (int, error) {
	n, err := f.ReadAt(p, off)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}
