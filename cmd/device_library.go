package cmd

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"calypso/sys/errcode"
	"calypso/tape"
	"calypso/tape/discover"
	"calypso/tape/scsi/sg"
	"calypso/vtl"
)

// library is a library of either kind: virtual, or of the host. The zero library stands for none.
type library struct {
	Name     string
	Serial   string            // of the changer
	virtual  *vtl.Library      // nil: not virtual
	hardware *discover.Library // nil: not remembered
	node     *sg.Node          // of a changer that is not remembered
	served   bool              // the virtual library is served through the kernel
	unclear  error             // why it cannot be said whether the robot may be moved
}

func (inv *invocation) virtualLibrary(l *vtl.Library) *library {
	// Who serves a library holds a lock. One that cannot be looked at is met again when a device is opened.
	server, err := inv.player().Serving(l.Name)
	return &library{Name: l.Name, Serial: l.Serial, virtual: l, served: err == nil && server != nil}
}

func hardwareLibrary(l *discover.Library) *library {
	return &library{Name: l.Name, Serial: l.Serial, hardware: l}
}

// hardware is where the libraries of the host are remembered.
func (inv *invocation) hardware() discover.Store {
	return discover.NewStore(filepath.Join(inv.places.StateDir, "hardware"))
}

// findLibrary finds a library by its name; a changer of the host also by its node or serial number.
func (inv *invocation) findLibrary(name string) (*library, error) {
	if strings.HasPrefix(name, "/") {
		return inv.changerByPath(name)
	}
	l, err := vtl.NewStore(inv.places).Get(name)
	if err == nil {
		return inv.virtualLibrary(l), nil
	}
	if code := errcode.Of(err); code != errcode.LibraryNotFound && code != errcode.NameInvalid {
		return nil, err
	}
	remembered, hardErr := inv.hardware().Get(name)
	if hardErr == nil {
		return hardwareLibrary(remembered), nil
	}
	if errcode.Of(hardErr) != errcode.LibraryNotFound {
		return nil, hardErr
	}
	node, nodeErr := nodeBySerial(sg.Changer, name)
	switch {
	case nodeErr == nil:
		return inv.changerAt(node)
	case errcode.Of(nodeErr) == errcode.DeviceAmbiguous:
		return nil, nodeErr
	}
	return nil, err
}

// changerByPath finds the library of a changer's node.
func (inv *invocation) changerByPath(path string) (*library, error) {
	node, err := nodeByPath(sg.Changer, path)
	if err != nil {
		return nil, err
	}
	return inv.changerAt(node)
}

// changerAt is the library of a node: one that is known by the serial number, else a stranger.
func (inv *invocation) changerAt(node sg.Node) (*library, error) {
	list, err := inv.libraries()
	if err != nil {
		return nil, err
	}
	for _, l := range list {
		if node.Serial != "" && l.Serial == node.Serial {
			return l, nil
		}
	}
	l := &library{Name: node.Generic, Serial: node.Serial, node: &node}
	c, err := inv.configuration()
	if err == nil && c.MayMove(node.Serial) {
		err = l.join(inv.ctx)
	}
	l.unclear = err // a look does not need it
	return l, nil
}

// join finds out which drive is in which bay of a library that is not remembered: as much is known of it then.
func (l *library) join(ctx context.Context) error {
	list, err := nodes()
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(n sg.Node) bool { return n.Kind == sg.Changer && n.Generic != l.node.Generic })
	for _, c := range discover.Scan(ctx, list, openNode).Changers {
		joined, err := c.Remember(l.Name, time.Now())
		if err != nil {
			return err
		}
		l.hardware = &joined
	}
	return nil
}

// libraries are all that are known: the virtual ones, then those of the host.
func (inv *invocation) libraries() ([]*library, error) {
	virtual, err := vtl.NewStore(inv.places).List()
	remembered, hardErr := inv.hardware().List()
	var list []*library
	for _, l := range virtual {
		list = append(list, inv.virtualLibrary(l))
	}
	for _, l := range remembered {
		list = append(list, hardwareLibrary(l))
	}
	return list, errors.Join(err, hardErr)
}

// throughKernel says whether its devices are reached through the kernel.
func (l *library) throughKernel() bool { return l.virtual == nil || l.served }

// mayMove refuses a robot that nobody said is ours: a chassis that is shared shows the cartridges of others.
func (l *library) mayMove() error {
	switch {
	case l.unclear != nil:
		return l.unclear
	case l.node == nil || l.hardware != nil:
		return nil
	}
	return errcode.New(errcode.LibraryNotRemembered, l.Name, "the changer with serial number %s may be another's", cell(orNull(l.Serial))).
		WithHint("'calypso library discover --write' makes it known as yours; so does its serial number below 'changers:' in the configuration file")
}

// driveSerial is the serial number of a drive; errcode.DriveNotFound without one.
func (l *library) driveSerial(name string, number int64) (string, error) {
	switch {
	case l.virtual != nil && number >= 0 && number < int64(len(l.virtual.Drives)):
		return l.virtual.Drives[number].Serial, nil
	case l.virtual != nil:
		return "", errcode.New(errcode.DriveNotFound, name, "library %s has %s, from 0 on", l.Name, counted(len(l.virtual.Drives), "drive"))
	case l.hardware != nil:
		if d, ok := l.hardware.Drive(int(number)); ok {
			return d.Serial, nil
		}
	}
	return "", errcode.New(errcode.DriveNotFound, name, "which drive is in bay %d of library %s is not known", number, l.Name).
		WithHint("'calypso library discover' shows which are, and why others are not")
}

// bayOf is the number of a drive; -1 when it is not in the library.
func (l *library) bayOf(serial string) int {
	if l.hardware != nil {
		return l.hardware.BayOf(serial)
	}
	if l.virtual != nil {
		for n, d := range l.virtual.Drives {
			if d.Serial == serial {
				return n
			}
		}
	}
	return -1
}

// LoadedIn is the barcode of the cartridge in a drive; "" when there is none or nobody knows.
func (l *library) LoadedIn(drive int) string {
	switch {
	case l.virtual != nil:
		return l.virtual.LoadedIn(drive)
	case l.hardware != nil:
		return l.askLoaded(context.Background(), drive)
	}
	return ""
}

// askLoaded asks the changer. It is asked on the way to something else, so its errors count as not known, as does
// what is in a bay whose drive is another by now.
func (l *library) askLoaded(ctx context.Context, drive int) string {
	t, err := openHostChanger(ctx, l)
	if err != nil {
		return ""
	}
	defer t.Close()
	v, err := tape.NewChanger(t).Inventory(ctx)
	if err != nil {
		return ""
	}
	e, err := v.Find(tape.DriveBay, drive)
	if err != nil || l.checkBay(e) != nil {
		return ""
	}
	return e.Barcode
}
