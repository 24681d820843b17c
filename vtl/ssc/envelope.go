package ssc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// The envelope of a block that the drive compressed or encrypted, as docs/image-format.md has it: a header,
// the payload and, when it is encrypted, the tag of AES-256-GCM. Integers are little-endian.
const (
	envelopeMagic   = "CENV"
	envelopeVersion = 1

	isCompressed = 0x01 // the payload is a zstd frame, encrypted or not
	isEncrypted  = 0x02
	isRawEnabled = 0x04 // may be read in raw mode (SSC-5: RDMC)

	plainHeader   = 24 // of an envelope that is not encrypted
	nonceLength   = 12
	checkLength   = 16
	cipherHeader  = plainHeader + nonceLength + checkLength // before the key-associated data
	tagLength     = 16
	envelopeMost  = cipherHeader + maxAKAD + maxUKAD + tagLength // what an envelope adds to a block at most
	algorithmNone = 0
	algorithmGCM  = 1
)

// envelope is the header of one. The slices are parts of what it was decoded from.
type envelope struct {
	flags     byte
	kadFormat byte
	length    int    // of the host's block
	object    uint64 // the logical object number that the block was written as
	nonce     []byte
	check     []byte // which key: see Secret.check
	akad      []byte // authenticated key-associated data (SSC-5)
	ukad      []byte // unauthenticated
}

func (e *envelope) has(flag byte) bool { return e.flags&flag != 0 }

// bound is how many bytes from the beginning on are authenticated with the payload: all of the header but
// the unauthenticated key-associated data, which is last.
func (e *envelope) bound() int {
	if !e.has(isEncrypted) {
		return plainHeader
	}
	return cipherHeader + len(e.akad)
}

func (e *envelope) headerLength() int { return e.bound() + len(e.ukad) }

// put writes the header to the beginning of b.
func (e *envelope) put(b []byte) {
	le := binary.LittleEndian
	copy(b, envelopeMagic)
	b[4], b[5], b[6], b[7] = envelopeVersion, e.flags, e.kadFormat, 0
	le.PutUint32(b[8:], uint32(e.length))
	b[12], b[13] = byte(len(e.akad)), byte(len(e.ukad))
	le.PutUint16(b[14:], algorithmNone)
	le.PutUint64(b[16:], e.object)
	if !e.has(isEncrypted) {
		return
	}
	le.PutUint16(b[14:], algorithmGCM)
	copy(b[plainHeader:], e.nonce)
	copy(b[plainHeader+nonceLength:], e.check)
	copy(b[cipherHeader:], e.akad)
	copy(b[cipherHeader+len(e.akad):], e.ukad)
}

var errForeign = errors.New("private data that is not a drive's envelope")

// decodeEnvelope reads the header of a whole envelope and checks that what follows can be what it says.
func decodeEnvelope(b []byte) (envelope, error) {
	if len(b) < plainHeader || string(b[:4]) != envelopeMagic {
		return envelope{}, errForeign
	}
	if b[4] != envelopeVersion {
		return envelope{}, fmt.Errorf("envelope of version %d", b[4])
	}
	le := binary.LittleEndian
	e := envelope{flags: b[5], kadFormat: b[6], object: le.Uint64(b[16:])}
	akad, ukad := int(b[12]), int(b[13])
	length := le.Uint32(b[8:])
	switch {
	case e.flags&^(isCompressed|isEncrypted|isRawEnabled) != 0 || e.flags&(isCompressed|isEncrypted) == 0 || b[7] != 0:
		return envelope{}, errors.New("envelope with flags that are not known")
	case length < minBlock || length > maxBlock:
		return envelope{}, fmt.Errorf("envelope of a block of %d bytes", length)
	case akad > maxAKAD || ukad > maxUKAD || !e.has(isEncrypted) && akad+ukad > 0:
		return envelope{}, errors.New("envelope with impossible key-associated data")
	}
	e.length = int(length)
	return e, e.decodeCipher(b, akad, ukad)
}

// decodeCipher reads what only an encrypted envelope has, and compares the length of the payload.
func (e *envelope) decodeCipher(b []byte, akad, ukad int) error {
	algorithm, payload := binary.LittleEndian.Uint16(b[14:]), len(b)-plainHeader
	want := uint16(algorithmNone)
	if e.has(isEncrypted) {
		want = algorithmGCM
		if payload = len(b) - cipherHeader - akad - ukad - tagLength; payload >= 0 {
			e.nonce = b[plainHeader:][:nonceLength]
			e.check = b[plainHeader+nonceLength:][:checkLength]
			e.akad = b[cipherHeader:][:akad]
			e.ukad = b[cipherHeader+akad:][:ukad]
		}
	}
	switch {
	case algorithm != want:
		return fmt.Errorf("envelope of algorithm %d", algorithm)
	case payload < 1 || !e.has(isCompressed) && payload != e.length:
		return fmt.Errorf("envelope with a payload of %d bytes for a block of %d", payload, e.length)
	}
	return nil
}

// sameKey says whether the block was encrypted with the key of this check value.
func (e *envelope) sameKey(check []byte) bool { return len(check) > 0 && bytes.Equal(e.check, check) }
