package pax

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// extent is a run of data in a file; what lies between extents are holes.
type extent struct{ offset, length int64 }

// maxExtents keeps the map of a sparse file below the 1 MiB that readers take (two decimal numbers
// of 19 digits and their newlines are 40 bytes).
const maxExtents = 1 << 20 / 40 * 9 / 10

// blockSize is the unit of a tar archive.
const blockSize = 512

func padding(n int64) int64 { return -n & (blockSize - 1) }

// scanExtents finds the data of a file of that size by SEEK_DATA and SEEK_HOLE. It returns nil when
// there is no hole worth a map, or the file system does not tell. It moves the file's position.
func scanExtents(fd int, size int64) ([]extent, error) {
	var found []extent
	for pos := int64(0); pos < size; {
		data, err := unix.Seek(fd, pos, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) { // nothing but a hole up to the end
			break
		}
		if err != nil {
			return nil, err
		}
		hole, err := unix.Seek(fd, data, unix.SEEK_HOLE)
		if err != nil {
			return nil, err
		}
		if data >= size || hole <= pos {
			break
		}
		hole = min(hole, size)
		found = append(found, extent{data, hole - data})
		if len(found) > 2*maxExtents {
			found = coalesce(found, maxExtents)
		}
		pos = hole
	}
	found = coalesce(found, maxExtents)
	if size-dataLength(found) <= 2*blockSize {
		return nil, nil
	}
	return terminated(found, size), nil
}

// coalesce joins extents over the smallest holes until at most limit are left. The holes are then
// stored as the zeros they read as.
func coalesce(list []extent, limit int) []extent {
	if len(list) <= limit {
		return list
	}
	gaps := make([]int64, len(list)-1)
	for i := range gaps {
		gaps[i] = list[i+1].offset - list[i].offset - list[i].length
	}
	slices.Sort(gaps)
	smallest := gaps[len(list)-limit-1] // every gap up to this one is filled
	out := list[:1]
	for _, e := range list[1:] {
		last := &out[len(out)-1]
		if e.offset-last.offset-last.length <= smallest {
			last.length = e.offset + e.length - last.offset
		} else {
			out = append(out, e)
		}
	}
	return out
}

// terminated adds the empty extent at the end of the file with which GNU tar marks a trailing hole.
func terminated(list []extent, size int64) []extent {
	if n := len(list); n == 0 || list[n-1].offset+list[n-1].length < size {
		return append(list, extent{size, 0})
	}
	return list
}

func dataLength(list []extent) int64 {
	var n int64
	for _, e := range list {
		n += e.length
	}
	return n
}

// appendSparseMap appends the map of the GNU.sparse 1.0 format: the number of extents, then offset
// and length of each, decimal, each ended by a newline, filled to a block with zeros.
func appendSparseMap(b []byte, list []extent) []byte {
	start := len(b)
	b = append(strconv.AppendInt(b, int64(len(list)), 10), '\n')
	for _, e := range list {
		b = append(strconv.AppendInt(b, e.offset, 10), '\n')
		b = append(strconv.AppendInt(b, e.length, 10), '\n')
	}
	return append(b, make([]byte, padding(int64(len(b)-start)))...)
}

var errSparseMap = errors.New("bad map of a sparse file")

// parseSparseMap decodes a GNU.sparse 1.0 map from the front of p and checks it against the size of
// the file.
func parseSparseMap(p []byte, size int64) ([]extent, error) {
	number := func() (int64, bool) {
		end := bytes.IndexByte(p, '\n')
		if end < 0 {
			return 0, false
		}
		n, err := strconv.ParseInt(string(p[:end]), 10, 64)
		p = p[end+1:]
		return n, err == nil
	}
	count, ok := number()
	if !ok || count < 0 || count > int64(len(p)) {
		return nil, errSparseMap
	}
	list := make([]extent, 0, count)
	for range count {
		offset, ok1 := number()
		length, ok2 := number()
		if !ok1 || !ok2 {
			return nil, errSparseMap
		}
		list = append(list, extent{offset, length})
	}
	return list, checkExtents(list, size)
}

// checkExtents holds extents to be in order, apart from each other, and within the file.
func checkExtents(list []extent, size int64) error {
	var end int64
	for _, e := range list {
		if e.offset < end || e.length < 0 || e.length > size || e.offset > size-e.length {
			return fmt.Errorf("%w: extent of %d bytes at %d in a file of %d", errSparseMap, e.length, e.offset, size)
		}
		end = e.offset + e.length
	}
	return nil
}
