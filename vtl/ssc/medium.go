package ssc

import "calypso/vtl/image"

// ErrFull is what a Partition answers (test: errors.Is) to an object that does not fit before its
// physical end; nothing of it was written.
var ErrFull = image.ErrFull

// Object is a logical object on a tape: a block of Length bytes as it is stored, or a filemark.
type Object = image.Object

// Meta is the cartridge memory: what a cartridge knows about itself.
type Meta = image.Meta

// Attribute is one attribute of the medium auxiliary memory (SPC-5).
type Attribute = image.Attribute

// Medium is a cartridge as the drive's heads and its memory reader see it. It need not be safe for
// concurrent use. An error of any method becomes a sense, and stays findable in what Exec returns.
// The medium itself counts the lifetime bytes of its Meta.
type Medium interface {
	Partitions() int
	Partition(n int) Partition
	Sync() error                      // all that was written survives a power cut
	Meta() Meta                       // a copy of the cartridge memory
	SetMeta(change func(*Meta)) error // changes it durably
	// Format makes the cartridge blank with a partition for each capacity in bytes, durably; nil and one
	// are the whole tape. What Partition gave before is void.
	Format(capacities []int64) error
}

// Partition is one tape of a cartridge. Logical objects are counted from 0 at its beginning; object
// Objects() is end of data.
type Partition interface {
	Objects() int64   // objects on the tape, which is the address of end of data
	Filemarks() int64 // filemarks on the tape; of a damaged one those that can be reached
	// Damaged is not nil when damage hides the rest of the tape: what is behind it cannot be told from
	// end of data otherwise.
	Damaged() error

	At(lba int64) (Object, error) // lba < Objects()
	// ReadBlock copies min(len(buf), length) bytes of the block at lba and returns its real length.
	ReadBlock(lba int64, buf []byte) (length int, err error)
	// ReadAhead readies the block at lba, if there is one, for the next ReadBlock; errors wait until then.
	ReadAhead(lba int64)

	WriteBlock(lba int64, p []byte) error    // what was at lba and behind it is gone, as on tape
	WriteEnvelope(lba int64, p []byte) error // likewise a block that the drive compressed or encrypted: At shows it
	WriteFilemarks(lba int64, n int64) error
	Truncate(lba int64) error // lba becomes end of data

	FileNumber(lba int64) int64                   // filemarks before lba
	FilemarkAddress(n int64) (lba int64, ok bool) // the n-th filemark, from 0; not ok: hidden by damage
	UsedBytes() int64                             // what the objects take of the capacity
	CapacityBytes() int64                         // the physical end
	EarlyWarningBytes() int64                     // where early warning is, <= CapacityBytes()
}
