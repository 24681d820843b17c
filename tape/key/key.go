// Package key keeps the keys that drives encrypt tapes with: 32 random bytes each, wrapped with
// filippo.io/age (a passphrase, an age or an SSH key), one file a key, and forms of them for the safe.
//
// The id of a key is a fingerprint: the first 16 hexadecimal digits of SHA-256 over the text
// "calypso-key-id-v1", a zero byte and the 32 bytes. It is on the tape beside every encrypted block and
// in the catalog; it tells nothing of the key.
//
// A key in memory is outside of Go's heap, locked where the system allows it, never formatted, and zeroed
// by Destroy. What age and the runtime copy while they unwrap is beyond reach, and so is a passphrase:
// therefore the process cannot be dumped (proc.GuardMemory) before the first key is unwrapped.
//
// Limits: AES-256 keys alone. Nothing here prints, prompts or knows a drive.
package key

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"calypso/sys/errcode"
	"calypso/sys/proc"
)

// Bytes is the length of a key: AES-256.
const Bytes = 32

// IDLength is the length of an id in characters. It fits the key-associated data of every LTO drive.
const IDLength = 16

const idDomain = "calypso-key-id-v1\x00"

// Key is a key in memory. Destroy it after use.
type Key struct {
	b       []byte // nil: destroyed
	id      string
	release func()
}

// New makes a key of random bytes.
func New() (*Key, error) {
	return newKey(rand.Reader)
}

// newKey reads a key from r, which must give exactly Bytes bytes or more.
func newKey(r io.Reader) (*Key, error) {
	b, release, err := proc.SecretBytes(Bytes)
	if err != nil {
		return nil, err
	}
	if _, err := io.ReadFull(r, b); err != nil {
		release()
		return nil, err
	}
	return &Key{b: b, id: fingerprint(b), release: release}, nil
}

func fingerprint(b []byte) string {
	h := sha256.New()
	_, _ = io.WriteString(h, idDomain)
	_, _ = h.Write(b)
	return hex.EncodeToString(h.Sum(nil))[:IDLength]
}

// ID is the fingerprint of the key.
func (k *Key) ID() string { return k.id }

// Secret gives the bytes themselves: not a copy, and gone with Destroy. nil after it.
func (k *Key) Secret() []byte { return k.b }

// Destroy zeroes the key and gives its memory back. It may be called twice, and on nil.
func (k *Key) Destroy() {
	if k == nil || k.b == nil {
		return
	}
	k.b = nil
	k.release()
}

// The forms of a key in text are all the same: the id.
func (k *Key) String() string {
	if k == nil {
		return "key"
	}
	return "key " + k.id
}

// Format is for all verbs of package fmt, %x and %#v too.
func (k *Key) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, k.String()) }

// GoString is %#v.
func (k *Key) GoString() string { return k.String() }

// MarshalText is for JSON, YAML and whatever else encodes.
func (k *Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// maxName is how long a name may be.
const maxName = 32

// IsID tells whether text has the form of an id.
func IsID(text string) bool {
	return len(text) == IDLength && strings.Trim(text, "0123456789abcdef") == ""
}

func isName(name string) bool {
	const first = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	return name != "" && len(name) <= maxName && strings.Trim(name, first+"._-") == "" && strings.Contains(first, name[:1])
}

// CheckName tells whether a key can have the name; errcode.NameInvalid. One that looks like an id cannot.
func CheckName(name string) error {
	if !isName(name) {
		return errcode.New(errcode.NameInvalid, fmt.Sprintf("%q", name), "not a name for a key")
	}
	if IsID(name) {
		return errcode.New(errcode.NameInvalid, name, "it could be the id of a key")
	}
	return nil
}
