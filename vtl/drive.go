package vtl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"calypso/sys/errcode"
	"calypso/tape/scsi"
	"calypso/vtl/fault"
	"calypso/vtl/image"
	"calypso/vtl/ssc"
)

// Drive is a virtual drive that this process plays: a scsi.Transport. Close it, or the next one to
// open it finds it as after a power cycle.
type Drive struct {
	server  *ssc.Server
	tapeMu  sync.Mutex       // the robot has a thread of its own
	tape    *image.Cartridge // in the drive; nil: none
	store   *Store
	key     driveKey
	observe bool
	library *Library
	lifeErr error // why the drive does not remember its life
	damaged error // why the cartridge in it cannot be used; nil: it can, or there is none

	faults   *fault.Live // injected
	injected uint64      // the TapeAlert flags that they raised
	causes   uint64      // those of them whose condition was not there before
}

// Device is a virtual device that this process plays.
type Device interface {
	scsi.Transport
	io.Closer
}

var _ Device = (*Drive)(nil)

// OpenDrive plays drive n of a library. The caller holds the drive's lock. Errors:
// errcode.LibraryNotFound, DriveNotFound, DeviceBusy when this process has it open already, LibraryServed
// when another one serves the library, those of image.Open for the cartridge in it.
func (s *Store) OpenDrive(ctx context.Context, library string, n int) (Device, error) {
	if err := s.NotServed(library); err != nil {
		return nil, err
	}
	d, err := s.driveOf(ctx, library, n, false)
	if err != nil {
		return nil, err
	}
	if d.damaged != nil {
		return nil, d.damaged
	}
	if err := s.play(d); err != nil {
		return nil, err
	}
	return d, nil
}

// play makes a drive one that this process plays.
func (s *Store) play(d *Drive) error {
	if err := s.register(d); err != nil {
		return errors.Join(err, d.closeTape())
	}
	if err := d.save(true); err != nil {
		s.unregister(d)
		return errors.Join(err, d.closeTape())
	}
	return nil
}

// ObserveDrive plays drive n for looking only: it needs no lock and changes nothing, on the cartridge
// or in the state of the drive. What it shows may be older than what a process does that uses the
// drive at the same time.
func (s *Store) ObserveDrive(ctx context.Context, library string, n int) (Device, error) {
	d, err := s.driveOf(ctx, library, n, true)
	if err != nil {
		return nil, err
	}
	if d.damaged != nil {
		return nil, d.damaged
	}
	return d, nil
}

func (s *Store) driveOf(ctx context.Context, library string, n int, observe bool) (*Drive, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	l, err := s.Get(library)
	if err != nil {
		return nil, err
	}
	return s.newDrive(l, n, observe)
}

// newDrive makes a drive with what is in it, a cartridge that cannot be used too: see Drive.damaged.
func (s *Store) newDrive(l *Library, n int, observe bool) (*Drive, error) {
	if err := l.Has(Place{InDrive, n}); err != nil {
		return nil, err
	}
	d := &Drive{store: s, key: driveKey{l.Name, n}, observe: observe, library: l}
	faults, err := s.liveFaults(l.Name, n, observe)
	if err != nil {
		return nil, err
	}
	d.faults = faults
	var m ssc.Medium
	if c, ok := l.At(Place{InDrive, n}); ok {
		tape, err := openTape(l, c.Barcode, observe)
		switch {
		case err == nil:
			d.tape, m = tape, faultyMedium{medium{tape}, d.faults}
		case l.isDamage(err):
			d.damaged, m = err, damagedCartridge{c.Barcode, err}
		default:
			return nil, err
		}
	}
	config := l.driveConfig(n)
	config.State, config.Observe = readVolatile[ssc.State](s.driveFile(l.Name, n)), observe
	config.Lifetime, d.lifeErr = l.readLifetime(n)
	if config.State != nil && observe {
		config.State.Dirty = false // another process may be using the drive: that is no power cycle
	}
	if !observe {
		config.Keys = readKeys(s.keyFile(l.Name, n))
		defer clearKeys(config.Keys)
	}
	server, err := ssc.New(config, m)
	if err != nil {
		return nil, errors.Join(err, d.closeTape())
	}
	d.server = server
	d.raiseInjected()
	return d, nil
}

// openTape opens a cartridge of the library and checks that it is the one its directory says: a mixup
// of directories would write one tape's data to another.
func openTape(l *Library, barcode string, readonly bool) (*image.Cartridge, error) {
	dir := l.tapeDir(barcode)
	tape, err := image.Open(dir, readonly)
	if err != nil {
		return nil, fmt.Errorf("cartridge %s: %w", barcode, err)
	}
	if got := tape.Meta().Barcode; got != barcode {
		err := errcode.New(errcode.ImageDamaged, dir, "its cartridge memory is that of %s", got)
		return nil, errors.Join(err, tape.Close())
	}
	return tape, nil
}

// driveConfig is that of drive n with its place in the library.
func (l *Library) driveConfig(n int) ssc.Config {
	c := l.Drives[n].config()
	c.Library, c.Element = l.Serial, Place{InDrive, n}.address()
	return c
}

func (c DriveConfig) config() ssc.Config {
	return ssc.Config{Generation: c.Generation, Serial: c.Serial, Vendor: c.Vendor, Product: c.Product, Revision: c.Revision, Compression: c.Compression}
}

// Exec carries out one command; see ssc.Server.
func (d *Drive) Exec(ctx context.Context, cmd *scsi.Command) error {
	if d.faults.Refresh() || d.injected != 0 {
		return d.execFaulty(ctx, cmd)
	}
	return d.server.Exec(ctx, cmd)
}

// ReadAhead may be called between commands; see ssc.Server.
func (d *Drive) ReadAhead() { d.server.ReadAhead() }

// Close makes everything durable and keeps the drive's state for the next one to open it.
func (d *Drive) Close() error {
	defer d.store.unregister(d)
	if d.observe {
		return d.closeTape()
	}
	defer d.server.ClearKeys()
	err := d.server.Flush()
	return errors.Join(err, d.closeTape(), d.keepLifetime(), d.save(false))
}

func (d *Drive) closeTape() error {
	tape := d.setTape(nil)
	if tape == nil {
		return nil
	}
	return tape.Close()
}

// setTape gives the cartridge that was in the drive before.
func (d *Drive) setTape(tape *image.Cartridge) (before *image.Cartridge) {
	d.tapeMu.Lock()
	defer d.tapeMu.Unlock()
	before, d.tape = d.tape, tape
	return before
}

func (d *Drive) hasTape() bool {
	d.tapeMu.Lock()
	defer d.tapeMu.Unlock()
	return d.tape != nil
}

// save keeps the drive's state, and its keys when it is left.
func (d *Drive) save(dirty bool) error {
	state := d.server.State()
	state.Dirty = dirty
	state.Alerts &^= d.injected // they last as long as the fault does
	state.Statistics.Raised &^= d.causes
	keys := d.store.keyFile(d.key.library, d.key.number)
	if dirty {
		err := writeVolatile(d.store.driveFile(d.key.library, d.key.number), state)
		return errors.Join(err, eraseKeys(keys))
	}
	if err := writeKeys(keys, d.server.Keys()); err != nil {
		return err
	}
	return writeVolatile(d.store.driveFile(d.key.library, d.key.number), state)
}

// insert is the robot putting a cartridge into the drive. When it fails the drive is empty.
func (d *Drive) insert(l *Library, barcode string) error {
	if err := d.refuseLoad(); err != nil {
		return err
	}
	tape, err := openTape(l, barcode, false)
	if err != nil {
		return err
	}
	if err := d.server.Insert(faultyMedium{medium{tape}, d.faults}, barcode); err != nil {
		return errors.Join(err, d.server.Remove(), tape.Close())
	}
	d.setTape(tape)
	d.faults.Loaded()
	return nil
}

// remove is the robot taking the cartridge out. When it fails the cartridge is still in the drive.
func (d *Drive) remove(l *Library, barcode string) error {
	if err := d.server.Remove(); err != nil {
		return err
	}
	if err := d.closeTape(); err != nil {
		return errors.Join(err, d.insert(l, barcode))
	}
	return nil
}

func (s *Store) register(d *Drive) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[d.key] != nil {
		return errcode.New(errcode.DeviceBusy, fmt.Sprintf("%s:%d", d.key.library, d.key.number), "this process has it open")
	}
	s.open[d.key] = d
	return nil
}

func (s *Store) unregister(d *Drive) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[d.key] == d {
		delete(s.open, d.key)
	}
}

// borrow gives the drive for a move: the one this process plays, or one made for the moment, whose
// state giveBack keeps.
func (s *Store) borrow(l *Library, n int) (d *Drive, giveBack func() error, err error) {
	s.mu.Lock()
	d = s.open[driveKey{l.Name, n}]
	s.mu.Unlock()
	if d != nil {
		return d, func() error { return nil }, nil
	}
	if d, err = s.newDrive(l, n, false); err != nil {
		return nil, nil, err
	}
	return d, d.Close, nil
}

// Nexus is the drive as one more host sees it; see ssc.Server.
func (d *Drive) Nexus(name string) scsi.Transport { return d.server.Nexus(name) }
