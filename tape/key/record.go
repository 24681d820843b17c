package key

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"time"

	"calypso/sys/errcode"
	"calypso/sys/state"
)

// Version is the schema version of a key file.
const Version = 1

const (
	// maxMaterial bounds the wrapped key: an age file for several hundred recipients.
	maxMaterial = 32 << 10
	// maxFile bounds a key file, and the text of a key on paper.
	maxFile = 256 << 10

	maxGeneration = 9999
)

// How a key is wrapped.
const (
	WrapPassphrase = "passphrase" // age, scrypt
	WrapRecipients = "recipients" // age, X25519 or SSH keys
	WrapPlain      = "plain"      // not at all
)

// Record is a key as it lies in the store: all about it, and the key itself wrapped.
type Record struct {
	ID         string
	Name       string
	Generation int // from 1; of the keys of one name the highest is written with
	Created    time.Time
	Wrap       string   // WrapPassphrase, WrapRecipients, WrapPlain
	Recipients []string // public, of WrapRecipients; not on paper
	material   []byte   // an age file, or the key when it is plain
}

// String names the record; what it holds is never formatted.
func (r Record) String() string {
	return fmt.Sprintf("key %s, generation %d, %s", r.Name, r.Generation, r.ID)
}

// Format is for all verbs of package fmt.
func (r Record) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, r.String()) }

// wireRecord is the file; the order of the keys is that of the format.
type wireRecord struct {
	SchemaVersion int       `yaml:"schema_version"`
	ID            string    `yaml:"id"`
	Name          string    `yaml:"name"`
	Generation    int       `yaml:"generation"`
	Created       time.Time `yaml:"created"`
	Wrap          string    `yaml:"wrap"`
	Recipients    []string  `yaml:"recipients"`
	Material      string    `yaml:"material"` // base64
	Checksum      string    `yaml:"checksum"`
}

func (r *Record) wire() wireRecord {
	w := wireRecord{SchemaVersion: Version, ID: r.ID, Name: r.Name, Generation: r.Generation,
		Created: r.Created.UTC().Truncate(time.Second), Wrap: r.Wrap, Recipients: r.Recipients,
		Material: base64.StdEncoding.EncodeToString(r.material)}
	w.Checksum = w.sum()
	return w
}

// sum is the SHA-256 over the values of all other keys, one a line in the order of the file.
func (w wireRecord) sum() string {
	lines := []string{fmt.Sprint(w.SchemaVersion), w.ID, w.Name, fmt.Sprint(w.Generation), w.Created.UTC().Format(time.RFC3339), w.Wrap}
	lines = append(append(lines, w.Recipients...), w.Material, "")
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	return hex.EncodeToString(sum[:])
}

// Encode gives the text of the key file, which is the form for export too.
func (r *Record) Encode() ([]byte, error) { return state.EncodeYAML("key "+r.ID, r.wire()) }

// Decode reads the text of a key file; name stands for it in errors. Whatever is not exactly a key file
// is errcode.KeyDamaged, one of a newer version errcode.StateNewer.
func Decode(name string, data []byte) (*Record, error) {
	var w wireRecord
	if len(data) > maxFile {
		return nil, damaged(name, "longer than a key file can be")
	}
	if err := state.DecodeYAML(name, data, Version, &w); err != nil {
		if errcode.Of(err) == errcode.StateNewer {
			return nil, err
		}
		return nil, damaged("", "%w", err)
	}
	if w.sum() != w.Checksum {
		return nil, damaged(name, "its checksum is wrong")
	}
	bytes, err := base64.StdEncoding.Strict().DecodeString(w.Material)
	if err != nil {
		return nil, damaged(name, "material: %w", err)
	}
	r := &Record{ID: w.ID, Name: w.Name, Generation: w.Generation, Created: w.Created.UTC(), Wrap: w.Wrap, Recipients: w.Recipients, material: bytes}
	return r, r.check(name)
}

// check holds a record to what every key is.
func (r *Record) check(name string) error {
	switch {
	case !IsID(r.ID):
		return damaged(name, "id %q is none", r.ID)
	case CheckName(r.Name) != nil:
		return damaged(name, "name %q is none", r.Name)
	case r.Generation < 1 || r.Generation > maxGeneration:
		return damaged(name, "generation %d is not in 1 to %d", r.Generation, maxGeneration)
	case r.Wrap != WrapPassphrase && r.Wrap != WrapRecipients && r.Wrap != WrapPlain:
		return damaged(name, "it is wrapped in %q, which is not known", r.Wrap)
	case len(r.material) == 0 || len(r.material) > maxMaterial:
		return damaged(name, "%d bytes of material", len(r.material))
	case r.Wrap == WrapPlain && (len(r.material) != Bytes || fingerprint(r.material) != r.ID):
		return damaged(name, "the key in it is not the key with the id %s", r.ID)
	}
	return nil
}

// Plain tells that whoever reads the record has the key.
func (r *Record) Plain() bool { return r.Wrap == WrapPlain }

func damaged(object, format string, args ...any) *errcode.Error {
	return errcode.New(errcode.KeyDamaged, object, format, args...)
}

// Checksum is that of the key file.
func (r *Record) Checksum() string { return r.wire().Checksum }
