package tcmu

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// events are the way in which the kernel and a device's thread wake each other.
type events struct {
	kernel int // /dev/uioN: readable when there are new commands; written when there are answers
	stop   int // an eventfd
}

// stopWith makes wait end when ctx does. The function that it gives must be called when nobody waits any more.
func (e *events) stopWith(ctx context.Context) (release func(), err error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	e.stop = fd
	told := make(chan struct{})
	cancel := context.AfterFunc(ctx, func() {
		defer close(told)
		_, _ = unix.Write(fd, []byte{1, 0, 0, 0, 0, 0, 0, 1}) // not zero in either byte order
	})
	return func() {
		if !cancel() {
			<-told
		}
		_ = unix.Close(fd)
	}, nil
}

// turnPeriod is how long a device sleeps at most, in ms: that it wakes shows that it lives.
const turnPeriod = 1000

// wait sleeps until there may be new commands; false when it is to stop.
func (e *events) wait() (more bool, err error) {
	both := []unix.PollFd{{Fd: int32(e.kernel), Events: unix.POLLIN}, {Fd: int32(e.stop), Events: unix.POLLIN}}
	var count [4]byte
	for {
		n, err := unix.Poll(both, turnPeriod)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return false, fmt.Errorf("wait for commands: %w", err)
		case n == 0:
			return true, nil
		case both[1].Revents != 0:
			return false, nil
		}
		if _, err = unix.Read(e.kernel, count[:]); err == nil {
			return true, nil
		}
		if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) {
			return false, fmt.Errorf("wait for commands: %w", err)
		}
	}
}

// kick tells the kernel that there are answers.
func (e *events) kick() error {
	if _, err := unix.Write(e.kernel, []byte{0, 0, 0, 0}); err != nil {
		return fmt.Errorf("report answers: %w", err)
	}
	return nil
}
