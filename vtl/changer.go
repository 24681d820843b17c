package vtl

import (
	"context"
	"fmt"

	"calypso/sys/errcode"
	"calypso/tape/scsi"
	"calypso/vtl/fault"
	"calypso/vtl/image"
	"calypso/vtl/smc"
	"calypso/vtl/spc"
	"calypso/vtl/ssc"
)

// Changer is the changer of a virtual library that this process plays: a scsi.Transport. Close it, or
// the next one to open it finds it as after a power cycle.
type Changer struct {
	server  *smc.Server
	store   *Store
	library string
	observe bool

	faults *fault.Live   // injected
	hidden []fault.Fault // those of them for which labels are hidden
}

var _ Device = (*Changer)(nil)

// OpenChanger plays the changer of a library. The caller holds its lock, and that of a drive before
// it moves a cartridge to or from it. A move is durable before Exec returns.
func (s *Store) OpenChanger(ctx context.Context, library string) (Device, error) {
	if err := s.NotServed(library); err != nil {
		return nil, err
	}
	c, err := s.changerOf(ctx, library, false)
	if err == nil {
		err = c.save(true)
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// ObserveChanger plays the changer for looking only: it needs no lock and changes nothing.
func (s *Store) ObserveChanger(ctx context.Context, library string) (Device, error) {
	c, err := s.changerOf(ctx, library, true)
	if err != nil {
		return nil, err
	}
	return c, nil
}

func (s *Store) changerOf(ctx context.Context, library string, observe bool) (*Changer, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	l, err := s.Get(library)
	if err != nil {
		return nil, err
	}
	faults, err := s.liveFaults(library, -1, observe)
	if err != nil {
		return nil, err
	}
	hidden := faults.Of(fault.UnreadableBarcode)
	inventory, err := l.readable(hidden)
	if err != nil {
		return nil, err
	}
	state := readVolatile[smc.State](s.changerFile(library))
	if state != nil && observe {
		state.Dirty = false // another process may be using the changer: that is no power cycle
	}
	config := smc.Config{
		Serial: l.Serial, Vendor: l.Vendor, Product: l.Product, Revision: l.Revision, State: state, Observe: observe,
	}
	server, err := smc.New(config, inventory, faultyMover{robot{s, library}, faults})
	if err != nil {
		return nil, err
	}
	return &Changer{server, s, library, observe, faults, hidden}, nil
}

// inventory is what the changer sees of the library.
func (l *Library) inventory() (smc.Inventory, error) {
	identities := make([]spc.Identity, len(l.Drives))
	for i, d := range l.Drives {
		drive, err := ssc.New(d.config(), nil)
		if err != nil {
			return smc.Inventory{}, err
		}
		identities[i] = drive.Identity()
	}
	inventory, err := smc.NewInventory(identities, l.Slots, l.IOSlots)
	if err != nil {
		return smc.Inventory{}, err
	}
	for _, c := range l.Cartridges {
		e, ok := inventory.Element(c.At.address())
		if !ok {
			return smc.Inventory{}, fmt.Errorf("library %s: no element for %s", l.Name, c.At)
		}
		e.Full, e.Barcode, e.Source, e.Medium = true, c.Barcode, c.Home.address(), mediumType(c.Barcode)
		e.ByOperator = c.At.Kind == MailSlot && c.Home == c.At // the robot's cartridges come from elsewhere
	}
	return inventory, nil
}

func mediumType(barcode string) smc.MediumType {
	if IsCleaning(barcode) {
		return smc.CleaningMedium
	}
	if _, worm, ok := image.GenerationByMediaID(barcode[volumeLength:]); ok && worm {
		return smc.WORMMedium
	}
	return smc.DataMedium
}

// Exec carries out one command; see smc.Server.
func (c *Changer) Exec(ctx context.Context, cmd *scsi.Command) error {
	c.relabel()
	return injectedSense(cmd.CDB, c.server.Exec(ctx, cmd))
}

// Close keeps the changer's state for the next one to open it.
func (c *Changer) Close() error {
	if c.observe {
		return nil
	}
	return c.save(false)
}

func (c *Changer) save(dirty bool) error {
	state := c.server.State()
	state.Dirty = dirty
	return writeVolatile(c.store.changerFile(c.library), state)
}

// robot moves cartridges.
type robot struct {
	store   *Store
	library string
}

// Move is smc.Mover. The drives let go of the cartridge and take it in before the library's file is
// written, for they can refuse; when anything fails they are put back as they were. A crash in between
// leaves the cartridge where the file says, and the drives see for themselves what is in them.
func (r robot) Move(ctx context.Context, src, dst uint16) error {
	l, err := r.store.Get(r.library)
	if err != nil {
		return err
	}
	from, to := placeOf(src), placeOf(dst)
	c, ok := l.At(from)
	if !ok {
		return fmt.Errorf("library %s: %s is empty", l.Name, from)
	}
	if err := l.fits(c.Barcode, to); err != nil {
		return err
	}
	return r.carry(ctx, l, leg{c.Barcode, from, to})
}

// fits refuses a cartridge that the drive it shall go to cannot read, while it is still in its place.
func (l *Library) fits(barcode string, to Place) error {
	generation, _, err := CheckBarcode(barcode)
	if err != nil || to.Kind != InDrive || IsCleaning(barcode) {
		return err
	}
	drive := l.Drives[to.Number].Generation
	if reads, _ := ssc.Compatible(drive, generation.Name); !reads {
		return errcode.New(errcode.MediaIncompatible, barcode, "%s cartridge, %s drive: %w", generation.Name, drive, spc.ErrIncompatible)
	}
	return nil
}

// Nexus is the changer as one more host sees it; see smc.Server.
func (c *Changer) Nexus(name string) scsi.Transport { return c.server.Nexus(name) }
