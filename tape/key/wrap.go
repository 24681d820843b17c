package key

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"filippo.io/age"
	"filippo.io/age/agessh"

	"calypso/sys/errcode"
	"calypso/sys/proc"
)

// Wrapping says how a key is to be wrapped: with exactly one of its fields.
type Wrapping struct {
	Passphrase []byte
	Recipients []string // age1…, ssh-ed25519 …, ssh-rsa …
	Plain      bool     // not at all
	// WorkFactor is the base-2 logarithm of what a guess at the passphrase costs; 0: age's own, 18.
	WorkFactor int
}

// About is what is to be known of a key.
type About struct {
	Name       string
	Generation int
	Created    time.Time
}

// Wrap makes the record of a key. Errors: errcode.Usage for a recipient that is none, NameInvalid.
func Wrap(k *Key, about About, w Wrapping) (*Record, error) {
	if err := CheckName(about.Name); err != nil {
		return nil, err
	}
	r := &Record{ID: k.ID(), Name: about.Name, Generation: about.Generation, Created: about.Created.UTC().Truncate(time.Second)}
	if w.Plain {
		r.Wrap, r.material = WrapPlain, bytes.Clone(k.Secret())
		return r, r.check(about.Name)
	}
	recipients, err := w.ageRecipients()
	if err != nil {
		return nil, err
	}
	r.Wrap, r.Recipients = WrapPassphrase, nil
	if len(w.Recipients) > 0 {
		r.Wrap, r.Recipients = WrapRecipients, w.Recipients
	}
	if r.material, err = seal(k.Secret(), recipients); err != nil {
		return nil, err
	}
	return r, r.check(about.Name)
}

func (w Wrapping) ageRecipients() ([]age.Recipient, error) {
	if len(w.Recipients) > 0 {
		return parseRecipients(w.Recipients)
	}
	if len(w.Passphrase) == 0 {
		return nil, errcode.New(errcode.Usage, "", "the passphrase is empty")
	}
	scrypt, err := age.NewScryptRecipient(string(w.Passphrase))
	if err != nil {
		return nil, err
	}
	if w.WorkFactor > 0 {
		scrypt.SetWorkFactor(w.WorkFactor)
	}
	return []age.Recipient{scrypt}, nil
}

func seal(secret []byte, to []age.Recipient) ([]byte, error) {
	var out bytes.Buffer
	w, err := age.Encrypt(&out, to...)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(secret); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func parseRecipients(list []string) ([]age.Recipient, error) {
	var out []age.Recipient
	for _, text := range list {
		r, err := parseRecipient(text)
		if err != nil {
			return nil, errcode.New(errcode.Usage, "", "recipient %.40q: %w", text, err)
		}
		out = append(out, r)
	}
	return out, nil
}

func parseRecipient(text string) (age.Recipient, error) {
	switch {
	case strings.HasPrefix(text, "AGE-SECRET-KEY-"):
		return nil, errors.New("this is the secret part; the recipient begins with age1")
	case strings.HasPrefix(text, "age1"):
		return age.ParseX25519Recipient(text)
	case strings.HasPrefix(text, "ssh-"):
		return agessh.ParseRecipient(text)
	}
	return nil, errors.New("want age1…, ssh-ed25519 … or ssh-rsa …")
}

// Recipients gives the recipients that the words of a command line name: a word is one itself, or the name
// of a file with one a line, such as id_ed25519.pub.
func Recipients(words []string) ([]string, error) {
	var list []string
	for _, word := range words {
		if strings.HasPrefix(word, "age1") || strings.HasPrefix(word, "ssh-") || strings.HasPrefix(word, "AGE-SECRET-KEY-") {
			list = append(list, word)
			continue
		}
		text, err := os.ReadFile(word)
		if err != nil {
			return nil, errcode.New(errcode.Usage, "", "recipient: neither age1… nor ssh-…, nor a file that can be read: %w", err)
		}
		before := len(list)
		for line := range strings.Lines(string(text)) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
				list = append(list, line)
			}
		}
		if len(list) == before {
			return nil, errcode.New(errcode.Usage, word, "the file names no recipient")
		}
	}
	_, err := parseRecipients(list)
	return list, err
}

// Opener says with what a key may be unwrapped.
type Opener struct {
	// Passphrase gives the passphrase of the record, asking for it if it must; nil: there is none.
	Passphrase func(r *Record) ([]byte, error)
	Identities []age.Identity
}

// Unwrap gives the key of the record. Errors: errcode.KeyLocked when the opener has not what it takes,
// KeyDamaged when what is unwrapped is not the key of this id, and those of Passphrase.
func (r *Record) Unwrap(o Opener) (*Key, error) {
	if err := proc.GuardMemory(); err != nil {
		return nil, err
	}
	if r.Plain() {
		return r.fingerprinted(bytes.NewReader(r.material))
	}
	identities, err := o.identitiesFor(r)
	if err != nil {
		return nil, err
	}
	plain, err := age.Decrypt(bytes.NewReader(r.material), identities...)
	if err != nil {
		return nil, r.notOpened(err)
	}
	return r.fingerprinted(plain)
}

func (o Opener) identitiesFor(r *Record) ([]age.Identity, error) {
	if r.Wrap == WrapRecipients {
		if len(o.Identities) == 0 {
			return nil, locked(r, "it is wrapped for age or SSH keys").WithHint("name the file with the private one: --identity FILE")
		}
		return o.Identities, nil
	}
	if o.Passphrase == nil {
		return nil, locked(r, "it is wrapped with a passphrase").WithHint("give it with --passphrase-file FILE or --passphrase-fd N")
	}
	text, err := o.Passphrase(r)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	identity, err := age.NewScryptIdentity(string(text))
	if err != nil {
		return nil, locked(r, "%w", err)
	}
	return []age.Identity{identity}, nil
}

func locked(r *Record, format string, args ...any) *errcode.Error {
	return errcode.New(errcode.KeyLocked, fmt.Sprintf("key %s (%s)", r.Name, r.ID), format, args...)
}

// notOpened tells a wrong passphrase or identity from a file that age cannot make sense of.
func (r *Record) notOpened(err error) error {
	var none *age.NoIdentityMatchError
	switch {
	case r.Wrap == WrapPassphrase && errors.As(err, &none):
		return locked(r, "the passphrase is wrong")
	case errors.As(err, &none), errors.Is(err, age.ErrIncorrectIdentity):
		return locked(r, "the identity is not one it is wrapped for")
	case strings.Contains(err.Error(), "incorrect passphrase"): // age has no error value for it
		return locked(r, "the passphrase is wrong")
	}
	var known *errcode.Error
	if errors.As(err, &known) { // of an SSH key whose passphrase was asked for
		return known
	}
	return damaged("key "+r.ID, "age: %w", err)
}

// fingerprinted reads the key and nothing more, and compares its id with that of the record.
func (r *Record) fingerprinted(from io.Reader) (*Key, error) {
	k, err := newKey(from)
	if err != nil {
		return nil, damaged("key "+r.ID, "unwrapped it is too short: %w", err)
	}
	var more [1]byte
	if n, err := io.ReadFull(from, more[:]); n > 0 || !errors.Is(err, io.EOF) {
		k.Destroy()
		return nil, damaged("key "+r.ID, "what is wrapped in it is no key")
	}
	if k.ID() != r.ID {
		k.Destroy()
		return nil, damaged("key "+r.ID, "what is wrapped in it is the key with the id %s", k.ID())
	}
	return k, nil
}
