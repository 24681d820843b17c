package image

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
)

// The checksum of an object is the CRC-32C of its word (4 bytes, as in the data file) and its data.
// 0 in the file means that it is not known; endSum says what a block with that sum gets.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func startSum(word uint32) uint32 {
	var b [wordSize]byte
	putWord(b[:], word)
	return crc32.Checksum(b[:], castagnoli)
}

func addSum(sum uint32, p []byte) uint32 { return crc32.Update(sum, castagnoli, p) }

// endSum keeps the sums of blocks apart from 0 and from that of a filemark.
func endSum(sum uint32) uint32 {
	if sum == 0 || sum == filemarkSum {
		return 1
	}
	return sum
}

func blockSum(word uint32, p []byte) uint32 { return endSum(addSum(startSum(word), p)) }

var filemarkSum = startSum(wordFilemark)

// The file `crc`: a header of 64 bytes, then a u32, little-endian, for every object.
const (
	crcMagic      = "CALYPCRC"
	crcVersion    = 1
	crcHeaderSize = 64
	crcEntry      = 4
	crcPending    = 16 << 10 // bytes of entries that wait in memory at most
	crcDistance   = 8 << 20  // bytes of data that they may be about
	crcWindow     = 16 << 10 // bytes of entries read at once
)

// crcFile keeps the checksums. The header says how much of the data was durable at the last Sync:
// a record that is incomplete behind that was torn, one before it was damaged.
type crcFile struct {
	path    string
	f       *os.File // nil until there is something to write
	entries int64    // in the file
	sealed  extent   // durable, as the header says

	pending []byte // entries behind those in the file
	about   int64  // bytes of data that pending is about

	window      []byte // entries as read from the file
	windowStart int64  // the object of the first one
}

// openCRC opens the checksums. A file that is missing or not valid gives no checksums; a valid one
// may still hold fewer or more than there are objects.
func openCRC(path string, readonly bool) (crcFile, error) {
	c := crcFile{path: path}
	flag := os.O_RDWR
	if readonly {
		flag = os.O_RDONLY
	}
	f, err := os.OpenFile(path, flag, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return c, err
	}
	c.f = f
	if err := c.readHeader(); err != nil {
		f.Close()
		c.f = nil
		if readonly {
			return c, nil
		}
		return c, os.Remove(path)
	}
	return c, nil
}

func (c *crcFile) readHeader() error {
	var header [crcHeaderSize]byte
	n, err := readFull(c.f, header[:], 0)
	if err != nil {
		return err
	}
	if c.sealed, err = decodeCRCHeader(header[:n]); err != nil {
		return err
	}
	info, err := c.f.Stat()
	if err != nil {
		return err
	}
	c.entries = (info.Size() - crcHeaderSize) / crcEntry
	return nil
}

func decodeCRCHeader(b []byte) (extent, error) {
	if len(b) < crcHeaderSize || string(b[:8]) != crcMagic {
		return extent{}, errors.New("not a checksum file")
	}
	if v := getWord(b[8:]); v != crcVersion {
		return extent{}, fmt.Errorf("checksum file of version %d", v)
	}
	if getWord(b[crcHeaderSize-4:]) != crc32.Checksum(b[:crcHeaderSize-4], castagnoli) {
		return extent{}, errors.New("damaged header")
	}
	e := extent{int64(binary.LittleEndian.Uint64(b[16:])), int64(binary.LittleEndian.Uint64(b[24:]))}
	if e.objects < 0 || e.bytes < 0 {
		return extent{}, errors.New("impossible header")
	}
	return e, nil
}

func encodeCRCHeader(e extent) []byte {
	b := make([]byte, crcHeaderSize)
	copy(b, crcMagic)
	putWord(b[8:], crcVersion)
	binary.LittleEndian.PutUint64(b[16:], uint64(e.objects))
	binary.LittleEndian.PutUint64(b[24:], uint64(e.bytes))
	putWord(b[crcHeaderSize-4:], crc32.Checksum(b[:crcHeaderSize-4], castagnoli))
	return b
}

// get gives the checksum of object lba; ok is false when it is not known.
func (c *crcFile) get(lba int64) (sum uint32, ok bool, err error) {
	if lba >= c.entries {
		at := (lba - c.entries) * crcEntry
		if at+crcEntry > int64(len(c.pending)) {
			return 0, false, nil
		}
		return getWord(c.pending[at:]), true, nil
	}
	if c.f == nil {
		return 0, false, nil
	}
	if lba < c.windowStart || lba >= c.windowStart+int64(len(c.window))/crcEntry {
		if err := c.load(lba); err != nil {
			return 0, false, err
		}
	}
	at := (lba - c.windowStart) * crcEntry
	if at+crcEntry > int64(len(c.window)) {
		return 0, false, nil
	}
	sum = getWord(c.window[at:])
	return sum, sum != 0, nil
}

func (c *crcFile) load(lba int64) error {
	if c.window == nil {
		c.window = make([]byte, 0, crcWindow)
	}
	n := min(crcWindow, (c.entries-lba)*crcEntry)
	got, err := readFull(c.f, c.window[:n], crcHeaderSize+lba*crcEntry)
	c.window, c.windowStart = c.window[:got], lba
	if err != nil {
		return fmt.Errorf("read %s: %w", c.path, err)
	}
	return nil
}

// add appends the checksum of a block of n bytes.
func (c *crcFile) add(sum uint32, n int) {
	c.pending = binary.LittleEndian.AppendUint32(c.pending, sum)
	c.about += int64(n)
}

// addFilemarks appends the checksums of n filemarks.
func (c *crcFile) addFilemarks(n int64) {
	for range n {
		c.pending = binary.LittleEndian.AppendUint32(c.pending, filemarkSum)
	}
}

// flushIfFull writes what is pending when it is much.
func (c *crcFile) flushIfFull() error {
	if len(c.pending) < crcPending && c.about < crcDistance {
		return nil
	}
	return c.flush()
}

// flush writes what is pending to the file. When it fails all is as before.
func (c *crcFile) flush() error {
	if len(c.pending) == 0 {
		return nil
	}
	if err := c.create(); err != nil {
		return err
	}
	if err := writeParts(c.f, crcHeaderSize+c.entries*crcEntry, c.pending); err != nil {
		return fmt.Errorf("write %s: %w", c.path, err)
	}
	c.entries += int64(len(c.pending)) / crcEntry
	c.pending, c.about, c.window = c.pending[:0], 0, c.window[:0]
	return nil
}

// create makes the file when there is none.
func (c *crcFile) create() error {
	if c.f != nil {
		return nil
	}
	f, err := os.OpenFile(c.path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, filePerm)
	if err != nil {
		return err
	}
	if err := writeParts(f, 0, encodeCRCHeader(c.sealed)); err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", c.path, err), f.Close(), os.Remove(c.path))
	}
	c.f = f
	return nil
}

// align makes the file describe the given number of objects, no more. Those it lacks are unknown.
func (c *crcFile) align(objects int64) error {
	if c.f != nil && c.entries > objects {
		if err := c.f.Truncate(crcHeaderSize + objects*crcEntry); err != nil {
			return fmt.Errorf("truncate %s: %w", c.path, err)
		}
	}
	c.entries, c.window = objects, c.window[:0]
	return nil
}

// cut forgets the checksums of the object at p and all behind it, durably.
func (c *crcFile) cut(p place) error {
	shrinks := p.lba < c.entries
	c.cutMemory(p.lba)
	if c.f == nil || !shrinks && p.lba >= c.sealed.objects {
		return nil
	}
	if p.lba < c.sealed.objects {
		c.sealed = extent{p.lba, p.off}
	}
	if err := writeParts(c.f, 0, encodeCRCHeader(c.sealed)); err != nil {
		return fmt.Errorf("write %s: %w", c.path, err)
	}
	if shrinks {
		if err := c.f.Truncate(crcHeaderSize + p.lba*crcEntry); err != nil {
			return fmt.Errorf("truncate %s: %w", c.path, err)
		}
	}
	return dataSync(c.f)
}

// cutMemory leaves entries and pending describe lba objects together.
func (c *crcFile) cutMemory(lba int64) {
	keep := min(max(lba-c.entries, 0)*crcEntry, int64(len(c.pending)))
	c.pending, c.window = c.pending[:keep], c.window[:0]
	if keep == 0 {
		c.entries, c.about = lba, 0
	}
}

// seal says durably that the data up to e is durable.
func (c *crcFile) seal(e extent) error {
	if err := c.create(); err != nil {
		return err
	}
	if err := writeParts(c.f, 0, encodeCRCHeader(e)); err != nil {
		return fmt.Errorf("write %s: %w", c.path, err)
	}
	c.sealed = e
	return dataSync(c.f)
}

func (c *crcFile) close() error {
	if c.f == nil {
		return nil
	}
	return c.f.Close()
}
