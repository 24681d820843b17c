package cmd

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"calypso/sys/errcode"
	"calypso/sys/proc"
	"calypso/tape"
	"calypso/tape/discover"
	"calypso/tape/scsi/sg"
	"calypso/vtl"
)

// What the host gives. Tests put other hosts there.
var (
	hostNodes = func() ([]sg.Node, error) { return sg.Nodes("/sys") }
	openNode  = func(n sg.Node) (discover.Device, error) { return sg.Open(n.Generic) }
	holdNode  = func(n sg.Node) (io.Closer, error) { return sg.OpenHold(n) }
	openersOf = func(nodes ...string) []proc.Opener { return proc.Openers("/proc", nodes...) }
)

// player plays the virtual devices of this run.
func (inv *invocation) player() *vtl.Store {
	if inv.played == nil {
		inv.played = vtl.NewStore(inv.places)
	}
	return inv.played
}

// driveTransport opens the way to a drive: here it is decided whether that is the kernel or this process.
// Unless it is only observed, a drive behind the kernel is kept from other programs.
func (inv *invocation) driveTransport(ctx context.Context, d device, observe bool) (vtl.Device, error) {
	store := inv.player()
	switch {
	case d.node != nil:
		return openHostDrive(ctx, d, observe)
	case observe:
		return store.ObserveDrive(ctx, d.library.Name, d.number)
	}
	return store.OpenDrive(ctx, d.library.Name, d.number)
}

// changerTransport is driveTransport for changers.
func (inv *invocation) changerTransport(ctx context.Context, l *library, observe bool) (vtl.Device, error) {
	store := inv.player()
	switch {
	case l.throughKernel():
		return openHostChanger(ctx, l)
	case observe:
		return store.ObserveChanger(ctx, l.Name)
	}
	return store.OpenChanger(ctx, l.Name)
}

// heldDevice is a device that other programs are kept from.
type heldDevice struct {
	discover.Device
	hold io.Closer
}

// Close lets go of both.
func (h heldDevice) Close() error { return errors.Join(h.Device.Close(), h.hold.Close()) }

// MaxTransfer is the device's own; 0 when it has none.
func (h heldDevice) MaxTransfer() int {
	if t, ok := h.Device.(interface{ MaxTransfer() int }); ok {
		return t.MaxTransfer()
	}
	return 0
}

func openHostDrive(ctx context.Context, d device, observe bool) (vtl.Device, error) {
	var hold io.Closer
	if !observe && d.node.NoRewind != "" { // without the st driver there is nobody to keep out
		var err error
		if hold, err = holdNode(*d.node); err != nil {
			return nil, err
		}
	}
	t, err := openNode(*d.node)
	if err == nil && d.serial != "" {
		err = proveSerial(ctx, t, *d.node, d.serial)
	}
	if err != nil && hold != nil {
		err = errors.Join(err, hold.Close())
	}
	if err != nil || hold == nil {
		return t, err
	}
	return heldDevice{t, hold}, nil
}

func openHostChanger(ctx context.Context, l *library) (vtl.Device, error) {
	node := l.node
	if node == nil {
		n, err := nodeBySerial(sg.Changer, l.Serial)
		if err != nil {
			return nil, absent(err, l.Name, l.Serial)
		}
		node = &n
	}
	t, err := openNode(*node)
	if err == nil && l.Serial != "" {
		err = proveSerial(ctx, t, *node, l.Serial)
	}
	return t, err
}

// proveSerial asks an open device who it is: the kernel may have given its number to another since it was
// looked up. It closes a device that is another.
func proveSerial(ctx context.Context, t discover.Device, n sg.Node, want string) error {
	got, err := discover.Serial(ctx, t, n)
	if err == nil && got != want {
		err = errcode.New(errcode.DeviceNotFound, n.Generic, "the device has serial number %q, not %q: it was replaced or renumbered", got, want)
	}
	if err != nil {
		return errors.Join(err, t.Close())
	}
	return nil
}

// nodes lists the host's tapes and changers; each has its serial number if it tells one.
func nodes() ([]sg.Node, error) {
	list, err := hostNodes()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errcode.New(errcode.DeviceUnsupported, "", "the SCSI generic driver of the kernel is not loaded").
			WithHint("'modprobe sg' loads it; a drive of a virtual library is named LIBRARY:N, e.g. vtl01:0")
	}
	for i := range list {
		if list[i].Serial == "" { // the kernel did not read it
			list[i].Serial = askSerial(list[i])
		}
	}
	return list, err
}

// askSerial asks a device; "" when it does not answer.
func askSerial(n sg.Node) string {
	t, err := openNode(n)
	if err != nil {
		return ""
	}
	defer t.Close()
	serial, err := discover.Serial(context.Background(), t, n)
	if err != nil {
		return ""
	}
	return serial
}

// nodeBySerial finds the one device of a kind with a serial number.
func nodeBySerial(kind sg.Kind, serial string) (sg.Node, error) {
	list, err := nodes()
	noDriver := errcode.Of(err) == errcode.DeviceUnsupported
	if err != nil && !noDriver {
		return sg.Node{}, err
	}
	var found []sg.Node
	for _, n := range list {
		if n.Kind == kind && n.Serial == serial {
			found = append(found, n)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return sg.Node{}, ambiguous(serial, found)
	case noDriver:
		return sg.Node{}, errcode.New(errcode.DeviceNotFound, serial, "no drive has this name or serial number, and the SCSI generic driver of the kernel is not loaded").
			WithHint("'calypso library list' shows the libraries; 'modprobe sg' shows the drives of this host")
	}
	return sg.Node{}, errcode.New(errcode.DeviceNotFound, serial, "no %s has this name or serial number", kindWord(kind)).
		WithHint("name it as LIBRARY:N; 'calypso lto list-drives' and 'calypso library list' show what there is")
}

func kindWord(k sg.Kind) string {
	if k == sg.Changer {
		return "changer"
	}
	return "drive"
}

func ambiguous(serial string, found []sg.Node) error {
	var paths []string
	for _, n := range found {
		paths = append(paths, n.Generic)
	}
	return errcode.New(errcode.DeviceAmbiguous, serial, "%s have this serial number", strings.Join(paths, " and "))
}

// nodeByPath finds the device of a node or of a link to one, such as those of /dev/tape/by-id.
func nodeByPath(kind sg.Kind, path string) (sg.Node, error) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		real = path // with its own error below
	}
	list, err := nodes()
	if err != nil {
		return sg.Node{}, errcode.Named(err, path)
	}
	i := slices.IndexFunc(list, func(n sg.Node) bool { return n.Kind == kind && n.Has(real) })
	if i >= 0 {
		return list[i], nil
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return sg.Node{}, errcode.New(errcode.DeviceNotFound, path, "no such device").WithHint("'calypso lto list-drives' shows the drives")
	}
	return sg.Node{}, errcode.New(errcode.DeviceUnsupported, path, "not the node of a %s", kindWord(kind)).
		WithHint("'calypso lto list-drives' shows the drives, 'calypso library discover' the changers")
}

// driveByPath finds the drive of a node. It is the same drive, with the same lock, under all its names.
func (inv *invocation) driveByPath(path string) (device, error) {
	node, err := nodeByPath(sg.Tape, path)
	if err != nil {
		return device{}, err
	}
	d := device{name: path, library: &library{}, serial: node.Serial, node: &node}
	if d.serial == "" {
		return d, errcode.New(errcode.DeviceUnsupported, path, "the drive tells no serial number, by which it would be known").
			WithHint("bridges that hide it cannot be used")
	}
	libraries, err := inv.libraries()
	for _, l := range libraries {
		if n := l.bayOf(d.serial); n >= 0 && l.throughKernel() {
			d.library, d.number = l, n
		}
	}
	return d, err
}

// unloadFirst makes the drive in a bay let its cartridge go, which a robot needs. A virtual drive that this
// process plays lets go by itself.
func (inv *invocation) unloadFirst(ctx context.Context, c *changer, bay tape.Element) error {
	if bay.Kind != tape.DriveBay || !c.library.throughKernel() {
		return nil
	}
	d, err := inv.bayDrive(ctx, c, bay)
	if err != nil {
		return err
	}
	return errors.Join(d.letGo(ctx), d.Close())
}

// letGo unloads the drive, if its cartridge does not lie in its mouth already.
func (d *drive) letGo(ctx context.Context) error {
	r, err := d.Ready(ctx)
	if err != nil || r.State == tape.Empty {
		return err
	}
	return d.Unload(ctx)
}

// bayDrive opens the drive of a bay, whose lock is held. The bay must hold the drive that is remembered.
func (inv *invocation) bayDrive(ctx context.Context, c *changer, bay tape.Element) (*drive, error) {
	dev, err := inv.libraryDrive(driveName(c.library.Name, bay.Number), c.library.Name, int64(bay.Number))
	if err != nil {
		return nil, err
	}
	d := &drive{device: dev}
	if err := inv.takeDrive(ctx, d); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}
