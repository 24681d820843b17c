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
	"calypso/tape/archive"
	"calypso/tape/catalog"
	"calypso/tape/scsi"
	"calypso/tape/scsi/sg"
	"calypso/vtl"
)

// driveFlag names the drive a verb works on.
func driveFlag() flag {
	return stringFlag("drive", "DEVICE", "the drive: LIBRARY:N, a node or its serial number; default $TAPE, then the configured drive").
		Short("f").Env("TAPE").Setting("drive")
}

// device is a drive as a name led to it.
type device struct {
	name    string   // "vtl01:0"; the node or serial number of a drive that is in no library
	library *library // the zero library when none is known
	number  int      // of the drive in the library
	serial  string
	node    *sg.Node // where the kernel has it; nil: this process plays it
}

// playedHere says that each process plays the drive for itself: what it does for another one, and where
// its tape is then, cannot be seen. A drive behind the kernel is one for all.
func (d device) playedHere() bool { return d.node == nil }

func (d device) lockName() string { return "drive-" + d.serial }

// findDrive finds the drive that --drive names, or that the verb named itself.
func (inv *invocation) findDrive() (device, error) {
	name := inv.deviceName
	if name == "" {
		name = inv.str("drive")
	}
	if name == "" {
		return device{}, usageErrorf("no drive was named").WithHint("name it with -f LIBRARY:N, with $TAPE, or with 'drive:' in the configuration file")
	}
	if library, number, ok := cutDriveName(name); ok {
		return inv.libraryDrive(name, library, number)
	}
	if library, number, ok := strings.Cut(name, ":"); ok && !strings.HasPrefix(name, "/") {
		return device{}, usageErrorf("%q is no drive: %q is not the number of one of %s, in decimal from 0", name, number, library)
	}
	if strings.HasPrefix(name, "/") {
		return inv.driveByPath(name)
	}
	return inv.driveBySerial(name)
}

// cutDriveName splits LIBRARY:N; N is decimal without leading zeros.
func cutDriveName(name string) (library string, number int64, ok bool) {
	i := strings.LastIndexByte(name, ':')
	if i <= 0 || name[0] == '/' {
		return "", 0, false
	}
	number, err := parseInt(name[i+1:])
	return name[:i], number, err == nil && number >= 0
}

func (inv *invocation) libraryDrive(name, library string, number int64) (device, error) {
	lib, err := inv.findLibrary(library)
	if err != nil {
		return device{}, err
	}
	serial, err := lib.driveSerial(name, number)
	if err != nil {
		return device{}, err
	}
	return inv.located(device{name: name, library: lib, number: int(number), serial: serial})
}

func (inv *invocation) driveBySerial(serial string) (device, error) {
	libraries, err := inv.libraries()
	if err != nil {
		return device{}, err
	}
	for _, lib := range libraries {
		if n := lib.bayOf(serial); n >= 0 {
			return inv.located(device{name: fmt.Sprintf("%s:%d", lib.Name, n), library: lib, number: n, serial: serial})
		}
	}
	node, err := nodeBySerial(sg.Tape, serial)
	if err != nil {
		return device{}, err
	}
	return device{name: serial, library: &library{}, serial: serial, node: &node}, nil
}

// located finds the node of a drive that is reached through the kernel.
func (inv *invocation) located(d device) (device, error) {
	if !d.library.throughKernel() {
		return d, nil
	}
	node, err := nodeBySerial(sg.Tape, d.serial)
	if err != nil {
		return d, absent(err, d.name, d.serial)
	}
	d.node = &node
	return d, nil
}

// absent is the error for a device that is known by name and not found by its serial number.
func absent(err error, name, serial string) error {
	if errcode.Of(err) != errcode.DeviceNotFound {
		return err
	}
	return errcode.New(errcode.DeviceNotFound, name, "no device of this host has serial number %s now", serial).
		WithHint("check power, cable and, over iSCSI, the login; 'modprobe sg' if there is no /dev/sg node at all; 'calypso lto list-drives' shows what there is")
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
	if inv.deviceName == "" { // else the verb works on something else, with the drive
		inv.setObject(dev.name)
	}
	held, err := lock.Acquire(ctx, inv.places.RunDir, dev.lockName(), inv.lockTimeout())
	if err != nil {
		return nil, err
	}
	d := &drive{device: dev, closers: []func() error{held.Release}}
	err = inv.takeDrive(ctx, d)
	if err == nil {
		err = inv.reserve(ctx, &d.Drive.Unit, &d.closers)
	}
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// takeDrive opens a drive whose lock is held, for use.
func (inv *invocation) takeDrive(ctx context.Context, d *drive) error {
	transport, err := inv.driveTransport(ctx, d.device, false)
	if err != nil {
		return err
	}
	inv.warnOf(transport)
	d.attach(transport)
	return nil
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
	transport, err := inv.driveTransport(ctx, dev, true)
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

// Medium is what is known of the cartridge: what its memory does not tell the library may.
func (d *drive) Medium(ctx context.Context) (tape.Medium, error) {
	m, err := d.Drive.Medium(ctx)
	if err == nil && m.Barcode == "" && d.node != nil {
		m.Barcode = d.library.LoadedIn(d.number)
	}
	return m, err
}

// watermarks say when the drive runs. A virtual one never stops its tape, whether this process plays it or another
// one behind the kernel.
func (d *drive) watermarks() archive.Watermarks {
	return archive.Watermarks{Off: d.node == nil || d.library.virtual != nil}
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
	library *library
	closers
	pretended *tape.Inventory // of a dry run
}

// openChanger takes the lock of the changer, then those of the drives, in the order that all
// commands keep, and opens the changer.
func (inv *invocation) openChanger(ctx context.Context, name string, drives ...int) (*changer, error) {
	lib, err := inv.findLibrary(name)
	if err != nil {
		return nil, err
	}
	if err := lib.mayMove(); err != nil {
		return nil, err
	}
	names := []string{"changer-" + lib.Serial}
	for _, n := range drives {
		if serial, err := lib.driveSerial(name, int64(n)); err == nil { // the changer refuses the others by name
			names = append(names, device{serial: serial}.lockName())
		}
	}
	held, err := inv.lockAll(ctx, names...)
	if err != nil {
		return nil, err
	}
	c := &changer{library: lib, closers: closers{held.Close}}
	err = inv.takeChanger(ctx, c, false)
	if err == nil {
		err = inv.reserveRobot(ctx, c, drives)
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// observeChanger opens the changer without a lock, to look.
func (inv *invocation) observeChanger(ctx context.Context, name string) (*changer, error) {
	lib, err := inv.findLibrary(name)
	if err != nil {
		return nil, err
	}
	c := &changer{library: lib}
	return c, inv.takeChanger(ctx, c, true)
}

func (inv *invocation) takeChanger(ctx context.Context, c *changer, observe bool) error {
	t, err := inv.changerTransport(ctx, c.library, observe)
	if err != nil {
		return err
	}
	c.Changer = tape.NewChanger(t)
	c.Changer.Name = c.library.Name
	c.closers = append(c.closers, t.Close)
	return nil
}

// catalog is what is known of the cartridges.
func (inv *invocation) catalog() *catalog.Store {
	return catalog.NewStore(filepath.Join(inv.places.StateDir, "media"))
}

// holderDoc says in JSON who uses a device.
type holderDoc struct {
	PID     int        `json:"pid"`
	Command string     `json:"command"`
	Since   *time.Time `json:"since"` // null: it is no calypso, which would have said
}

func newHolderDoc(h *lock.Holder) *holderDoc {
	if h == nil {
		return nil
	}
	doc := &holderDoc{PID: h.PID, Command: h.Command}
	if !h.Since.IsZero() {
		doc.Since = &h.Since
	}
	return doc
}

func (h *holderDoc) String() string {
	text := fmt.Sprintf("pid %d (%s)", h.PID, h.Command)
	if h.Since != nil {
		text += " since " + cell(h.Since)
	}
	return text
}
