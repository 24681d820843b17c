package tcmu

import (
	"context"
	"errors"
	"fmt"

	"calypso/tape/scsi"
)

// Unit is a device server to be put behind the kernel.
type Unit struct {
	Name      string // unique on this host, without slashes and commas
	Serial    string // of its own
	Transport scsi.Transport
	Report    func(error) // told of commands that failed through no fault of the host; may be nil
}

// Export is a way to reach units: Loopback, ISCSI.
type Export interface {
	create(h Host, backstores []string) error
	destroy(h Host) error
}

// Served is a set of units that the kernel serves.
type Served struct {
	host    Host
	units   []Unit
	devices []*Device
	exports []Export
	cancel  context.CancelFunc
	done    chan error
}

// Start puts units behind the kernel: the first is logical unit 0. Clear comes before it. Close ends it; Wait
// says when it ended by itself.
func Start(ctx context.Context, h Host, library string, units []Unit, exports ...Export) (*Served, error) {
	s := &Served{host: h, units: units, exports: exports, done: make(chan error, len(units))}
	ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	if err := s.start(ctx, library); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Served) start(ctx context.Context, library string) error {
	var names []string
	for _, u := range s.units {
		d, err := s.host.create(library, u.Name, u.Serial)
		if err != nil {
			return err
		}
		s.devices = append(s.devices, d)
		names = append(names, u.Name)
		// The kernel asks for the identity of a unit while it is being exported.
		d.report = u.Report
		go func() { s.done <- s.serve(ctx, d, u) }()
	}
	for _, e := range s.exports {
		if err := e.create(s.host, names); err != nil {
			return err
		}
	}
	return nil
}

// serve answers the commands of a unit. When that fails the kernel is told to fail them itself: who waits
// for an answer would wait for ever.
func (s *Served) serve(ctx context.Context, d *Device, u Unit) error {
	err := d.Serve(ctx, u.Transport)
	if err != nil {
		err = errors.Join(fmt.Errorf("serve %s: %w", u.Name, err), s.host.fail(u.Name))
	}
	return err
}

// Wait returns when a unit can no longer be served, with the reason, or nil when ctx is done.
func (s *Served) Wait(ctx context.Context) error {
	select {
	case err := <-s.done:
		s.done <- err // Close counts the ends
		return err
	case <-ctx.Done():
		return nil
	}
}

// Counters gives those of each unit, in the order of Start.
func (s *Served) Counters() []Counters {
	var all []Counters
	for _, d := range s.devices {
		all = append(all, d.Counters())
	}
	return all
}

// Close takes the exports away, so that no new command comes, then the units and their backstores. The
// transports stay open: they are their owner's.
func (s *Served) Close() error {
	var errs []error
	for _, e := range s.exports {
		errs = append(errs, e.destroy(s.host))
	}
	s.cancel()
	for range s.devices {
		errs = append(errs, <-s.done)
	}
	for i, d := range s.devices {
		errs = append(errs, d.Close(), s.host.destroy(s.units[i].Name))
	}
	s.devices = nil
	return errors.Join(errs...)
}
