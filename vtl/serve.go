package vtl

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"calypso/sys/errcode"
	"calypso/sys/lock"
	"calypso/vtl/tcmu"
)

// ServeOptions say how a library is reached while the kernel serves it.
type ServeOptions struct {
	Host  tcmu.Host   // the kernel
	Loop  bool        // as devices of this host
	ISCSI *tcmu.ISCSI // by other hosts; nil: not. Its IQN is set here.
	// Report is told of commands that failed through no fault of the host, several devices at once, and of cartridges
	// that cannot be used. May be nil.
	Report func(unit string, err error)
}

// Service is a library that the kernel serves and this process answers for.
type Service struct {
	Library *Library
	store   *Store
	held    *lock.Lock
	devices []Device // the changer, then the drives
	served  *tcmu.Served
	iscsi   *tcmu.ISCSI
	host    tcmu.Host
	loop    bool
	report  func(unit string, err error)
	before  sample // of the status before
}

// NAA is the name of the library's target on this host: the company id of LIO, then digits of the serial.
func (l *Library) NAA() string {
	sum := sha256.Sum256([]byte(l.Serial))
	return "5001405" + hex.EncodeToString(sum[:])[:9]
}

// IQN is the name of the library's iSCSI target.
func (l *Library) IQN() string {
	return "iqn.2003-01.org.linux-iscsi.calypso:" + strings.ToLower(l.Serial)
}

// UnitNames are those of the backstores: the changer's, then the drives'.
func (l *Library) UnitNames() []string {
	names := []string{l.Name + "-changer"}
	for n := range l.Drives {
		names = append(names, fmt.Sprintf("%s-drive-%d", l.Name, n))
	}
	return names
}

// UnitSerials are the serial numbers of the units, in the same order.
func (l *Library) UnitSerials() []string {
	serials := []string{l.Serial}
	for _, d := range l.Drives {
		serials = append(serials, d.Serial)
	}
	return serials
}

func serveLock(library string) string { return "serve-" + library }

// Serving says who serves a library; nil: nobody.
func (s *Store) Serving(library string) (*lock.Holder, error) {
	return lock.Peek(s.places.RunDir, serveLock(library))
}

// NotServed refuses what would change a library behind the back of the process that serves it.
func (s *Store) NotServed(library string) error {
	s.mu.Lock()
	here := s.serving[library]
	s.mu.Unlock()
	if here {
		return nil
	}
	holder, err := s.Serving(library)
	if err != nil || holder == nil {
		return err
	}
	return errcode.New(errcode.LibraryServed, library, "served by %s", holder).
		WithHint("use its devices, which 'calypso vtl status %s' shows; what only files can change waits until it is stopped", library)
}

// Serve opens the changer and all drives of a library and puts them behind the kernel. Close ends it. What an
// earlier server left that was killed is taken away first; hosts that still wait for an answer of it get
// ABORTED COMMAND. Errors: those of OpenDrive and OpenChanger, errcode.LibraryServed, LockBusy when a device
// is in use, ToolMissing when the kernel lacks what is needed, PermissionDenied, PortalBusy.
func (s *Store) Serve(ctx context.Context, library string, o ServeOptions) (*Service, error) {
	l, err := s.Get(library)
	if err != nil {
		return nil, err
	}
	if err := s.NotServed(library); err != nil {
		return nil, err
	}
	held, err := lock.Acquire(ctx, s.places.RunDir, serveLock(library), 0)
	if err != nil {
		return nil, err
	}
	s.setServing(library, true)
	v := &Service{Library: l, store: s, held: held, iscsi: o.ISCSI, host: o.Host, loop: o.Loop, report: o.Report}
	if err := v.start(ctx, o); err != nil {
		return nil, errors.Join(err, v.Close())
	}
	return v, nil
}

func (s *Store) setServing(library string, on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.serving == nil {
		s.serving = map[string]bool{}
	}
	s.serving[library] = on
}

// leftWait is how long who waited for the answer of a server that was killed has to end.
const leftWait = 30 * time.Second

func (v *Service) start(ctx context.Context, o ServeOptions) error {
	loop := tcmu.Loopback{NAA: v.Library.NAA()}
	names, serials := v.Library.UnitNames(), v.Library.UnitSerials()
	// What is left goes first: a command of this program that waits for an answer of the server that was killed
	// holds the lock of its drive until it has one.
	patience := time.Duration(0)
	if tcmu.Left(o.Host, names) {
		patience = leftWait
	}
	if err := v.Library.clearServed(o.Host); err != nil {
		return err
	}
	if err := v.open(ctx, patience); err != nil {
		return err
	}
	var exports []tcmu.Export
	if o.Loop {
		exports = append(exports, loop)
	}
	if o.ISCSI != nil {
		o.ISCSI.IQN = v.Library.IQN()
		exports = append(exports, o.ISCSI)
	}
	var units []tcmu.Unit
	for i, d := range v.devices {
		unit := tcmu.Unit{Name: names[i], Serial: serials[i], Transport: d}
		if o.Report != nil {
			unit.Report = func(err error) { o.Report(unit.Name, err) }
		}
		units = append(units, unit)
	}
	var err error
	v.served, err = tcmu.Start(ctx, o.Host, v.Library.Name, units, exports...)
	return err
}

// clearServed takes away what a server of the library left in the kernel that was killed.
func (l *Library) clearServed(h tcmu.Host) error {
	err := tcmu.Clear(h, l.Name, l.UnitNames(), tcmu.Loopback{NAA: l.NAA()}, &tcmu.ISCSI{IQN: l.IQN()})
	if errors.Is(err, fs.ErrPermission) {
		return errcode.New(errcode.PermissionDenied, l.Name, "a server of the library was killed and left its devices in the kernel: %w", err).
			WithHint("run it as root")
	}
	if err != nil {
		return fmt.Errorf("take away what an earlier server left: %w", err)
	}
	return nil
}

// open opens the devices while it holds their locks, so that nobody else plays one of them. Then the locks
// are free for who uses the devices through the kernel: the lock of the server keeps others from playing.
func (v *Service) open(ctx context.Context, patience time.Duration) (err error) {
	for i, serial := range v.Library.UnitSerials() {
		name := "drive-" + serial
		if i == 0 {
			name = "changer-" + serial
		}
		l, e := lock.Acquire(ctx, v.store.places.RunDir, name, patience)
		if e != nil {
			return e
		}
		defer func() { err = errors.Join(err, l.Release()) }()
	}
	changer, err := v.store.OpenChanger(ctx, v.Library.Name)
	if err != nil {
		return err
	}
	v.devices = append(v.devices, changer)
	for n := range v.Library.Drives {
		if err := v.openDrive(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

// openDrive opens a drive with whatever is in it: a cartridge that cannot be used must not keep the others from their
// hosts, and is taken out by the robot.
func (v *Service) openDrive(ctx context.Context, n int) error {
	d, err := v.store.driveOf(ctx, v.Library.Name, n, false)
	if err == nil {
		err = v.store.play(d)
	}
	if err != nil {
		return err
	}
	v.devices = append(v.devices, d)
	if d.damaged != nil && v.report != nil {
		v.report(v.Library.UnitNames()[1+n], d.damaged)
	}
	return nil
}

// Wait returns when a device can no longer be served, with the reason, or nil when ctx is done.
func (v *Service) Wait(ctx context.Context) error { return v.served.Wait(ctx) }

// Close takes the devices away from the kernel, then makes everything durable.
func (v *Service) Close() error {
	var errs []error
	if v.served != nil {
		errs = append(errs, v.served.Close())
	}
	for i := len(v.devices) - 1; i >= 0; i-- {
		errs = append(errs, v.devices[i].Close())
	}
	v.store.setServing(v.Library.Name, false)
	return errors.Join(append(errs, v.store.removeStatus(v.Library.Name), v.held.Release())...)
}

func (s *Store) statusFile(library string) string {
	return filepath.Join(s.runDir(library), "serve.json")
}
