package pax

import (
	"math/bits"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Where the fields of a ustar header block lie (POSIX pax, "ustar Header Block").
const (
	fieldName     = 0
	fieldMode     = 100
	fieldUID      = 108
	fieldGID      = 116
	fieldSize     = 124
	fieldMtime    = 136
	fieldChecksum = 148
	fieldType     = 156
	fieldLinkname = 157
	fieldMagic    = 257
	fieldUname    = 265
	fieldGname    = 297
	fieldDevmajor = 329
	fieldDevminor = 337
	fieldPrefix   = 345

	nameLen   = 100
	prefixLen = 155
	ownerLen  = 32
	smallLen  = 8  // mode, uid, gid, device numbers
	largeLen  = 12 // size, mtime
)

var typeflags = map[Type]byte{
	TypeFile: '0', TypeHardlink: '1', TypeSymlink: '2', TypeChar: '3', TypeBlock: '4', TypeDir: '5', TypeFifo: '6',
}

// entry is what the headers of one member say.
type entry struct {
	path         string
	link         string
	typ          Type
	mode         uint32 // 07777
	uid, gid     uint32
	size         int64 // of the file, holes counted
	sec, nsec    int64
	major, minor uint32
	records      []record // ACLs and extended attributes
	sparse       []extent // nil: not sparse
}

// headerEncoder builds the headers of members.
type headerEncoder struct {
	names   *owners
	records []byte // scratch: pax records
	smap    []byte // scratch: sparse map
}

// append appends the headers of e, and the map of a sparse file, to b. stored is how many bytes of
// file data must follow, before padding; the map is already whole blocks.
func (h *headerEncoder) append(b []byte, e *entry) (out []byte, stored int64) {
	h.smap = h.smap[:0]
	inArchive := e.size
	if e.sparse != nil {
		h.smap = appendSparseMap(h.smap, e.sparse)
		stored = dataLength(e.sparse)
		inArchive = int64(len(h.smap)) + stored
	} else {
		stored = e.size
	}
	uname, gname := h.names.names(e.uid, e.gid)
	h.records = appendRecords(h.records[:0], e, inArchive, uname, gname)
	if len(h.records) > 0 {
		b = appendExtended(b, h.records, e)
	}
	b, block := grow(b)
	name := e.path
	if e.sparse != nil {
		name = "GNUSparseFile.0/" + shortBase(e.path)
	}
	putName(block, name)
	putString(block[fieldLinkname:fieldLinkname+nameLen], e.link)
	putString(block[fieldUname:fieldUname+ownerLen-1], uname)
	putString(block[fieldGname:fieldGname+ownerLen-1], gname)
	putNumbers(block, e.mode, e.uid, e.gid, inArchive, e.sec)
	putOctal(block[fieldDevmajor:fieldDevmajor+smallLen], uint64(e.major))
	putOctal(block[fieldDevminor:fieldDevminor+smallLen], uint64(e.minor))
	seal(block, typeflags[e.typ])
	return append(b, h.smap...), stored
}

// appendExtended appends a pax extended header ("x") holding records.
func appendExtended(b, records []byte, e *entry) []byte {
	b, block := grow(b)
	putName(block, "PaxHeaders.0/"+shortBase(e.path))
	putNumbers(block, 0o644, 0, 0, int64(len(records)), e.sec)
	putOctal(block[fieldDevmajor:fieldDevmajor+smallLen], 0)
	putOctal(block[fieldDevminor:fieldDevminor+smallLen], 0)
	seal(block, 'x')
	b = append(b, records...)
	return append(b, zeros[:padding(int64(len(records)))]...)
}

// appendRecords appends the pax records that e needs beyond a ustar header, in a fixed order.
func appendRecords(b []byte, e *entry, inArchive int64, uname, gname string) []byte {
	longPath := e.sparse == nil && !fitsName(e.path)
	longLink := len(e.link) > nameLen
	if (longPath || e.sparse != nil) && !utf8.ValidString(e.path) || longLink && !utf8.ValidString(e.link) ||
		!utf8.ValidString(uname) || !utf8.ValidString(gname) {
		// Without it the values below would be UTF-8 by definition. GNU tar warns that it does not
		// know the keyword and takes the bytes as they are, which is what it asks for.
		b = appendRecord(b, "hdrcharset", "BINARY")
	}
	if longPath {
		b = appendRecord(b, "path", e.path)
	}
	if longLink {
		b = appendRecord(b, "linkpath", e.link)
	}
	b = appendNumberRecord(b, "size", inArchive, largeLen)
	b = appendNumberRecord(b, "uid", int64(e.uid), smallLen)
	b = appendNumberRecord(b, "gid", int64(e.gid), smallLen)
	b = appendOwnerRecord(b, "uname", uname)
	b = appendOwnerRecord(b, "gname", gname)
	if e.nsec != 0 || e.sec < 0 || !fitsOctal(e.sec, largeLen) {
		b = appendRecord(b, "mtime", formatTime(e.sec, e.nsec))
	}
	if e.sparse != nil {
		b = appendRecord(b, "GNU.sparse.major", "1")
		b = appendRecord(b, "GNU.sparse.minor", "0")
		b = appendRecord(b, "GNU.sparse.name", e.path)
		b = appendRecord(b, "GNU.sparse.realsize", strconv.FormatInt(e.size, 10))
	}
	for _, r := range e.records {
		b = appendRecord(b, r.key, r.value)
	}
	return b
}

func appendNumberRecord(b []byte, key string, n int64, field int) []byte {
	if fitsOctal(n, field) {
		return b
	}
	return appendRecord(b, key, strconv.FormatInt(n, 10))
}

func appendOwnerRecord(b []byte, key, name string) []byte {
	if len(name) < ownerLen && isASCII(name) {
		return b
	}
	return appendRecord(b, key, name)
}

// appendRecord appends "LENGTH KEY=VALUE\n", whose length counts its own digits.
func appendRecord(b []byte, key, value string) []byte {
	rest := len(key) + len(value) + 3 // space, equals, newline
	total := rest + digits(rest)
	if n := rest + digits(total); n != total {
		total = n
	}
	b = append(strconv.AppendInt(b, int64(total), 10), ' ')
	b = append(append(b, key...), '=')
	return append(append(b, value...), '\n')
}

func digits(n int) int {
	d := 1
	for ; n >= 10; n /= 10 {
		d++
	}
	return d
}

// formatTime writes a time as POSIX has it for pax: decimal seconds since the epoch with a fraction.
func formatTime(sec, nsec int64) string {
	if nsec == 0 {
		return strconv.FormatInt(sec, 10)
	}
	sign := ""
	if sec < 0 { // -1 s and 0.75 s after it is the decimal -0.25
		sign, sec, nsec = "-", -(sec + 1), 1e9-nsec
	}
	frac := strconv.FormatInt(1e9+nsec, 10)[1:]
	return sign + strconv.FormatInt(sec, 10) + "." + strings.TrimRight(frac, "0")
}

// grow adds a zeroed block to b and gives it.
func grow(b []byte) (all, block []byte) {
	n := len(b)
	b = append(b, zeros[:]...)
	return b, b[n : n+blockSize : n+blockSize]
}

var zeros [blockSize]byte

// fitsName reports whether a path fits the name field, alone or split with the prefix field.
func fitsName(path string) bool {
	return len(path) <= nameLen || splitAt(path) > 0
}

// splitAt finds the slash at which a path can be split into prefix and name, 0 when it cannot.
func splitAt(path string) int {
	if len(path) > prefixLen+1+nameLen {
		return 0
	}
	end := min(prefixLen, len(path)-2) // the name must not be empty, even when it ends in a slash
	i := strings.LastIndexByte(path[:end+1], '/')
	if i <= 0 || len(path)-i-1 > nameLen {
		return 0
	}
	return i
}

// putName stores as much of the path as the fields hold; a path record tells the whole when that
// is not all of it.
func putName(block []byte, path string) {
	if len(path) > nameLen {
		if i := splitAt(path); i > 0 {
			putString(block[fieldPrefix:fieldPrefix+prefixLen], path[:i])
			path = path[i+1:]
		}
	}
	putString(block[fieldName:fieldName+nameLen], path)
}

// shortBase gives a name for headers that carry no path of their own: the base name, cut.
func shortBase(path string) string {
	path = strings.TrimSuffix(path, "/")
	path = path[strings.LastIndexByte(path, '/')+1:]
	return path[:min(len(path), 80)]
}

func putString(field []byte, s string) { copy(field, s) }

func putNumbers(block []byte, mode, uid, gid uint32, size, sec int64) {
	putOctal(block[fieldMode:fieldMode+smallLen], uint64(mode))
	putOctal(block[fieldUID:fieldUID+smallLen], uint64(uid))
	putOctal(block[fieldGID:fieldGID+smallLen], uint64(gid))
	putOctal(block[fieldSize:fieldSize+largeLen], uint64(size))
	putOctal(block[fieldMtime:fieldMtime+largeLen], uint64(max(sec, 0)))
}

// fitsOctal reports whether n can stand in a numeric field of that length with its NUL.
func fitsOctal(n int64, field int) bool {
	return n >= 0 && bits.Len64(uint64(n)) <= 3*(field-1)
}

// putOctal writes n with leading zeros and a NUL. A number that does not fit becomes the largest
// that does; a pax record overrides it.
func putOctal(field []byte, n uint64) {
	last := len(field) - 1
	n = min(n, 1<<(3*last)-1)
	for i := last - 1; i >= 0; i-- {
		field[i] = '0' + byte(n&7)
		n >>= 3
	}
}

// seal sets type, magic and checksum: the sum of the block's bytes with the checksum field blank.
func seal(block []byte, typeflag byte) {
	block[fieldType] = typeflag
	copy(block[fieldMagic:], "ustar\x0000")
	sum := uint64(smallLen * ' ')
	for _, c := range block {
		sum += uint64(c)
	}
	putOctal(block[fieldChecksum:fieldChecksum+smallLen-1], sum)
	block[fieldChecksum+smallLen-1] = ' '
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
