package fault

import (
	"context"
	"os"
	"sync"
	"time"
)

// Live are the faults of one device while a process plays it. They follow the file: what another
// process injects or clears counts from the next command on. A nil *Live has none.
type Live struct {
	path    string
	drive   int // -1: the library
	observe bool
	now     func() time.Time
	pause   func(context.Context, time.Duration) error

	mu    sync.Mutex
	stamp os.FileInfo // of the file as it was read; nil: there was none
	all   []Fault
}

// Open reads the faults of a drive, or with drive -1 of the library. An observer uses none up.
func Open(path string, drive int, observe bool) (*Live, error) {
	l := &Live{path: path, drive: drive, observe: observe, now: time.Now, pause: pause}
	l.stamp = l.look()
	all, err := List(path)
	l.take(all)
	return l, err
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *Live) look() os.FileInfo {
	info, err := os.Stat(l.path)
	if err != nil {
		return nil
	}
	return info
}

// unchanged says whether two looks saw one content: each has a file of its own, and the number of one
// that is gone may be given again.
func unchanged(a, b os.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}

func (l *Live) take(all []Fault) {
	l.all = nil
	for _, f := range all {
		if f.Drive == l.drive {
			l.all = append(l.all, f)
		}
	}
}

// Refresh reads the file again when it changed and says whether there are any faults. A file that cannot
// be read in the middle of the work leaves them as they were.
func (l *Live) Refresh() bool {
	if l == nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := l.look(); !unchanged(now, l.stamp) {
		if all, err := List(l.path); err == nil {
			l.stamp = now
			l.take(all)
		}
	}
	return len(l.all) > 0
}

// Of lists the faults of a kind.
func (l *Live) Of(k Kind) []Fault {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []Fault
	for _, f := range l.all {
		if f.Kind == k {
			list = append(list, f)
		}
	}
	return list
}

// Hit finds a fault of a kind that has something left and matches, and uses it up once. ok is false also
// when another process used up the last of it.
func (l *Live) Hit(k Kind, match func(Fault) bool) (f Fault, ok bool) {
	for _, f := range l.Of(k) {
		if f.Left != 0 && match(f) && l.use(f) {
			return f, true
		}
	}
	return Fault{}, false
}

// use counts a fault down. When that cannot be written it hits all the same: a drill must not end
// because a disk is full.
func (l *Live) use(f Fault) bool {
	if f.Left < 0 || l.observe {
		return true
	}
	done, err := change(l.path, f.ID, func(f *Fault) bool {
		had := f.Left > 0
		f.Left--
		return had
	})
	l.Refresh()
	return done || err != nil
}

// Loaded begins the time that a becoming-ready fault takes, if there is one.
func (l *Live) Loaded() {
	f, ok := l.Hit(BecomingReady, func(Fault) bool { return true })
	if !ok || l.observe {
		return
	}
	until := l.now().Add(f.Delay)
	_, _ = change(l.path, f.ID, func(f *Fault) bool { f.Until = until; return true })
	l.Refresh()
}

// Becoming gives the fault that keeps the drive from being ready, and how far it has come, 0 to 1.
func (l *Live) Becoming() (f Fault, progress float64, ok bool) {
	for _, f := range l.Of(BecomingReady) {
		if left := f.Until.Sub(l.now()); left > 0 {
			return f, 1 - min(1, left.Seconds()/f.Delay.Seconds()), true
		}
	}
	return Fault{}, 0, false
}

// Wait takes the time of the slow faults that a command meets. It ends early with ctx.
func (l *Live) Wait(ctx context.Context, block bool) error {
	for _, f := range l.Of(Slow) {
		if f.Blocks && !block {
			continue
		}
		if err := l.pause(ctx, f.Delay); err != nil {
			return err
		}
	}
	return nil
}
