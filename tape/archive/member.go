package archive

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
	"unicode/utf8"

	"calypso/tape/archive/flat"
	"calypso/tape/archive/pax"
)

// maxMemberLine bounds a line of a member list: a path and a link of the longest that Linux has,
// each byte escaped, fit many times.
const maxMemberLine = 256 << 10

// memberKeys are the keys of a line, in their order.
var memberKeys = []string{
	"path", "path_hex", "type", "offset", "length", "size", "mode", "uid", "gid", "mtime",
	"link", "link_hex", "sha256",
}

// appendMember gives the line of m, in o's memory.
func appendMember(o *flat.Object, m *pax.Member) []byte {
	o.Start()
	o.Text("path", m.Path)
	o.TextOrNull("path_hex", hexIfOdd(m.Path))
	o.Text("type", string(m.Type))
	o.Int("offset", m.Offset)
	o.Int("length", m.Length)
	o.Int("size", m.Size)
	o.Text("mode", fmt.Sprintf("0%03o", m.Mode))
	o.Int("uid", int64(m.UID))
	o.Int("gid", int64(m.GID))
	o.Time("mtime", listTime(m.ModTime))
	o.TextOrNull("link", m.Link)
	o.TextOrNull("link_hex", hexIfOdd(m.Link))
	o.Text("sha256", m.SHA256)
	return o.End()
}

// hexIfOdd gives the bytes of a name that JSON cannot hold; "" for one that it can.
func hexIfOdd(s string) string {
	if utf8.ValidString(s) {
		return ""
	}
	return hex.EncodeToString([]byte(s))
}

// listTime keeps a time within the years that RFC 3339 can write; the archive has it as it was.
func listTime(t time.Time) time.Time {
	switch t = t.UTC(); {
	case t.Year() < 0:
		return time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)
	case t.Year() > 9999:
		return time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	}
	return t
}

// ParseMember reads a line of a member list.
func ParseMember(line []byte) (pax.Member, error) {
	var m pax.Member
	err := flat.Decode(line, memberKeys, func(key int, v flat.Value) error { return setMember(&m, key, v) })
	if err == nil {
		err = checkMember(&m)
	}
	return m, err
}

func setMember(m *pax.Member, key int, v flat.Value) (err error) {
	switch memberKeys[key] {
	case "path":
		m.Path, err = v.Text()
	case "path_hex":
		err = odd(&m.Path, v)
	case "type":
		var s string
		s, err = v.Text()
		m.Type = pax.Type(s)
	case "offset":
		m.Offset, err = v.Int()
	case "length":
		m.Length, err = v.Int()
	case "size":
		m.Size, err = v.Int()
	case "mode":
		m.Mode, err = octal(v)
	case "uid":
		m.UID, err = id(v)
	case "gid":
		m.GID, err = id(v)
	case "mtime":
		m.ModTime, err = v.Time()
	case "link":
		if !v.Null() {
			m.Link, err = v.Text()
		}
	case "link_hex":
		err = odd(&m.Link, v)
	case "sha256":
		m.SHA256, err = v.Text()
	}
	return err
}

// odd replaces a name by the bytes of its hexadecimal form, if there is one.
func odd(name *string, v flat.Value) error {
	if v.Null() {
		return nil
	}
	s, err := v.Text()
	if err != nil {
		return err
	}
	raw, err := hex.DecodeString(s)
	if err != nil {
		return err
	}
	*name = string(raw)
	return nil
}

func octal(v flat.Value) (uint32, error) {
	s, err := v.Text()
	if err != nil {
		return 0, err
	}
	mode, err := strconv.ParseUint(s, 8, 12)
	if err != nil || s[0] != '0' {
		return 0, fmt.Errorf("%q is not an octal mode", s)
	}
	return uint32(mode), nil
}

func id(v flat.Value) (int, error) {
	n, err := v.Int()
	return int(n), err
}

func checkMember(m *pax.Member) error {
	switch {
	case m.Path == "":
		return errors.New("a member without a name")
	case m.Offset < 0 || m.Length <= 0 || m.Size < 0 || m.Offset > maxArchiveBytes || m.Length > maxArchiveBytes:
		return fmt.Errorf("member %q: bytes %d+%d are in no archive", m.Path, m.Offset, m.Length)
	case len(m.SHA256) != 64 || !isSHA256(m.SHA256):
		return fmt.Errorf("member %q: sha256 is not 64 lower-case hexadecimal digits", m.Path)
	}
	return nil
}

// MemberScanner reads a member list line by line.
type MemberScanner struct {
	lines  *bufio.Scanner
	member pax.Member
	count  int64
	err    error
}

// NewMemberScanner reads the JSON lines of r.
func NewMemberScanner(r io.Reader) *MemberScanner {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 64<<10), maxMemberLine)
	lines.Split(wholeLines)
	return &MemberScanner{lines: lines}
}

// wholeLines is bufio.ScanLines, but for a last line without newline: that one was cut.
func wholeLines(data []byte, atEOF bool) (int, []byte, error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i], nil
	}
	if atEOF && len(data) > 0 {
		return 0, nil, io.ErrUnexpectedEOF
	}
	return 0, nil, nil
}

// Next goes to the next member; false at the end and at an error, see Err. Members come in the
// order of the archive and do not overlap: anything else is an error.
func (s *MemberScanner) Next() bool {
	if s.err != nil || !s.lines.Scan() {
		return false
	}
	return s.parse(s.lines.Bytes())
}

// NextIf is Next for the lines that pass a look at their bytes.
func (s *MemberScanner) NextIf(look func(line []byte) bool) bool {
	for s.err == nil && s.lines.Scan() {
		if look(s.lines.Bytes()) {
			return s.parse(s.lines.Bytes())
		}
		s.count++
	}
	return false
}

func (s *MemberScanner) parse(line []byte) bool {
	s.count++
	m, err := ParseMember(line)
	if err == nil && m.Offset < s.member.Offset+s.member.Length {
		err = fmt.Errorf("member %q is out of order", m.Path)
	}
	if err != nil {
		s.err = fmt.Errorf("line %d: %w", s.count, err)
		return false
	}
	s.member = m
	return true
}

// Member gives the member that Next went to.
func (s *MemberScanner) Member() *pax.Member { return &s.member }

// Count says how many lines were read.
func (s *MemberScanner) Count() int64 { return s.count }

// Err says why Next gave false; nil at the end of the list.
func (s *MemberScanner) Err() error {
	if s.err != nil {
		return s.err
	}
	return s.lines.Err()
}
