// Package label recognises what is at the beginning of a tape and writes calypso's own label there.
//
// Scope: tape file 0. Calypso's label is one block of 10240 bytes that stock tar lists (POSIX.1-1988
// ustar, one member). Recognise names the owner of a foreign tape from its first blocks: ANSI
// X3.27/ECMA-13 and IBM standard labels and the software that builds on them, the private labels of
// backup software, plain archives.
//
// Limits: recognition serves the message. It never makes a tape safer to overwrite: a tape is
// overwritten without being named only when its drive reports the end of data before any data
// (Found.Overwritable). Software whose label is not public (Commvault, Veeam, Arkeia) is "unknown".
package label

import (
	"archive/tar"
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"calypso/sys/errcode"
)

const (
	// BlockBytes is the length of the label block: tar's default of 20 records of 512 bytes, so that
	// `tar tf /dev/nst0` reads it without options.
	BlockBytes = 10240
	// Member is the name of the label's only tar member.
	Member = ".calypso_label"
	// Format and Version identify the YAML in the member.
	Format  = "calypso-tape"
	Version = 1
	// MinBlockSize and MaxBlockSize bound block_size_bytes: a tar record, and the largest length
	// that READ(6) and WRITE(6) can carry in their three bytes (SSC-5 6.4), in whole tar records.
	MinBlockSize = 512
	MaxBlockSize = 1<<24 - 512

	maxText = 255 // bytes of host and software
)

var (
	// ErrNotLabel says that a block is not a calypso label at all.
	ErrNotLabel = errors.New("not a calypso label")
	// ErrDamaged says that a block is a calypso label that cannot be trusted.
	ErrDamaged = errors.New("calypso label damaged")

	volumePattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$`) })
	uuidPattern   = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
	})
)

// Label is calypso's label of one cartridge.
type Label struct {
	Volume    string    // name of the volume, normally its barcode
	UUID      string    // random, tells two volumes of one name apart; lower case, 8-4-4-4-12
	Created   time.Time // UTC, whole seconds
	Host      string    // host that wrote the label
	BlockSize int       // bytes of the archives' blocks, a multiple of 512
	Software  string    // e.g. "calypso 1.0.0"
}

// New makes the label of a volume with a random UUID. It fails as Validate does.
func New(volume, host, software string, blockSize int, now time.Time) (Label, error) {
	l := Label{
		Volume: volume, UUID: newUUID(), Created: now.UTC().Truncate(time.Second),
		Host: host, BlockSize: blockSize, Software: software,
	}
	return l, l.Validate()
}

// newUUID gives a version 4 UUID (RFC 9562 5.4). crypto/rand.Read never fails since Go 1.24.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[6] = b[6]&0x0F | 0x40
	b[8] = b[8]&0x3F | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// CheckVolume tells whether name can be a volume name: 1 to 32 of a-z, A-Z, 0-9, '.', '_' and '-',
// beginning with a letter or digit, so that it is a safe file name and a safe word in a shell.
// The error is errcode.NameInvalid.
func CheckVolume(name string) error {
	if !volumePattern().MatchString(name) {
		return errcode.New(errcode.NameInvalid, fmt.Sprintf("%q", name), "not a volume name")
	}
	return nil
}

// maxTime is the last second that a ustar header can hold, 11 octal digits: 16 March 2242.
const maxTime = 1<<33 - 1

// Validate checks that the label can be written and will decode to itself.
func (l Label) Validate() error {
	if err := CheckVolume(l.Volume); err != nil {
		return err
	}
	switch {
	case !uuidPattern().MatchString(l.UUID):
		return fmt.Errorf("uuid %q: not lower-case 8-4-4-4-12 hexadecimal", l.UUID)
	case l.Created.Unix() < 0 || l.Created.Unix() > maxTime:
		return fmt.Errorf("created %v: not a date of this era", l.Created)
	case l.BlockSize < MinBlockSize || l.BlockSize > MaxBlockSize || l.BlockSize%MinBlockSize != 0:
		return fmt.Errorf("block_size_bytes %d: not a multiple of %d up to %d", l.BlockSize, MinBlockSize, MaxBlockSize)
	}
	if err := checkText("host", l.Host); err != nil {
		return err
	}
	return checkText("software", l.Software)
}

func checkText(key, s string) error {
	if len(s) > maxText || !utf8.ValidString(s) || strings.ContainsFunc(s, notPrintable) {
		return fmt.Errorf("%s %q: not up to %d bytes of printable text", key, s, maxText)
	}
	return nil
}

func notPrintable(r rune) bool { return !unicode.IsPrint(r) }

// Encode gives the label as its one block of BlockBytes bytes.
func (l Label) Encode() ([]byte, error) {
	if err := l.Validate(); err != nil {
		return nil, fmt.Errorf("encode label: %w", err)
	}
	text, err := yaml.Marshal(l.wire())
	if err != nil {
		return nil, fmt.Errorf("encode label: %w", err)
	}
	var out bytes.Buffer
	if err := writeMember(&out, text, l.Created); err != nil {
		return nil, fmt.Errorf("encode label: %w", err)
	}
	if out.Len() > BlockBytes {
		return nil, fmt.Errorf("encode label: %d bytes do not fit a block of %d", out.Len(), BlockBytes)
	}
	return append(out.Bytes(), make([]byte, BlockBytes-out.Len())...), nil
}

func writeMember(w io.Writer, text []byte, at time.Time) error {
	tw := tar.NewWriter(w)
	h := &tar.Header{
		Typeflag: tar.TypeReg, Name: Member, Mode: 0o644, Size: int64(len(text)),
		ModTime: at.UTC().Truncate(time.Second), Format: tar.FormatUSTAR,
	}
	if err := tw.WriteHeader(h); err != nil {
		return err
	}
	if _, err := tw.Write(text); err != nil {
		return err
	}
	return tw.Close()
}

// Decode reads a label block strictly. The error is ErrNotLabel when the block is something else,
// an errcode.StateNewer *errcode.Error when a newer calypso wrote it, and ErrDamaged when it is a
// label with anything missing, doubled, unknown or out of range.
func Decode(block []byte) (*Label, error) {
	if !hasMember(block, Member) {
		return nil, ErrNotLabel
	}
	text, err := memberText(block)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if err := checkVersion(text); err != nil {
		return nil, err
	}
	l, err := decodeText(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return l, nil
}

// hasMember looks at the name field only, so that a damaged label is still taken for one.
func hasMember(block []byte, name string) bool {
	return len(block) >= tarRecord && cString(block[:100]) == name
}

// memberText gives the content of the only member of a label block, which must be a regular file. The
// type flag is looked at in the raw bytes, because archive/tar follows extension headers by itself.
func memberText(block []byte) ([]byte, error) {
	if len(block) != BlockBytes {
		return nil, fmt.Errorf("block of %d bytes, not %d", len(block), BlockBytes)
	}
	if flag := block[156]; flag != tar.TypeReg && flag != 0 {
		return nil, fmt.Errorf("member of type %q", flag)
	}
	tr := tar.NewReader(bytes.NewReader(block))
	if _, err := tr.Next(); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(tr)
	if err != nil {
		return nil, err
	}
	used := tarRecord + (len(text)+tarRecord-1)/tarRecord*tarRecord
	if len(bytes.Trim(block[used:], "\x00")) != 0 {
		return nil, errors.New("more than one member")
	}
	return text, nil
}
