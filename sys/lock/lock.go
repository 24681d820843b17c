// Package lock serialises the use of one thing (a drive, a changer, a pool) over all processes of a
// machine, and names who holds it. A lock is flock(2) on a file that is never deleted: the kernel
// frees it when its holder dies, however it dies.
//
// Order: who takes several locks takes them in this order, and within a kind in ascending order of
// name: library, changer, drive, cartridge. Locks of state files (sys/state) come last and are held
// for one update only.
//
// Limits: flock excludes processes of one kernel, so the directory must be on a local file system;
// advisory, so programs that do not ask are not stopped. The text in a lock file only names the
// holder to a person: whether the lock is held is the kernel's word alone.
package lock

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"calypso/sys/errcode"
	"calypso/sys/proc"
)

// pollInterval is how often a waiting Acquire tries again: short against what a person notices,
// long against the cost of one system call.
const pollInterval = 50 * time.Millisecond

// Lock is a lock that is held. It is safe for use by several goroutines.
type Lock struct {
	mu   sync.Mutex
	path string
	file *flock.Flock
}

// Acquire takes the lock name in dir, creating dir (mode 0750) when it is missing. With wait 0 it
// fails at once when another process, or another Acquire in this one, holds it; else it tries until
// wait is over. The error is errcode.LockBusy naming the holder, that of ctx when ctx ended first,
// or errcode.PermissionDenied or StateUnwritable when dir cannot be used.
func Acquire(ctx context.Context, dir, name string, wait time.Duration) (*Lock, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, cannotLock(dir, err)
	}
	path := filepath.Join(dir, FileName(name))
	file := flock.New(path, flock.SetPermissions(0o640))
	held, err := try(ctx, file, wait)
	if err != nil {
		return nil, lockError(ctx, path, err)
	}
	if !held {
		return nil, busy(name, path)
	}
	l := &Lock{path: path, file: file}
	l.announce()
	return l, nil
}

// try gives false without an error when somebody else holds the lock until wait is over.
func try(ctx context.Context, file *flock.Flock, wait time.Duration) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	if wait <= 0 {
		return tryNow(ctx, file, probePause)
	}
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	held, err := file.TryLockContext(waiting, pollInterval)
	if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return false, nil
	}
	return held, err
}

// tryNow tries a few times within some milliseconds: Peek may hold the lock for a moment to find
// out whether a dead holder's text is stale, and that is not "busy".
func tryNow(ctx context.Context, file *flock.Flock, pause func()) (bool, error) {
	for range 4 {
		if held, err := file.TryLock(); held || err != nil {
			return held, err
		}
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		pause()
	}
	return false, nil
}

func probePause() { time.Sleep(2 * time.Millisecond) }

// Release gives the lock back. A second call does nothing.
func (l *Lock) Release() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	l.retract()
	err := l.file.Unlock()
	l.file = nil
	return err
}

// Path names the lock file.
func (l *Lock) Path() string { return l.path }

func lockError(ctx context.Context, path string, err error) error {
	if ctx.Err() == nil {
		return cannotLock(path, err)
	}
	if h, known, _, _ := readHolder(path); known && proc.Alive(h.PID, h.StartTime) {
		return errcode.New(errcode.Of(ctx.Err()), path, "waiting for the lock, held by %s: %w", h, ctx.Err())
	}
	return errcode.New(errcode.Of(ctx.Err()), path, "waiting for the lock: %w", ctx.Err())
}

func cannotLock(path string, err error) error {
	code := errcode.StateUnwritable
	if errors.Is(err, fs.ErrPermission) {
		code = errcode.PermissionDenied
	}
	return errcode.New(code, path, "cannot lock: %w", err)
}
