package zfs

import (
	"strings"

	"calypso/sys/errcode"
)

// maxName is ZFS_MAX_DATASET_NAME_LEN less its final zero: the whole name, snapshot included.
const maxName = 255

// PoolOf is the pool of a dataset, snapshot or bookmark.
func PoolOf(name string) string {
	if i := strings.IndexAny(name, "/@#"); i >= 0 {
		return name[:i]
	}
	return name
}

// CheckPool refuses what cannot be the name of a pool, before it could be taken for an option or a path.
// What ZFS reserves for new pools ("mirror", "log") is the tool's to refuse.
func CheckPool(name string) error {
	if strings.ContainsAny(name, "/@#") {
		return badName(name, "a pool has no '/', '@' or '#' in its name")
	}
	return checkComponents(name)
}

// CheckDataset refuses what cannot be the name of a file system or volume; that of a pool is one.
func CheckDataset(name string) error {
	if strings.ContainsAny(name, "@#") {
		return badName(name, "a dataset has no '@' or '#' in its name")
	}
	return checkComponents(name)
}

// CheckSnapshot refuses what cannot be the name of a snapshot, POOL/DATASET@SNAPSHOT.
func CheckSnapshot(name string) error {
	dataset, snapshot, found := strings.Cut(name, "@")
	if !found || snapshot == "" || strings.ContainsAny(snapshot, "@#/") || strings.Contains(dataset, "#") {
		return badName(name, "a snapshot is named DATASET@NAME")
	}
	if err := checkCharacters(name, snapshot); err != nil {
		return err
	}
	return checkComponents(dataset)
}

func checkComponents(name string) error {
	if name == "" || len(name) > maxName {
		return badName(name, "a name has 1 to 255 bytes")
	}
	if c := name[0]; !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z') {
		return badName(name, "the name of a pool begins with a letter")
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part == "." || part == ".." {
			return badName(name, "a part between two '/' is empty, '.' or '..'")
		}
		if err := checkCharacters(name, part); err != nil {
			return err
		}
	}
	return nil
}

// checkCharacters holds a part to valid_char of zfs_namecheck.c. Spaces are legal.
func checkCharacters(name, part string) error {
	if len(name) > maxName {
		return badName(name, "a name has 1 to 255 bytes")
	}
	for i := range len(part) {
		c := part[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-_.: ", c) >= 0) {
			return badName(name, "letters, digits, '-', '_', '.', ':' and spaces are allowed")
		}
	}
	return nil
}

func badName(name, why string) error {
	return errcode.New(errcode.NameInvalid, "", "%q cannot be a name: %s", shorten(name), why).WithHint("%s", why)
}
