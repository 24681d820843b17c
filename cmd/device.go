package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"calypso/sys/errcode"
	"calypso/sys/lock"
	"calypso/tape"
	"calypso/tape/catalog"
	"calypso/tape/scsi"
	"calypso/vtl"
)

// driveFlag names the drive a verb works on.
func driveFlag() flag {
	return stringFlag("drive", "DEVICE", "the drive: LIBRARY:N or its serial number; default $TAPE, then the configured drive").
		Short("f").Env("TAPE").Setting("drive")
}

// device is a drive of a library as a name led to it.
type device struct {
	name    string // "vtl01:0"
	library *vtl.Library
	number  int
	serial  string
}

func (d device) lockName() string { return "drive-" + d.serial }

// findDrive finds the drive that --drive names.
func (inv *invocation) findDrive() (device, error) {
	name := inv.str("drive")
	if name == "" {
		return device{}, usageErrorf("no drive was named").WithHint("name it with -f LIBRARY:N, with $TAPE, or with 'drive:' in the configuration file")
	}
	store := vtl.NewStore(inv.places)
	if library, number, ok := cutDriveName(name); ok {
		return libraryDrive(store, name, library, number)
	}
	if library, number, ok := strings.Cut(name, ":"); ok && !strings.HasPrefix(name, "/") {
		return device{}, usageErrorf("%q is no drive: %q is not the number of one of %s, in decimal from 0", name, number, library)
	}
	if strings.HasPrefix(name, "/") {
		return device{}, errcode.New(errcode.DeviceUnsupported, name, "this version drives the drives of virtual libraries only").
			WithHint("name it as LIBRARY:N, e.g. vtl01:0")
	}
	return driveBySerial(store, name)
}

// cutDriveName splits LIBRARY:N; N is decimal without leading zeros.
func cutDriveName(name string) (library string, number int64, ok bool) {
	i := strings.LastIndexByte(name, ':')
	if i <= 0 {
		return "", 0, false
	}
	number, err := parseInt(name[i+1:])
	return name[:i], number, err == nil && number >= 0
}

func libraryDrive(store *vtl.Store, name, library string, number int64) (device, error) {
	lib, err := store.Get(library)
	if err != nil {
		return device{}, err
	}
	if number >= int64(len(lib.Drives)) {
		return device{}, errcode.New(errcode.DriveNotFound, name, "library %s has %s, from 0 on", library, counted(len(lib.Drives), "drive"))
	}
	return device{name, lib, int(number), lib.Drives[number].Serial}, nil
}

func driveBySerial(store *vtl.Store, serial string) (device, error) {
	libraries, err := store.List()
	if err != nil {
		return device{}, err
	}
	for _, lib := range libraries {
		for n, d := range lib.Drives {
			if d.Serial == serial {
				return device{fmt.Sprintf("%s:%d", lib.Name, n), lib, n, serial}, nil
			}
		}
	}
	return device{}, errcode.New(errcode.DeviceNotFound, serial, "no drive has this name or serial number").
		WithHint("name it as LIBRARY:N; 'calypso library list' shows the libraries")
}

// drive is an open drive. Close releases it and gives its lock back.
type drive struct {
	*tape.Drive
	device
	closers
	keyed *tape.Keyed // nil: the verb opens no keys
	ring  *keyring
}

// writable refuses a cartridge whose write-protect switch is on.
func (d *drive) writable(m tape.Medium) error {
	if m.WriteProtected {
		return errcode.New(errcode.TapeWriteProtected, d.name, "cartridge %s is write-protected", cell(m.Barcode))
	}
	return nil
}

// closers end the use of a device: the transport, then its locks, the last that was opened first.
type closers []func() error

// Close runs them once. Its error matters: the medium is made durable here.
func (c *closers) Close() error {
	var errs []error
	for i := len(*c) - 1; i >= 0; i-- {
		errs = append(errs, (*c)[i]())
	}
	*c = nil
	return errors.Join(errs...)
}

// openDrive takes the lock of the drive and opens it.
func (inv *invocation) openDrive(ctx context.Context) (*drive, error) {
	dev, err := inv.findDrive()
	if err != nil {
		return nil, err
	}
	inv.setObject(dev.name)
	held, err := lock.Acquire(ctx, inv.places.RunDir, dev.lockName(), inv.lockTimeout())
	if err != nil {
		return nil, err
	}
	d := &drive{device: dev, closers: []func() error{held.Release}}
	transport, err := vtl.NewStore(inv.places).OpenDrive(ctx, dev.library.Name, dev.number)
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	inv.warnOf(transport)
	d.attach(transport)
	return d, nil
}

// observeDrive opens the drive without its lock and without leaving a trace: for verbs that only
// look. holder is who uses the drive at present, nil for nobody; while somebody does, the position
// that is seen is not his.
func (inv *invocation) observeDrive(ctx context.Context) (d *drive, holder *lock.Holder, err error) {
	dev, err := inv.findDrive()
	if err != nil {
		return nil, nil, err
	}
	inv.setObject(dev.name)
	if holder, err = lock.Peek(inv.places.RunDir, dev.lockName()); err != nil {
		return nil, nil, err
	}
	transport, err := vtl.NewStore(inv.places).ObserveDrive(ctx, dev.library.Name, dev.number)
	if err != nil {
		return nil, nil, err
	}
	d = &drive{device: dev}
	d.attach(transport)
	return d, holder, nil
}

// transportOf is what the commands for a drive go through; tests put other devices there.
var transportOf = func(t vtl.Device) scsi.Transport { return t }

func (d *drive) attach(t vtl.Device) {
	d.Drive = tape.NewDrive(transportOf(t))
	d.Drive.Name = d.name
	d.closers = append(d.closers, t.Close)
}

// loadedDrive is openDrive for verbs that need a cartridge which is ready.
func (inv *invocation) loadedDrive(ctx context.Context) (*drive, tape.Medium, error) {
	if err := inv.checkUnlockFlags(); err != nil {
		return nil, tape.Medium{}, err
	}
	d, err := inv.openDrive(ctx)
	if err != nil {
		return nil, tape.Medium{}, err
	}
	err = d.notLoaded(d.WaitReady(ctx))
	var m tape.Medium
	if err == nil {
		m, err = d.Medium(ctx)
	}
	if err != nil {
		return nil, m, errors.Join(err, d.Close())
	}
	d.useKeys(inv)
	return d, m, nil
}

// notLoaded makes the refusal of an empty drive clear when a cartridge lies in its mouth, unloaded.
func (d *drive) notLoaded(err error) error {
	barcode := d.library.LoadedIn(d.number)
	if errcode.Of(err) != errcode.DriveEmpty || barcode == "" {
		return err
	}
	return errcode.New(errcode.TapeNotReady, d.name, "cartridge %s is in the drive but was unloaded: %w", barcode, err).
		WithHint("'calypso library unload %s --drive %d' puts it away, 'calypso library load' loads it again", d.library.Name, d.number)
}

// closeInto closes c when a verb ends and keeps its error if the verb had none.
func closeInto(err *error, c io.Closer) {
	if e := c.Close(); e != nil {
		*err = errors.Join(*err, e)
	}
}

// changer is an open changer with its lock, and those of the drives it will touch.
type changer struct {
	*tape.Changer
	library *vtl.Library
	closers
	pretended *tape.Inventory // of a dry run
}

// openChanger takes the lock of the changer, then those of the drives, in the order that all
// commands keep, and opens the changer.
func (inv *invocation) openChanger(ctx context.Context, name string, drives ...int) (*changer, error) {
	lib, err := vtl.NewStore(inv.places).Get(name)
	if err != nil {
		return nil, err
	}
	c := &changer{library: lib}
	names := []string{"changer-" + lib.Serial}
	for _, n := range drives {
		if n >= 0 && n < len(lib.Drives) { // the changer refuses the others by name
			names = append(names, device{serial: lib.Drives[n].Serial}.lockName())
		}
	}
	held, err := inv.lockAll(ctx, names...)
	if err != nil {
		return nil, err
	}
	c.closers = append(c.closers, held.Close)
	transport, err := vtl.NewStore(inv.places).OpenChanger(ctx, name)
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	c.attach(transport)
	return c, nil
}

// observeChanger opens the changer without a lock, to look.
func (inv *invocation) observeChanger(ctx context.Context, name string) (*changer, error) {
	lib, err := vtl.NewStore(inv.places).Get(name)
	if err != nil {
		return nil, err
	}
	transport, err := vtl.NewStore(inv.places).ObserveChanger(ctx, name)
	if err != nil {
		return nil, err
	}
	c := &changer{library: lib}
	c.attach(transport)
	return c, nil
}

func (c *changer) attach(t vtl.Device) {
	c.Changer = tape.NewChanger(t)
	c.Changer.Name = c.library.Name
	c.closers = append(c.closers, t.Close)
}

// catalog is what is known of the cartridges.
func (inv *invocation) catalog() *catalog.Store {
	return catalog.NewStore(filepath.Join(inv.places.StateDir, "media"))
}

// holderDoc says in JSON who uses a device.
type holderDoc struct {
	PID     int       `json:"pid"`
	Command string    `json:"command"`
	Since   time.Time `json:"since"`
}

func newHolderDoc(h *lock.Holder) *holderDoc {
	if h == nil {
		return nil
	}
	return &holderDoc{h.PID, h.Command, h.Since}
}
