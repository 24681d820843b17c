package tcmu

import (
	"context"
	"errors"

	"calypso/tape/scsi"
)

// Clear takes away exports and backstores of these names that a killed process of the same library left. A
// host may wait for commands that it had sent: they are answered with ABORTED COMMAND, since the kernel does
// not let a backstore go before. What is not there is no error.
func Clear(h Host, library string, backstores []string, exports ...Export) error {
	answerer, err := answerLeft(h, library, backstores)
	errs := []error{err}
	for _, e := range exports {
		errs = append(errs, e.destroy(h))
	}
	errs = append(errs, answerer.end())
	for _, b := range backstores {
		errs = append(errs, h.destroy(b))
	}
	return errors.Join(errs...)
}

// leftovers answer for devices without a server.
type leftovers struct {
	cancel context.CancelFunc
	ended  chan error
	begun  int
}

func answerLeft(h Host, library string, backstores []string) (*leftovers, error) {
	ctx, cancel := context.WithCancel(context.Background())
	l := &leftovers{cancel: cancel, ended: make(chan error, len(backstores))}
	var errs []error
	for _, b := range backstores {
		if _, _, err := find(h.Sysfs, b, config(library)); err != nil {
			continue
		}
		d, err := h.open(library, b)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		l.begun++
		go func() { l.ended <- errors.Join(d.Serve(ctx, gone{}), d.Close()) }()
	}
	return l, errors.Join(errs...)
}

func (l *leftovers) end() error {
	l.cancel()
	var errs []error
	for range l.begun {
		errs = append(errs, <-l.ended)
	}
	return errors.Join(errs...)
}

// gone answers for a unit whose server was killed: what became of the command nobody knows.
type gone struct{}

func (gone) Exec(context.Context, *scsi.Command) error { return errors.New("the server was killed") }
