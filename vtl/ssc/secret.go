package ssc

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// KeyLength is the length of a data encryption key in bytes.
const KeyLength = 32

// Secret is a data encryption key. It does not print or encode itself.
type Secret [KeyLength]byte

// Format keeps the key out of messages and test output.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[key]") }

// MarshalJSON fails: a key is kept by itself or not at all.
func (Secret) MarshalJSON() ([]byte, error) { return nil, errors.New("a key is not encoded") }

// Clear overwrites the key with zeros.
func (k *Secret) Clear() { clear(k[:]) }

// check is what tells keys apart without knowing them: the first 16 bytes of the HMAC-SHA-256 of a fixed
// text. It stands in each envelope, so that a drive knows a wrong key from a block that was tampered with.
func (k *Secret) check() []byte {
	mac := hmac.New(sha256.New, k[:])
	mac.Write([]byte("calypso envelope key"))
	return mac.Sum(nil)[:checkLength]
}

// cipher is AES-256-GCM with the key, with nonces of 12 and tags of 16 bytes.
func (k *Secret) cipher() (cipher.AEAD, error) {
	block, err := aes.NewCipher(k[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// nonces gives a nonce for each block: 9 random bytes and a count of 3. A key comes to many drives and
// cartridges, and GCM breaks where a key meets a nonce again. Two prefixes have to be equal for that; they
// are drawn anew whenever a key is set or taken up again by a process, and after 2^24 blocks. For 2^48
// blocks in up to 2^24 sessions that are 2^25 prefixes of 72 bits: the chance that any two of them are
// equal is below 2^-22. (12 random bytes for each block would be at a third there.)
type nonces struct {
	prefix [nonceLength - 3]byte
	count  uint32
}

const noncesOfPrefix = 1 << 24

// next puts the next nonce into b.
func (n *nonces) next(b []byte) {
	if n.count%noncesOfPrefix == 0 {
		_, _ = rand.Read(n.prefix[:]) // never fails (Go 1.24)
		n.count = 0
	}
	copy(b, n.prefix[:])
	var count [4]byte
	binary.LittleEndian.PutUint32(count[:], n.count)
	copy(b[len(n.prefix):nonceLength], count[:3])
	n.count++
}
