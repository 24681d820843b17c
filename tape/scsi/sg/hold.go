package sg

import (
	"errors"
	"io/fs"
	"strings"

	"golang.org/x/sys/unix"

	"calypso/sys/errcode"
	"calypso/sys/proc"
)

// Hold keeps other programs off a tape drive.
type Hold struct {
	fd   int
	path string
}

// OpenHold opens the node of the st driver that does not rewind, e.g. /dev/nst0, and keeps it open. The
// driver lets one open a drive at a time: while the Hold lives, tar, mt and other calypsos are refused, and
// as long as another program has the drive this fails with errcode.DeviceBusy, naming it. Nothing is read,
// written or wound through the node.
func OpenHold(n Node) (*Hold, error) {
	fd, err := unix.Open(n.NoRewind, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err == nil {
		return &Hold{fd, n.NoRewind}, nil
	}
	if errors.Is(err, unix.EBUSY) {
		return nil, busy(n, err)
	}
	return nil, openError(n.NoRewind, err)
}

// busy says who has the drive open, through whichever of its nodes.
func busy(n Node, err error) error {
	who := proc.Openers("/proc", n.TapeNodes()...)
	if len(who) == 0 {
		return errcode.New(errcode.DeviceBusy, n.NoRewind, "another process has the drive open: %w", err).
			WithHint("as root the message names it")
	}
	var names []string
	for _, o := range who {
		names = append(names, o.String())
	}
	return errcode.New(errcode.DeviceBusy, n.NoRewind, "held by %s", strings.Join(names, ", "))
}

// Close lets the drive go.
func (h *Hold) Close() error {
	if h.fd < 0 {
		return nil
	}
	err := unix.Close(h.fd)
	h.fd = -1
	if err != nil && !errors.Is(err, unix.ENODEV) && !errors.Is(err, unix.EIO) {
		return &fs.PathError{Op: "close", Path: h.path, Err: err}
	}
	return nil // a drive that is gone holds nobody off
}
