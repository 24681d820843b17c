package pax

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// The extended attributes Linux keeps POSIX ACLs in, and the pax records star gave them, which GNU
// tar and libarchive read as well.
const (
	xattrACLAccess   = "system.posix_acl_access"
	xattrACLDefault  = "system.posix_acl_default"
	recordACLAccess  = "SCHILY.acl.access"
	recordACLDefault = "SCHILY.acl.default"
	recordACLNFS4    = "SCHILY.acl.ace"
)

// The binary form is linux/posix_acl_xattr.h: a version, then entries of tag, permissions, id, all
// little-endian.
const (
	aclVersion   = 2
	aclHeadLen   = 4
	aclEntryLen  = 8
	aclNoID      = 0xffffffff
	aclUserObj   = 0x01
	aclUser      = 0x02
	aclGroupObj  = 0x04
	aclGroup     = 0x08
	aclMask      = 0x10
	aclOther     = 0x20
	maxACLRecord = 1 << 20
)

type aclEntry struct {
	tag, perm uint16
	id        uint32
}

var errACL = errors.New("not a POSIX ACL")

// aclText turns the kernel's binary ACL into text with numeric ids, entries separated by commas:
// "user::rw-,user:1001:r--,group::r--,mask::rw-,other::r--".
func aclText(raw []byte) (string, error) {
	if len(raw) < aclHeadLen || (len(raw)-aclHeadLen)%aclEntryLen != 0 {
		return "", fmt.Errorf("%w: length %d", errACL, len(raw))
	}
	if v := binary.LittleEndian.Uint32(raw); v != aclVersion {
		return "", fmt.Errorf("%w: version %d", errACL, v)
	}
	var b []byte
	for p := raw[aclHeadLen:]; len(p) > 0; p = p[aclEntryLen:] {
		e := aclEntry{binary.LittleEndian.Uint16(p), binary.LittleEndian.Uint16(p[2:]), binary.LittleEndian.Uint32(p[4:])}
		if len(b) > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = e.appendText(b); err != nil {
			return "", err
		}
	}
	return string(b), nil
}

func (e aclEntry) appendText(b []byte) ([]byte, error) {
	switch e.tag {
	case aclUserObj:
		b = append(b, "user::"...)
	case aclUser:
		b = append(strconv.AppendUint(append(b, "user:"...), uint64(e.id), 10), ':')
	case aclGroupObj:
		b = append(b, "group::"...)
	case aclGroup:
		b = append(strconv.AppendUint(append(b, "group:"...), uint64(e.id), 10), ':')
	case aclMask:
		b = append(b, "mask::"...)
	case aclOther:
		b = append(b, "other::"...)
	default:
		return nil, fmt.Errorf("%w: tag %#x", errACL, e.tag)
	}
	if e.perm > 7 {
		return nil, fmt.Errorf("%w: permissions %#x", errACL, e.perm)
	}
	for i, c := range []byte("rwx") {
		if e.perm&(4>>i) == 0 {
			c = '-'
		}
		b = append(b, c)
	}
	return b, nil
}

// aclBinary turns ACL text into the kernel's binary form. It takes what star, GNU tar and libarchive
// write: commas or newlines, long or one-letter tags, comments, names, and a fourth field holding
// the id. lookup resolves a name that has no id beside it.
func aclBinary(text string, lookup func(group bool, name string) (uint32, bool)) ([]byte, error) {
	if len(text) > maxACLRecord {
		return nil, fmt.Errorf("%w: %d bytes of text", errACL, len(text))
	}
	var entries []aclEntry
	for _, field := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == '\n' }) {
		field, _, _ = strings.Cut(field, "#")
		if field = strings.TrimSpace(field); field == "" {
			continue
		}
		e, err := parseACLEntry(field, lookup)
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	if len(entries) == 0 {
		return nil, fmt.Errorf("%w: no entries", errACL)
	}
	slices.SortStableFunc(entries, func(a, b aclEntry) int {
		if a.tag != b.tag {
			return int(a.tag) - int(b.tag)
		}
		return int(int64(a.id) - int64(b.id))
	})
	return encodeACL(entries), nil
}

func encodeACL(entries []aclEntry) []byte {
	b := binary.LittleEndian.AppendUint32(nil, aclVersion)
	for _, e := range entries {
		b = binary.LittleEndian.AppendUint16(b, e.tag)
		b = binary.LittleEndian.AppendUint16(b, e.perm)
		b = binary.LittleEndian.AppendUint32(b, e.id)
	}
	return b
}

func parseACLEntry(field string, lookup func(bool, string) (uint32, bool)) (aclEntry, error) {
	parts := strings.Split(field, ":")
	if len(parts) > 1 && (parts[0] == "default" || parts[0] == "d") {
		parts = parts[1:]
	}
	// "mask:rwx" and "other:rwx" leave the empty qualifier out.
	if len(parts) == 2 {
		parts = []string{parts[0], "", parts[1]}
	}
	if len(parts) != 3 && len(parts) != 4 {
		return aclEntry{}, fmt.Errorf("%w: entry %q", errACL, field)
	}
	e := aclEntry{id: aclNoID}
	var ok bool
	if e.tag, ok = aclTag(parts[0], parts[1] != ""); !ok {
		return aclEntry{}, fmt.Errorf("%w: entry %q", errACL, field)
	}
	if e.perm, ok = aclPerm(parts[2]); !ok {
		return aclEntry{}, fmt.Errorf("%w: permissions in %q", errACL, field)
	}
	if e.tag == aclUser || e.tag == aclGroup {
		if e.id, ok = aclID(parts, e.tag == aclGroup, lookup); !ok {
			return aclEntry{}, fmt.Errorf("%w: unknown name in %q", errACL, field)
		}
	}
	return e, nil
}

func aclTag(name string, qualified bool) (uint16, bool) {
	switch name {
	case "user", "u":
		if qualified {
			return aclUser, true
		}
		return aclUserObj, true
	case "group", "g":
		if qualified {
			return aclGroup, true
		}
		return aclGroupObj, true
	case "mask", "m":
		return aclMask, !qualified
	case "other", "o":
		return aclOther, !qualified
	}
	return 0, false
}

func aclPerm(s string) (uint16, bool) {
	var perm uint16
	s = strings.TrimSpace(s)
	for _, c := range []byte(s) {
		switch c {
		case 'r':
			perm |= 4
		case 'w':
			perm |= 2
		case 'x':
			perm |= 1
		case '-':
		default:
			return 0, false
		}
	}
	return perm, s != ""
}

// aclID prefers the name when it resolves here, as tar does for owners; then the id beside it.
func aclID(parts []string, group bool, lookup func(bool, string) (uint32, bool)) (uint32, bool) {
	if id, err := strconv.ParseUint(parts[1], 10, 32); err == nil {
		return uint32(id), true
	}
	if id, ok := lookup(group, parts[1]); ok {
		return id, true
	}
	if len(parts) == 4 {
		if id, err := strconv.ParseUint(parts[3], 10, 32); err == nil {
			return uint32(id), true
		}
	}
	return 0, false
}
