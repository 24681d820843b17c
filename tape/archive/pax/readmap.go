package pax

import (
	"archive/tar"
	"fmt"
	"strconv"
	"strings"
)

// readMap sets the extents of a sparse file, in any of the four formats GNU tar has written, from
// the bytes of its headers. archive/tar has checked these bytes but does not give the map away.
func (m *member) readMap(headers []byte) error {
	records := m.header.PAXRecords
	major, minor := records["GNU.sparse.major"], records["GNU.sparse.minor"]
	text := records["GNU.sparse.map"]
	old := m.header.Typeflag == tar.TypeGNUSparse
	switch {
	case m.Type != TypeFile, !old && text == "" && major == "":
		return nil
	case old:
		return m.readOldMap(headers)
	case major == "1" && minor == "0":
		return m.readDataMap(headers)
	case major == "" && minor == "", major == "0" && (minor == "0" || minor == "1"):
		return m.readRecordMap(headers, text)
	}
	return nil // a version that archive/tar does not know either: its data is taken as it is
}

// readDataMap is version 1.0: the map stands before the data.
func (m *member) readDataMap(headers []byte) error {
	main, size, err := m.mainHeader(headers)
	if err != nil {
		return err
	}
	text := headers[main+blockSize:]
	list, err := parseSparseMap(text, m.Size)
	if err != nil {
		return err
	}
	return m.setMap(list, size-int64(len(text)))
}

// readRecordMap is version 0.0 and 0.1: the map is a pax record, "offset,length,offset,length".
func (m *member) readRecordMap(headers []byte, text string) error {
	_, size, err := m.mainHeader(headers)
	if err != nil {
		return err
	}
	var list []extent
	for text != "" {
		var first, second string
		first, text, _ = strings.Cut(text, ",")
		second, text, _ = strings.Cut(text, ",")
		offset, err1 := strconv.ParseInt(first, 10, 64)
		length, err2 := strconv.ParseInt(second, 10, 64)
		if err1 != nil || err2 != nil {
			return errSparseMap
		}
		list = append(list, extent{offset, length})
	}
	return m.setMap(list, size)
}

// Where the old GNU format keeps its map: four extents in the header block, then 21 in each
// extension block, "struct sparse_header" of GNU tar.
const (
	oldMapInHeader  = 386
	oldMapExtents   = 4
	oldMapExtended  = 482
	oldMapInBlock   = 21
	oldMapMoreFlag  = 504
	oldMapNumber    = 12
	oldMapExtentLen = 2 * oldMapNumber
)

func (m *member) readOldMap(headers []byte) error {
	main, size, err := m.mainHeader(headers)
	if err != nil {
		return err
	}
	block, rest := headers[main:main+blockSize], headers[main+blockSize:]
	list, err := appendOldExtents(nil, block[oldMapInHeader:], oldMapExtents)
	more := block[oldMapExtended] != 0
	for err == nil && more {
		if len(rest) < blockSize {
			return errSparseMap
		}
		list, err = appendOldExtents(list, rest, oldMapInBlock)
		more = rest[oldMapMoreFlag] != 0
		rest = rest[blockSize:]
	}
	if err != nil {
		return err
	}
	return m.setMap(list, size)
}

func appendOldExtents(list []extent, p []byte, count int) ([]extent, error) {
	for range count {
		if p[0] == 0 {
			break
		}
		offset, err1 := parseNumber(p[:oldMapNumber])
		length, err2 := parseNumber(p[oldMapNumber:oldMapExtentLen])
		if err1 != nil || err2 != nil {
			return nil, errSparseMap
		}
		list = append(list, extent{offset, length})
		p = p[oldMapExtentLen:]
	}
	return list, nil
}

// setMap takes the map of a file whose data area holds stored bytes.
func (m *member) setMap(list []extent, stored int64) error {
	if err := checkExtents(list, m.Size); err != nil {
		return err
	}
	if n := dataLength(list); n > stored {
		return fmt.Errorf("%w: %d bytes of data for %d", errSparseMap, stored, n)
	}
	if list == nil {
		list = []extent{} // nothing but a hole
	}
	m.sparse, m.left = list, stored
	return nil
}

// mainHeader finds the header block that the extended headers before it describe, and the size of
// its data area: the size record or its size field, which archive/tar replaces by the file's size.
func (m *member) mainHeader(headers []byte) (at int, size int64, err error) {
	for at+blockSize <= len(headers) {
		block := headers[at : at+blockSize]
		if size, err = parseNumber(block[fieldSize : fieldSize+largeLen]); err != nil {
			return 0, 0, err
		}
		switch block[fieldType] {
		case tar.TypeXHeader, tar.TypeXGlobalHeader, tar.TypeGNULongName, tar.TypeGNULongLink:
			if size > int64(len(headers)) {
				return 0, 0, errSparseMap
			}
			at += blockSize + int(size+padding(size))
			continue
		}
		if s := m.header.PAXRecords["size"]; s != "" {
			size, err = strconv.ParseInt(s, 10, 64)
		}
		return at, size, err
	}
	return 0, 0, errSparseMap
}

// parseNumber reads a numeric header field: octal, or base 256 with the top bit set (GNU).
func parseNumber(field []byte) (int64, error) {
	if field[0]&0x80 == 0 {
		text := strings.Trim(string(field), " \x00")
		if text == "" {
			return 0, nil
		}
		return strconv.ParseInt(text, 8, 64)
	}
	if field[0]&0x40 != 0 {
		return 0, errSparseMap // negative
	}
	n := int64(field[0] & 0x3f)
	for _, c := range field[1:] {
		if n>>54 != 0 {
			return 0, errSparseMap
		}
		n = n<<8 | int64(c)
	}
	return n, nil
}
