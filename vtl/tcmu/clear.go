package tcmu

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"calypso/sys/errcode"
	"calypso/tape/scsi"
)

// Left says whether one of these backstores is there.
func Left(h Host, backstores []string) bool {
	return slices.ContainsFunc(backstores, func(b string) bool {
		_, err := os.Stat(h.backstore(b))
		return err == nil
	})
}

// Clear takes away exports and backstores of these names that a killed process of the same library left, and
// the targets of a library that had the same name and is no more. A host may wait for commands that it had sent:
// they are answered with ABORTED COMMAND, since the kernel does not let a backstore go before. What is not there
// is no error. Backstores for which another process answers are left alone: errcode.LibraryServed.
func Clear(h Host, library string, backstores []string, exports ...Export) error {
	answerer, err := answerLeft(h, library, backstores)
	if errors.Is(err, syscall.EBUSY) {
		return errors.Join(errcode.New(errcode.LibraryServed, library, "another process serves a library of this name, of another state directory: %w", err), answerer.end())
	}
	errs := []error{err}
	for _, e := range exports {
		errs = append(errs, e.destroy(h))
	}
	for _, target := range h.targetsOf(backstores) {
		errs = append(errs, tearDown(target))
	}
	errs = append(errs, answerer.end())
	for _, b := range backstores {
		errs = append(errs, h.destroy(b))
	}
	return errors.Join(errs...)
}

// targetsOf finds the targets that this program made for backstores: the link to one has its mark.
func (h Host) targetsOf(backstores []string) []string {
	links, _ := filepath.Glob(filepath.Join(h.Config, "*/*/tpgt_*/lun/lun_*", lunLink))
	var targets []string
	for _, link := range links {
		to, err := os.Readlink(link)
		dir, name := filepath.Split(to)
		if err == nil && filepath.Base(dir) == hba && slices.Contains(backstores, name) {
			targets = append(targets, filepath.Join(link, "../../../.."))
		}
	}
	slices.Sort(targets)
	return slices.Compact(targets)
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
			if !errors.Is(err, syscall.EBUSY) {
				err = errors.Join(err, h.fail(b)) // else what waits for an answer keeps its exports for ever
			}
			errs = append(errs, err)
			continue
		}
		l.begun++
		go func() { l.ended <- h.abandon(ctx, d, b) }()
	}
	return l, errors.Join(errs...)
}

func (h Host) abandon(ctx context.Context, d *Device, backstore string) error {
	err := d.abandon(ctx)
	if err != nil {
		err = errors.Join(err, h.fail(backstore))
	}
	return errors.Join(err, d.Close())
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
