package pax

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// dirent is a name in a directory with the type the file system told, DT_UNKNOWN when it did not.
type dirent struct {
	name  string
	dtype byte
}

// Layout of struct linux_dirent64, getdents64(2).
const (
	direntReclen = 16
	direntType   = 18
	direntName   = 19
)

// readNames gives the entries of an open directory but "." and "..", sorted by the bytes of their
// names. buf is scratch.
func readNames(fd int, buf []byte) ([]dirent, error) {
	var list []dirent
	for {
		n, err := unix.Getdents(fd, buf)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n <= 0 {
			slices.SortFunc(list, func(a, b dirent) int { return strings.Compare(a.name, b.name) })
			return list, err
		}
		list = appendNames(list, buf[:n])
	}
}

// appendNames cuts one answer of getdents64 into names. All of them share one string.
func appendNames(list []dirent, p []byte) []dirent {
	all := string(p)
	for at := 0; len(p)-at > direntName; {
		reclen := int(binary.NativeEndian.Uint16(p[at+direntReclen:]))
		if reclen <= direntName || reclen > len(p)-at {
			break
		}
		name := all[at+direntName : at+reclen]
		if end := bytes.IndexByte(p[at+direntName:at+reclen], 0); end >= 0 {
			name = name[:end]
		}
		if name != "." && name != ".." {
			list = append(list, dirent{name, p[at+direntType]})
		}
		at += reclen
	}
	return list
}
