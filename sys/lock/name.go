package lock

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// maxName keeps file names below the 255 bytes of NAME_MAX with room for the suffix.
const maxName = 200

// FileName is the file of the lock name within its directory. Two names never share a file: bytes
// other than letters, digits, '_', '-' and an inner '.' are written as %XX, and a name that gets
// too long ends in the SHA-256 of the whole.
func FileName(name string) string {
	var b strings.Builder
	for i := range len(name) {
		if c := name[i]; plain(c) || c == '.' && i > 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	file := b.String()
	if len(file) > maxName {
		sum := sha256.Sum256([]byte(name))
		file = file[:maxName-2*len(sum)-1] + "%" + hex.EncodeToString(sum[:])
	}
	return file + ".lock"
}

func plain(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-'
}
