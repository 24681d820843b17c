package pax

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// recordXattr is followed by the attribute's name. GNU tar writes "=", which ends a keyword, and "%"
// in a name as %3D and %25; so do we. libarchive writes more bytes so, and decodes none.
const recordXattr = "SCHILY.xattr."

var xattrEscape = strings.NewReplacer("%", "%25", "=", "%3D")

// xattrUnescape decodes %XX; a "%" that begins no two hexadecimal digits stands for itself.
func xattrUnescape(name string) string {
	var b []byte
	for i := 0; i < len(name); i++ {
		if name[i] == '%' && i+2 < len(name) {
			if c, err := strconv.ParseUint(name[i+1:i+3], 16, 8); err == nil && c != 0 {
				b = append(b, byte(c))
				i += 2
				continue
			}
		}
		b = append(b, name[i])
	}
	return string(b)
}

// maxRecords bounds the pax records of one member. Readers refuse more than 1 MiB of them (Go,
// libarchive); the rest is room for the path, the link and the numbers.
const maxRecords = 1<<20 - 1<<14

// record is one pax extended header record.
type record struct{ key, value string }

// xattrReader reads the attributes of one file after another.
type xattrReader struct {
	names []byte // 64 KiB: XATTR_LIST_MAX, linux/limits.h
	value []byte // 64 KiB: XATTR_SIZE_MAX
}

func newXattrReader() *xattrReader {
	return &xattrReader{names: make([]byte, 1<<16), value: make([]byte, 1<<16)}
}

// xattrSource is where attributes come from: an open file, or a path below /proc/self/fd for what
// must not be opened.
type xattrSource struct {
	fd   int
	path string // used when not empty
}

func (s xattrSource) list(buf []byte) (int, error) {
	if s.path != "" {
		return unix.Llistxattr(s.path, buf)
	}
	return unix.Flistxattr(s.fd, buf)
}

func (s xattrSource) get(name string, buf []byte) (int, error) {
	if s.path != "" {
		return unix.Lgetxattr(s.path, name, buf)
	}
	return unix.Fgetxattr(s.fd, name, buf)
}

// read gives the attributes and ACLs of src as pax records, sorted by key. The error names the
// attribute that could not be read; the records that could be are returned with it.
func (x *xattrReader) read(src xattrSource) ([]record, error) {
	n, err := src.list(x.names)
	if n == 0 && err == nil || errors.Is(err, unix.ENOTSUP) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list extended attributes: %w", err)
	}
	var records []record
	var first error
	total := 0
	for _, name := range bytes.Split(bytes.TrimSuffix(x.names[:n], []byte{0}), []byte{0}) {
		r, err := x.one(src, string(name))
		if total += len(r.key) + len(r.value) + 16; err == nil && total > maxRecords {
			err = fmt.Errorf("extended attribute %q: more than 1 MiB of attributes", name)
		}
		if err == nil && r.key != "" {
			records = append(records, r)
		} else if first == nil {
			first = err
		}
	}
	slices.SortFunc(records, func(a, b record) int { return strings.Compare(a.key, b.key) })
	return records, first
}

// one gives the record of one attribute, an empty one when the attribute has gone meanwhile.
func (x *xattrReader) one(src xattrSource, name string) (record, error) {
	n, err := src.get(name, x.value)
	if errors.Is(err, unix.ENODATA) {
		return record{}, nil
	}
	if err != nil {
		return record{}, fmt.Errorf("extended attribute %q: %w", name, err)
	}
	value := x.value[:n]
	switch name {
	case xattrACLAccess, xattrACLDefault:
		text, err := aclText(value)
		if err != nil {
			return record{}, fmt.Errorf("extended attribute %q: %w", name, err)
		}
		if name == xattrACLAccess {
			return record{recordACLAccess, text}, nil
		}
		return record{recordACLDefault, text}, nil
	}
	return record{recordXattr + xattrEscape.Replace(name), string(value)}, nil
}
