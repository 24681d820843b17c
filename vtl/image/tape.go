package image

import (
	"errors"
	"os"
	"path/filepath"
)

// Tape is one partition of an open cartridge. It is for one goroutine, as is the cartridge.
type Tape struct {
	*memory          // of the cartridge, whose counters the tape keeps up to date
	number    int    // of the partition
	capacity  int64  // in bytes
	dir, path string // path is that of the data file
	f         *os.File
	readonly  bool

	chain  chain
	broken *broken // the first object that cannot be passed, if there is one
	size   int64   // of the data file; behind chain.end is what the next write cuts off
	crc    crcFile
	words  words
	cursor place // where sequential access goes on
	hint   int   // the segment that was used last
	ahead  ahead

	side   [3*wordSize + 1]byte // small parts of a block around the data
	torn   bool                 // an incomplete record follows chain.end
	dirty  bool                 // changed since the last Sync
	saved  extent               // what the index file on disk describes
	stale  bool                 // the index file is for another state of the data file
	failed error                // the file is in an unknown state: no more writes
}

// broken is where the structure of the tape ends in damage. Everything from there on is unreadable.
type broken struct {
	place   place
	objects int64 // how many objects the tape had, as far as that is known
	why     string
}

// extent is a length of tape in three units.
type extent struct {
	objects, bytes int64
}

// Objects is the number of blocks and filemarks on the tape, the address of the end of data.
func (t *Tape) Objects() int64 {
	if t.broken != nil {
		return t.broken.objects
	}
	return t.chain.objects
}

// Filemarks is the number of filemarks on the tape; of a damaged one those that can be reached.
func (t *Tape) Filemarks() int64 { return t.chain.filemarks }

// UsedBytes is how much of the capacity is used: the data, and 4 bytes for a filemark, 8 for a block
// and 1 to make its length even. It never exceeds CapacityBytes.
func (t *Tape) UsedBytes() int64 { return t.chain.end }

// CapacityBytes is what can be used.
func (t *Tape) CapacityBytes() int64 { return t.capacity }

// The room behind early warning. A host needs it to end an archive in order: for the manifest of one
// with many members it is megabytes. Cartridges made small for tests give a quarter.
const (
	warningShare = 50
	warningLeast = 8 << 20
	warningMost  = 1 << 30
)

// EarlyWarningBytes is the value of UsedBytes from which on a drive gives early warning.
func (t *Tape) EarlyWarningBytes() int64 {
	room := min(max(t.capacity/warningShare, warningLeast), warningMost, t.capacity/4)
	return t.capacity - room
}

// Damaged is the error of reading the first object that cannot be passed, when damage hides the rest
// of the tape; nil when the structure is whole. Such a tape can be written at that object or before
// it, but not appended to.
func (t *Tape) Damaged() error {
	if t.broken == nil {
		return nil
	}
	return t.brokenError(t.broken.place.lba)
}

func (t *Tape) brokenError(lba int64) error {
	b := t.broken
	return t.damage(lba, b.place.off, "%s at block %d", b.why, b.place.lba)
}

// sync makes all that was written durable.
func (t *Tape) sync() error {
	if !t.dirty {
		return nil
	}
	// The order matters after a power cut: the checksums claim blocks only that are in the data file.
	if err := t.crc.flush(); err != nil {
		return err
	}
	if err := dataSync(t.f); err != nil {
		t.failed = err
		return err
	}
	if err := t.crc.seal(extent{t.chain.objects, t.chain.end}); err != nil {
		return err
	}
	t.dirty = false
	_ = t.saveIndexIfFar(64<<20, 1<<14) // as in finish
	return nil
}

// finish makes everything durable and saves the sidecars.
func (t *Tape) finish() error {
	if t.readonly {
		return nil
	}
	if err := t.sync(); err != nil {
		return err
	}
	// A cache that cannot be saved, on a full disk, does not keep a cartridge in the drive: what is on
	// disk is found to be out of date and rebuilt.
	_ = t.saveIndex()
	return nil
}

// drop closes the files and saves nothing.
func (t *Tape) drop() error {
	if t.f == nil { // blankTapes
		return nil
	}
	return errors.Join(t.crc.close(), t.f.Close())
}

// file is the path of a sidecar. Those of the first partition have the plain name.
func (t *Tape) file(name string) string { return filepath.Join(t.dir, sidecarName(name, t.number)) }
