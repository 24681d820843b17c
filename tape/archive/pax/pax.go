// Package pax turns directory trees into POSIX pax archives and back: Encode walks the source and
// writes the archive, Extract restores it safely beneath a directory, List reads what is in it.
//
// Standard: IEEE Std 1003.1-2017, pax Interchange Format and ustar Interchange Format, with the
// vendor records that GNU tar 1.27 and libarchive 3.2 and later understand: GNU.sparse.* version
// 1.0 (sparse files), SCHILY.xattr.* (extended attributes) and SCHILY.acl.* (POSIX ACLs). Every
// member stands alone: there are no global headers, so any run of whole members followed by two
// zero blocks, or by nothing, is an archive again. A restore of a subset relies on that.
//
// Kept: names of any bytes, files of any size, hard and symbolic links, holes, extended attributes,
// ACLs, times in nanoseconds, device nodes, fifos, empty directories, owners by number and name.
// Not kept: sockets (they are reported), access and change times, file flags (chattr), and the
// exact place of holes smaller than what a map of 1 MiB can say (they are stored as zeros).
//
// Linux only: it walks and restores with the *at system calls and /proc/self/fd, and never follows
// a symbolic link that it did not get from its caller. /proc is needed for extended attributes of
// symbolic links, fifos and devices.
package pax

import (
	"fmt"
	"time"
)

// Type says what a member is.
type Type string

// The types of members.
const (
	TypeFile     Type = "file"
	TypeDir      Type = "dir"
	TypeSymlink  Type = "symlink"
	TypeHardlink Type = "hardlink"
	TypeChar     Type = "char"
	TypeBlock    Type = "block"
	TypeFifo     Type = "fifo"
)

// Member is one entry of an archive.
type Member struct {
	Path    string // as stored, any bytes: no leading "/", directories end in "/", the root itself is "./"
	Type    Type
	Offset  int64  // bytes from the beginning of the archive to the member's first header
	Length  int64  // bytes from there to the next member's first header, a multiple of 512
	Size    int64  // bytes of the file, holes counted; 0 for all but TypeFile
	Mode    uint32 // permission bits, set-id bits and sticky bit: 07777
	UID     int
	GID     int
	ModTime time.Time // UTC, nanoseconds
	Link    string    // target of a symbolic link; archive path of a hard link's target; else empty
	SHA256  string    // hexadecimal, of the archive bytes [Offset, Offset+Length)
}

// Kinds of problems met while reading the source.
const (
	KindNotFound    = "not_found"   // a root, listed file or requested member does not exist
	KindUnreadable  = "unreadable"  // no permission, or an input error
	KindVanished    = "vanished"    // was in its directory, gone when opened
	KindShrank      = "shrank"      // got shorter while read: padded with zeros
	KindGrew        = "grew"        // got longer while read: cut at the size it had
	KindChanged     = "changed"     // was written while read, its size stayed
	KindSocket      = "socket"      // a notice: sockets are not archived
	KindSameName    = "same_name"   // another root has its name in the archive: a restore gives back only one
	KindUnsupported = "unsupported" // a type of file or member that is not known here
	KindXattr       = "xattr"       // an extended attribute or ACL could not be read or restored
)

// Kinds of problems met while extracting, beside KindNotFound, KindUnsupported and KindXattr.
const (
	KindUnsafe     = "unsafe"      // would have been written outside the destination
	KindDamaged    = "damaged"     // failed its verification
	KindLinkTarget = "link_target" // the file a hard link names was not extracted
	KindExists     = "exists"      // a non-empty directory, or a file in place of one, is in the way
	KindDevice     = "device"      // making a device node was not permitted
	KindUnwritable = "unwritable"  // could not be created
	KindOwner      = "owner"       // written, but its owner, mode or times could not be set
)

// Problem is something that went wrong with one path while the rest went on.
type Problem struct {
	Path string // a source path when encoding, a member path when extracting
	Kind string
	Err  error
}

// Notice reports whether the problem is for information only: nothing that could have been kept
// was lost.
func (p Problem) Notice() bool { return p.Kind == KindSocket }

func (p Problem) String() string { return fmt.Sprintf("%q: %v", p.Path, p.Err) }

// Report is the outcome of an Encode or Extract.
type Report struct {
	Members  int64 // members written, or extracted
	Bytes    int64 // archive bytes written, or read
	Problems []Problem
}

// Selection says what Encode archives. Roots are walked in the order given, Files after them.
//
// Patterns are globs over bytes: `*` and `?` do not cross "/", `**` does, `[a-z]` and `[!a-z]` are
// one byte, `\` takes the next byte as it is. `**/` also stands for no directory at all. A pattern
// matches an entry when it matches the entry's whole member path or its base name. One that ends in
// "/" matches directories only. One that begins with "/" or "./" matches whole member paths only, which
// have no such beginning. The root "." itself matches no pattern.
//
// An excluded directory is left out with everything beneath it. With Include not empty, only
// entries that match one of its patterns are archived, with everything beneath a directory that
// matches and with the directories that lead to them. Exclude wins over Include. Any other root is a
// member like all and can be excluded.
type Selection struct {
	Roots         []string // walked; a leading "/", "./" and anything up to the last ".." is not stored
	Files         []string // archived without descending into directories
	Include       []string
	Exclude       []string
	OneFileSystem bool // do not descend into directories on another file system than their root
}

// ExtractOptions says what Extract takes and how it puts it down.
type ExtractOptions struct {
	Members      []string // what to take, see Match; empty: everything
	DryRun       bool     // write nothing; OnMember is called for what would be extracted
	KeepDamaged  bool     // keep a file that fails Verify as NAME.damaged
	NumericOwner bool     // do not look up user and group names
	SameOwner    bool     // set owners and set-id bits; always so when root
	// Verify is called when all archive bytes of a selected member were read, before it appears in
	// the destination. An error makes the member a Problem of KindDamaged and keeps it out.
	Verify func(Member) error
	// OnMember is called after a member was extracted. Its error ends the extraction.
	OnMember func(Member) error
}
