package key

import (
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The paper form is numbered lines of 25 bytes in Crockford's base32, in groups of five characters, each
// with a check of its own, so that a slip of the hand is found in its line:
//
//	1: 9D12R 00000 ... = 7KQ2
//
// Upper and lower case are the same, O is read as 0, I and L as 1. All lines together are: the letter K,
// the version 1, one byte for the wrapping (0 plain, 1 passphrase, 2 recipients), the generation (2 bytes),
// the time of creation (8, seconds since 1970), the id (8), the length of the name (1) and the name, the
// length of the material (2) and the material, and the first 8 bytes of the SHA-256 of all that. Numbers
// are big-endian.
const (
	paperLine  = 25
	paperGroup = 5
	paperSum   = 8
	paperHead  = 3 + 2 + 8 + IDLength/2 + 1
)

var (
	paperBase  = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)
	paperWraps = []string{WrapPlain, WrapPassphrase, WrapRecipients}
	// paperText matches a line with data; everything else on the paper is for people.
	paperText = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^\s*([0-9]{1,3})\s*:\s*([0-9A-Za-z \t]+?)\s*=\s*([0-9A-Za-z]{4})\s*$`)
	})
)

// PaperLines gives the numbered lines of the key on paper, and the checksum of all of them in 16
// hexadecimal digits.
func (r *Record) PaperLines() (lines []string, checksum string) {
	b := r.paperBytes()
	checksum = hex.EncodeToString(b[len(b)-paperSum:])
	for n := 1; len(b) > 0; n++ {
		part := b[:min(len(b), paperLine)]
		b = b[len(part):]
		lines = append(lines, fmt.Sprintf("%3d: %s = %s", n, grouped(paperBase.EncodeToString(part)), lineCheck(n, part)))
	}
	return lines, checksum
}

func (r *Record) paperBytes() []byte {
	b := []byte{'K', Version, byte(max(0, indexOf(paperWraps, r.Wrap)))}
	b = binary.BigEndian.AppendUint16(b, uint16(r.Generation))
	b = binary.BigEndian.AppendUint64(b, uint64(r.Created.Unix()))
	id, _ := hex.DecodeString(r.ID) // checked when the record was made
	b = append(b, id...)
	b = append(append(b, byte(len(r.Name))), r.Name...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(r.material)))
	b = append(b, r.material...)
	sum := sha256.Sum256(b)
	return append(b, sum[:paperSum]...)
}

func indexOf(list []string, s string) int {
	for i, x := range list {
		if x == s {
			return i
		}
	}
	return -1
}

func grouped(s string) string {
	var groups []string
	for len(s) > paperGroup {
		groups, s = append(groups, s[:paperGroup]), s[paperGroup:]
	}
	return strings.Join(append(groups, s), " ")
}

// lineCheck is 20 bits over the number and the bytes of a line: lines in the wrong place are found too.
func lineCheck(n int, part []byte) string {
	h := sha256.New()
	fmt.Fprintf(h, "calypso-paper-line %d\n", n)
	h.Write(part)
	return paperBase.EncodeToString(h.Sum(nil)[:3])[:4]
}

// DecodePaper reads the paper form, as it was typed or scanned. Lines without data are passed over. Every
// flaw is errcode.KeyDamaged and names its line.
func DecodePaper(name string, data []byte) (*Record, error) {
	if len(data) > maxFile {
		return nil, damaged(name, "longer than a key on paper can be")
	}
	var b []byte
	n := 0
	for line := range strings.Lines(string(data)) {
		m := paperText().FindStringSubmatch(strings.TrimRight(line, "\r\n"))
		if m == nil {
			continue
		}
		n++
		part, err := decodeLine(n, m)
		if err != nil {
			return nil, damaged(name, "line %s of the paper: %w", m[1], err)
		}
		if n > 1 && len(b)%paperLine != 0 {
			return nil, damaged(name, "line %d of the paper is too short", n-1)
		}
		b = append(b, part...)
	}
	if n == 0 {
		return nil, damaged(name, "it is neither a key file nor a key on paper")
	}
	return decodePaperBytes(name, b)
}

func decodeLine(n int, m []string) ([]byte, error) {
	if number, err := strconv.Atoi(m[1]); err != nil || number != n {
		return nil, fmt.Errorf("line %d was expected", n)
	}
	part, err := paperBase.DecodeString(typed(m[2]))
	if err != nil {
		return nil, fmt.Errorf("a character that cannot be there: %w", err)
	}
	if len(part) == 0 || len(part) > paperLine {
		return nil, fmt.Errorf("%d bytes", len(part))
	}
	if typed(m[3]) != lineCheck(n, part) {
		return nil, fmt.Errorf("its check %s does not fit: something in it is typed wrong", m[3])
	}
	return part, nil
}

// typed is what a person meant: no blanks, no lower case, no letters that look like digits.
func typed(s string) string {
	return strings.NewReplacer(" ", "", "\t", "", "O", "0", "I", "1", "L", "1").Replace(strings.ToUpper(s))
}

func decodePaperBytes(name string, b []byte) (*Record, error) {
	if len(b) < paperHead+2+paperSum {
		return nil, damaged(name, "the paper has lines that were not typed")
	}
	body, sum := b[:len(b)-paperSum], b[len(b)-paperSum:]
	if want := sha256.Sum256(body); !bytes.Equal(sum, want[:paperSum]) {
		return nil, damaged(name, "the checksum of all lines is wrong: some are missing")
	}
	if body[0] != 'K' || body[1] != Version || int(body[2]) >= len(paperWraps) {
		return nil, damaged(name, "it is no key on paper of version %d", Version)
	}
	r := &Record{Wrap: paperWraps[body[2]], Generation: int(binary.BigEndian.Uint16(body[3:])),
		Created: time.Unix(int64(binary.BigEndian.Uint64(body[5:])), 0).UTC(), ID: hex.EncodeToString(body[13:21])}
	rest := body[paperHead:]
	length := int(body[paperHead-1])
	if len(rest) < length+2 {
		return nil, damaged(name, "the name is cut off")
	}
	r.Name, rest = string(rest[:length]), rest[length:]
	if len(rest)-2 != int(binary.BigEndian.Uint16(rest)) {
		return nil, damaged(name, "%d bytes of material, not %d", len(rest)-2, binary.BigEndian.Uint16(rest))
	}
	r.material = bytes.Clone(rest[2:])
	if y := r.Created.Year(); y < 1970 || y > 9999 {
		return nil, damaged(name, "it was made in the year %d", y)
	}
	return r, r.check(name)
}

// Parse reads a key file or a key on paper.
func Parse(name string, data []byte) (*Record, error) {
	if bytes.Contains(data, []byte("schema_version:")) {
		return Decode(name, data)
	}
	return DecodePaper(name, data)
}
