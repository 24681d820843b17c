package tape_test

import (
	"bytes"
	"errors"

	"calypso/vtl/ssc"
)

var errScratch = errors.New("scratched")

// reel is a cartridge in memory: a nil object is a filemark.
type reel struct {
	objects  [][]byte
	capacity int64
	meta     ssc.Meta
	bad      map[int64]error // blocks that cannot be read
	writeErr error
	damage   error // hides what is behind the objects
}

func newReel() *reel {
	return &reel{capacity: 1 << 40, bad: map[int64]error{},
		meta: ssc.Meta{Barcode: "V00001L8", Generation: "LTO-8", MediumSerial: "SN12345678", Manufacturer: "CALYPSO", ManufactureDate: "20250102"}}
}

func (r *reel) Objects() int64   { return int64(len(r.objects)) }
func (r *reel) Filemarks() int64 { return r.FileNumber(r.Objects()) }

func (r *reel) Damaged() error { return r.damage }

func (r *reel) At(lba int64) (ssc.Object, error) {
	return ssc.Object{Filemark: r.objects[lba] == nil, Length: len(r.objects[lba])}, nil
}

func (r *reel) ReadBlock(lba int64, buf []byte) (int, error) {
	if err := r.bad[lba]; err != nil {
		return 0, err
	}
	copy(buf, r.objects[lba])
	return len(r.objects[lba]), nil
}

func (r *reel) WriteBlock(lba int64, p []byte) error { return r.put(lba, bytes.Clone(p)) }

func (r *reel) WriteFilemarks(lba, n int64) error { return r.put(lba, make([][]byte, n)...) }

func (r *reel) put(lba int64, objects ...[]byte) error {
	r.objects = r.objects[:lba]
	size := r.UsedBytes()
	for _, o := range objects {
		size += int64(len(o)) + 1
	}
	switch {
	case r.writeErr != nil:
		return r.writeErr
	case size > r.capacity:
		return ssc.ErrFull
	}
	r.objects = append(r.objects, objects...)
	return nil
}

func (r *reel) Truncate(lba int64) error {
	r.objects = r.objects[:lba]
	return nil
}

func (r *reel) Sync() error { return nil }

func (r *reel) ReadAhead(int64) {}

func (r *reel) FileNumber(lba int64) (n int64) {
	for _, o := range r.objects[:lba] {
		if o == nil {
			n++
		}
	}
	return n
}

func (r *reel) FilemarkAddress(n int64) (int64, bool) {
	for i, o := range r.objects {
		if o != nil {
			continue
		}
		if n == 0 {
			return int64(i), true
		}
		n--
	}
	return 0, false
}

func (r *reel) UsedBytes() (n int64) {
	for _, o := range r.objects {
		n += int64(len(o)) + 1
	}
	return n
}

func (r *reel) CapacityBytes() int64     { return r.capacity }
func (r *reel) EarlyWarningBytes() int64 { return r.capacity - 100 }
func (r *reel) Meta() ssc.Meta           { return r.meta }

func (r *reel) SetMeta(change func(*ssc.Meta)) error {
	change(&r.meta)
	return nil
}

func (r *reel) Partitions() int { return 1 }

func (r *reel) Partition(int) ssc.Partition { return r }

func (r *reel) Format([]int64) error {
	r.objects = nil
	return r.writeErr
}

// WriteEnvelope is for drives that compress or encrypt: these tests have none.
func (r *reel) WriteEnvelope(int64, []byte) error {
	panic("a drive that was told neither made an envelope")
}
