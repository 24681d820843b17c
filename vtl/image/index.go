package image

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"

	"calypso/sys/state"
)

// The file `index`: a header of 80 bytes, 32 bytes for every segment, and the CRC-32C of all that.
const (
	indexMagic      = "CALYPIDX"
	indexVersion    = 1
	indexHeaderSize = 80
	indexEntry      = 32
	indexMost       = 4 << 20 // segments; a chain stays far below
)

// index is a chain as it was saved, and the state of the data file that it describes.
type index struct {
	size, mtime int64 // of the data file; mtime in ns since 1970
	sealed      int64 // objects that were durable then
	chain       chain
}

func (x *index) encode() []byte {
	b := make([]byte, 0, indexHeaderSize+len(x.chain.segments)*indexEntry+4)
	b = append(b, indexMagic...)
	b = binary.LittleEndian.AppendUint32(b, indexVersion)
	b = binary.LittleEndian.AppendUint32(b, 0)
	for _, v := range []int64{x.size, x.mtime, x.sealed, x.chain.objects, x.chain.filemarks, x.chain.end, int64(len(x.chain.segments)), 0} {
		b = binary.LittleEndian.AppendUint64(b, uint64(v))
	}
	for _, s := range x.chain.segments {
		b = binary.LittleEndian.AppendUint64(b, uint64(s.lba))
		b = binary.LittleEndian.AppendUint64(b, uint64(s.off))
		b = binary.LittleEndian.AppendUint64(b, uint64(s.filemarks))
		b = binary.LittleEndian.AppendUint32(b, s.word)
		b = binary.LittleEndian.AppendUint32(b, 0)
	}
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func decodeIndex(b []byte) (*index, error) {
	if len(b) < indexHeaderSize+4 || string(b[:8]) != indexMagic {
		return nil, errors.New("not an index")
	}
	if v := getWord(b[8:]); v != indexVersion {
		return nil, fmt.Errorf("index of version %d", v)
	}
	body := b[:len(b)-4]
	if getWord(b[len(body):]) != crc32.Checksum(body, castagnoli) {
		return nil, errors.New("index damaged")
	}
	field := func(i int) int64 { return int64(binary.LittleEndian.Uint64(b[16+8*i:])) }
	x := &index{size: field(0), mtime: field(1), sealed: field(2)}
	x.chain = chain{objects: field(3), filemarks: field(4), end: field(5)}
	if n := field(6); n < 0 || n > indexMost || int64(len(body)) != indexHeaderSize+n*indexEntry {
		return nil, errors.New("index of another length")
	}
	x.chain.segments = decodeSegments(body[indexHeaderSize:])
	return x, x.chain.check()
}

func decodeSegments(b []byte) []segment {
	segments := make([]segment, len(b)/indexEntry)
	for i := range segments {
		e := b[i*indexEntry:]
		segments[i] = segment{
			lba:       int64(binary.LittleEndian.Uint64(e)),
			off:       int64(binary.LittleEndian.Uint64(e[8:])),
			filemarks: int64(binary.LittleEndian.Uint64(e[16:])),
			word:      getWord(e[24:]),
		}
	}
	return segments
}

// check holds for a chain from a file what add makes true of one in memory.
func (c *chain) check() error {
	if c.objects < 0 || c.filemarks < 0 || c.end < 0 || (len(c.segments) == 0) != (c.objects == 0) {
		return errors.New("index with impossible totals")
	}
	for i := range c.segments {
		if err := c.segments[i].check(c.next(i)); err != nil {
			return fmt.Errorf("index segment %d: %w", i, err)
		}
	}
	if len(c.segments) > 0 && (c.segments[0].lba != 0 || c.segments[0].off < 0 || c.segments[0].filemarks != 0) {
		return errors.New("index does not begin at the beginning")
	}
	return nil
}

func (s *segment) check(next segment) error {
	objects, bytes, filemarks := next.lba-s.lba, next.off-s.off, next.filemarks-s.filemarks
	switch {
	case objects < 1 || bytes < objects*wordSize || objects > 1<<60:
		return errors.New("objects out of order")
	case s.word == wordMixed:
		if filemarks < 0 || filemarks > objects {
			return errors.New("impossible number of filemarks")
		}
	case !known(s.word):
		return fmt.Errorf("%08x is not the length of an object", s.word)
	case objects > bytes/size(s.word):
		return errors.New("objects overlap")
	case s.word == wordFilemark && filemarks != objects, s.word != wordFilemark && filemarks != 0:
		return errors.New("impossible number of filemarks")
	}
	return nil
}

// loadIndex reads the index file; nil when there is none that can be used.
func loadIndex(path string) *index {
	data, err := readBounded(path, indexHeaderSize+indexMost*indexEntry+4)
	if err != nil {
		return nil
	}
	x, err := decodeIndex(data)
	if err != nil {
		return nil
	}
	return x
}

// saveIndex writes the index file. That of a broken tape would hide the damage, so it stays away.
func (t *Tape) saveIndex() error {
	now := extent{t.chain.objects, t.chain.end}
	if t.broken != nil || t.saved == now && !t.stale {
		return nil
	}
	info, err := t.f.Stat()
	if err != nil {
		return err
	}
	x := index{size: info.Size(), mtime: info.ModTime().UnixNano(), sealed: min(t.crc.sealed.objects, now.objects), chain: t.chain}
	if err := state.WriteFile(t.file(indexName), x.encode(), filePerm); err != nil {
		return fmt.Errorf("save index: %w", err)
	}
	t.saved, t.stale = now, false
	return nil
}

// saveIndexIfFar saves the index when the one on disk leaves much to walk after a crash.
func (t *Tape) saveIndexIfFar(bytes, objects int64) error {
	if t.chain.end-t.saved.bytes < bytes && t.chain.objects-t.saved.objects < objects {
		return nil
	}
	return t.saveIndex()
}

// dropIndex removes the index file, durably: an old one must not come back after a power cut.
func (t *Tape) dropIndex() error {
	if err := os.Remove(t.file(indexName)); errors.Is(err, os.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	t.saved, t.stale = extent{}, true
	dir, err := os.Open(t.dir)
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}
