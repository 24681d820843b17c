package label

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"calypso/sys/errcode"
)

const (
	tarRecord    = 512
	tapeHoardTar = ".tapehoard_label"
)

// tarLabel knows the two labels that are a tar member of a certain name: calypso's and TapeHoard's.
func tarLabel(h head) (Found, bool) {
	b := h.block(0)
	switch {
	case hasMember(b, Member):
		return calypsoLabel(b), true
	case hasMember(b, tapeHoardTar) && isTar(b) != "":
		return found(TapeHoard, tapeHoardName(b), ""), true
	}
	return Found{}, false
}

// calypsoLabel never gives up the kind: what carries our name and cannot be read may still be ours.
func calypsoLabel(b []byte) Found {
	l, err := Decode(b)
	if err != nil {
		f := found(Calypso, "", "its label cannot be used")
		if errcode.Of(err) == errcode.StateNewer {
			f.Detail = "its label is of a newer version"
		}
		f.Cause = err
		return f
	}
	f := found(Calypso, l.Volume, "labelled "+l.Created.Format("2006-01-02"))
	f.Label = l
	return f
}

// tapeHoardName: the member's content is the name.
func tapeHoardName(b []byte) string {
	tr := tar.NewReader(bytes.NewReader(b))
	if _, err := tr.Next(); err != nil {
		return ""
	}
	text, _ := io.ReadAll(io.LimitReader(tr, 1024))
	return string(text)
}

// tarArchive knows tar in all its dialects by the checksum of the first header.
func tarArchive(h head) (Found, bool) {
	b := h.block(0)
	dialect := isTar(b)
	if dialect == "" {
		return Found{}, false
	}
	switch b[156] {
	case 'V': // GNU volume header: the name is that of the volume
		return found(Tar, cString(b[:100]), dialect), true
	case 'x', 'g', 'L', 'K': // the name is not that of a file
		return found(Tar, "", dialect), true
	}
	return found(Tar, "", fmt.Sprintf("%s, first member %s", dialect, clean(cString(b[:100])))), true
}

// isTar gives the dialect of the tar header that b begins with, "" when it is none. A header with the
// magic and a wrong checksum is a damaged tar, not unknown data.
func isTar(b []byte) string {
	if len(b) < tarRecord {
		return ""
	}
	switch ok := tarChecksum(b[:tarRecord]) == nil; {
	case ok:
		return tarDialect(b)
	case hasAt(b, 257, "ustar"):
		return tarDialect(b) + ", damaged header"
	}
	return ""
}

// tarDialect: GNU tar writes no magic into volume headers and continuations.
func tarDialect(b []byte) string {
	flag := rune(b[156])
	switch {
	case hasAt(b, 257, "ustar  \x00"), !hasAt(b, 257, "ustar") && strings.ContainsRune("VMLK", flag):
		return "GNU tar"
	case hasAt(b, 257, "ustar") && strings.ContainsRune("xg", flag):
		return "pax"
	case hasAt(b, 257, "ustar"):
		return "ustar"
	}
	return "tar v7"
}

// tarChecksum compares the octal number at 148 with the sum of the header's bytes, those of the number
// counted as spaces (POSIX pax, ustar interchange format). Some old tars summed signed bytes.
func tarChecksum(b []byte) error {
	field := strings.Trim(string(b[148:156]), " \x00")
	want, err := strconv.ParseInt(field, 8, 64)
	if err != nil {
		return err
	}
	unsigned, signed := int64(8*' '), int64(8*' ')
	for i, c := range b {
		if i < 148 || i >= 156 {
			unsigned += int64(c)
			signed += int64(int8(c))
		}
	}
	if want != unsigned && want != signed {
		return errors.New("tar header: wrong checksum")
	}
	return nil
}

// cpioArchive knows the three ASCII headers and the binary one in both byte orders (octal 070707).
func cpioArchive(h head) (Found, bool) {
	b := h.block(0)
	for _, c := range []struct{ mark, dialect string }{
		{"070701", "SVR4"}, {"070702", "SVR4 with checksums"}, {"070707", "POSIX odc"},
		{"\xC7\x71", "binary, little-endian"}, {"\x71\xC7", "binary, big-endian"},
	} {
		if hasAt(b, 0, c.mark) {
			return found(Cpio, "", c.dialect), true
		}
	}
	return Found{}, false
}

// The magic numbers of dump(8), at 24 of each header: OFS, NFS and UFS2.
var dumpMagic = map[uint32]string{60011: "old", 60012: "new", 0x19540119: "UFS2"}

// dumpArchive: the header's type is at 0 (1 is the tape header), texts at 676 (label), 696 (file
// system) and 824 (host).
func dumpArchive(h head) (Found, bool) {
	b := h.block(0)
	if len(b) < 1024 {
		return Found{}, false
	}
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		if format, ok := dumpMagic[order.Uint32(b[24:])]; ok {
			return found(Dump, "", dumpDetail(b, format)), true
		}
	}
	return Found{}, false
}

// dumpDetail leaves the dump's label out of the volume name: dump writes "none" into it by default.
func dumpDetail(b []byte, format string) string {
	detail := format + " format"
	if fs := clean(cString(slice(b, 696, 64))); fs != "" {
		detail += ", file system " + fs
	}
	if host := clean(cString(slice(b, 824, 64))); host != "" {
		detail += ", host " + host
	}
	return detail
}
