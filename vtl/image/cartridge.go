package image

import (
	"errors"
	"path/filepath"
	"syscall"

	"calypso/sys/errcode"
)

// Cartridge is an open cartridge: its memory and its tapes. It is for one goroutine.
type Cartridge struct {
	memory
	dir      string
	readonly bool
	tapes    []*Tape // by partition
}

// memory is what the cartridge and its tapes share.
type memory struct {
	meta      Meta
	metaDirty bool // counters that are not in meta.json yet
}

// Open opens the cartridge in dir. It takes no lock: the caller holds that of the drive. A format that
// was killed is finished, and a record that a killed writer left incomplete at the end is cut off;
// when readonly the one shows as finished and the other is ignored. Damage of a tape is not an error
// of Open but of reading the place: see Tape.Damaged.
//
// Errors: fs.ErrNotExist without dir; errcode.ImageDamaged when a file of it is missing or meta.json
// cannot be used; errcode.ImageNewer.
func Open(dir string, readonly bool) (*Cartridge, error) {
	meta, err := ReadMeta(dir)
	if err != nil {
		return nil, err
	}
	c := &Cartridge{dir: dir, readonly: readonly, memory: memory{meta: meta}}
	if readonly && formatting(dir) {
		c.tapes = c.blankTapes(ErrReadOnly)
		return c, nil
	}
	if !readonly {
		if err := finishFormat(dir, meta); err != nil {
			return nil, err
		}
	}
	if c.tapes, err = c.openTapes(); err != nil {
		return nil, err
	}
	return c, nil
}

// openTapes opens all partitions or none.
func (c *Cartridge) openTapes() ([]*Tape, error) {
	var tapes []*Tape
	for n := range c.meta.partitions() {
		t, err := openTape(c.dir, n, &c.memory, c.readonly)
		if err != nil {
			return nil, errors.Join(err, dropAll(tapes))
		}
		tapes = append(tapes, t)
	}
	return tapes, nil
}

// blankTapes are tapes with nothing on them and no file, for while the files are not theirs yet; a
// change of them gives failed.
func (c *Cartridge) blankTapes(failed error) []*Tape {
	tapes := make([]*Tape, c.meta.partitions())
	for n := range tapes {
		tapes[n] = &Tape{memory: &c.memory, number: n, capacity: c.meta.capacityOf(n), dir: c.dir,
			path: filepath.Join(c.dir, dataFile(n)), readonly: c.readonly, failed: failed}
	}
	return tapes
}

func dropAll(tapes []*Tape) error {
	var errs []error
	for _, t := range tapes {
		errs = append(errs, t.drop())
	}
	return errors.Join(errs...)
}

// Partitions is the number of partitions, 1 to MaxPartitions.
func (c *Cartridge) Partitions() int { return len(c.tapes) }

// Partition gives partition n, counted from 0, until the next Format.
func (c *Cartridge) Partition(n int) *Tape { return c.tapes[n] }

// Meta is a copy of the cartridge's memory with the counters up to date.
func (c *Cartridge) Meta() Meta { return c.meta.clone() }

// SetMeta changes the cartridge's memory, durably, but for the capacity and the partitions, which are
// Format's. When it fails the memory is as before.
func (c *Cartridge) SetMeta(change func(*Meta)) error {
	if c.readonly {
		return ErrReadOnly
	}
	m := c.meta.clone()
	change(&m)
	if err := errors.Join(m.check(), m.sameLayout(&c.meta)); err != nil {
		return errcode.New(errcode.Internal, c.dir, "cartridge memory: %w", err)
	}
	if err := writeMeta(c.dir, m); err != nil {
		return err
	}
	c.meta, c.metaDirty = m.clone(), false
	return nil
}

// Sync makes all that was written durable.
func (c *Cartridge) Sync() error {
	for _, t := range c.tapes {
		if err := t.sync(); err != nil {
			return err
		}
	}
	return nil
}

// Close makes everything durable and saves the sidecars, those that the next one to open the cartridge needs not
// as far as there is room. The cartridge is closed whatever it returns.
func (c *Cartridge) Close() error {
	err := c.finish()
	return errors.Join(err, dropAll(c.tapes))
}

func (c *Cartridge) finish() error {
	for _, t := range c.tapes {
		if err := t.finish(); err != nil {
			return err
		}
	}
	if c.readonly || !c.metaDirty {
		return nil
	}
	err := writeMeta(c.dir, c.meta)
	// What SetMeta changed is there; the counters of bytes are not worth a restore that ends in an error, nor a
	// cartridge that cannot leave its drive.
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return nil
	}
	return err
}
