package archive

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"calypso/sys/errcode"
	"calypso/tape"
	"calypso/tape/label"
)

// errDead is what every command gives after the fake tape's process was "killed".
var errDead = errors.New("killed")

// fakeTape is a tape in memory that behaves as a *tape.Drive does: nil objects are filemarks.
type fakeTape struct {
	mu      sync.Mutex
	objects [][]byte
	at      int

	warnAfter int64 // bytes on the tape at which early warning begins; 0: never
	capacity  int64 // bytes that fit; 0: any
	used      int64

	killAfter int            // commands that change the tape until errDead; -1: never
	readFault map[int]error  // by object
	onWrite   func(n int)    // called before the n-th object is written
	delay     time.Duration  // of each write
	commands  map[string]int // how many of each
}

func newFakeTape() *fakeTape { return &fakeTape{killAfter: -1, commands: map[string]int{}} }

func (f *fakeTape) count(op string) { f.commands[op]++ }

func (f *fakeTape) enter(ctx context.Context, op string) (func(), error) {
	f.mu.Lock()
	if err := ctx.Err(); err != nil {
		f.mu.Unlock()
		return nil, err
	}
	if f.killAfter == 0 {
		f.mu.Unlock()
		return nil, errDead
	}
	f.count(op)
	return f.mu.Unlock, nil
}

func (f *fakeTape) put(p []byte, size int64) (bool, error) {
	f.cut()
	if f.capacity > 0 && f.used+size > f.capacity {
		return false, errcode.New(errcode.TapeFull, "fake", "end of medium")
	}
	if f.killAfter > 0 {
		f.killAfter--
	}
	f.objects = append(f.objects, p)
	f.at++
	f.used += size
	return f.warnAfter > 0 && f.used > f.warnAfter, nil
}

// cut drops what is behind the position, as a tape does when it is written.
func (f *fakeTape) cut() {
	for _, o := range f.objects[f.at:] {
		f.used -= objectBytes(o)
	}
	f.objects = f.objects[:f.at]
}

func objectBytes(o []byte) int64 { return int64(len(o)) + 64 }

func (f *fakeTape) Write(ctx context.Context, p []byte) (bool, error) {
	if f.onWrite != nil {
		f.onWrite(f.at)
	}
	if f.delay > 0 {
		time.Sleep(f.delay)
	}
	leave, err := f.enter(ctx, "write")
	if err != nil {
		return false, err
	}
	defer leave()
	block := append(make([]byte, 0, len(p)), p...)
	return f.put(block, objectBytes(block))
}

func (f *fakeTape) WriteFilemarks(ctx context.Context, n int, immediate bool) (bool, error) {
	leave, err := f.enter(ctx, "write filemarks")
	if err != nil {
		return false, err
	}
	defer leave()
	early := false
	for range n {
		if early, err = f.put(nil, objectBytes(nil)); err != nil {
			return early, err
		}
	}
	return early, nil
}

func (f *fakeTape) Read(ctx context.Context, buf []byte) (int, error) {
	leave, err := f.enter(ctx, "read")
	if err != nil {
		return 0, err
	}
	defer leave()
	if f.at == len(f.objects) {
		return 0, tape.ErrEndOfData
	}
	if err := f.readFault[f.at]; err != nil {
		return 0, err
	}
	o := f.objects[f.at]
	f.at++
	if o == nil {
		return 0, tape.ErrFilemark
	}
	n := copy(buf, o)
	if len(o) > len(buf) {
		return n, &tape.BlockTooLong{Actual: len(o), Buffer: len(buf)}
	}
	return n, nil
}

func (f *fakeTape) filemarks(before int) int64 {
	var n int64
	for _, o := range f.objects[:before] {
		if o == nil {
			n++
		}
	}
	return n
}

func (f *fakeTape) Position(ctx context.Context) (tape.Position, error) {
	leave, err := f.enter(ctx, "position")
	if err != nil {
		return tape.Position{}, err
	}
	defer leave()
	return tape.Position{
		BOP: f.at == 0, EOP: f.warnAfter > 0 && f.used > f.warnAfter && f.at == len(f.objects),
		Block: int64(f.at), File: f.filemarks(f.at),
	}, nil
}

func (f *fakeTape) Rewind(ctx context.Context) error {
	leave, err := f.enter(ctx, "rewind")
	if err != nil {
		return err
	}
	defer leave()
	f.at = 0
	return nil
}

func (f *fakeTape) SpaceEOD(ctx context.Context) error {
	leave, err := f.enter(ctx, "space eod")
	if err != nil {
		return err
	}
	defer leave()
	f.at = len(f.objects)
	return nil
}

func (f *fakeTape) LocateBlock(ctx context.Context, lba int64) error {
	leave, err := f.enter(ctx, "locate block")
	if err != nil {
		return err
	}
	defer leave()
	if lba > int64(len(f.objects)) {
		f.at = len(f.objects)
		return errcode.New(errcode.TapeFileNotFound, "fake", "the tape ends before it: %w", tape.ErrEndOfData)
	}
	f.at = int(lba)
	return nil
}

func (f *fakeTape) LocateFile(ctx context.Context, n int64) error {
	leave, err := f.enter(ctx, "locate file")
	if err != nil {
		return err
	}
	defer leave()
	f.at = 0
	return f.space(n, errcode.New(errcode.TapeFileNotFound, "fake", "the tape ends before file %d", n))
}

func (f *fakeTape) SpaceFilemarks(ctx context.Context, n int64) error {
	leave, err := f.enter(ctx, "space filemarks")
	if err != nil {
		return err
	}
	defer leave()
	return f.space(n, &tape.Stopped{Left: 1, Err: tape.ErrEndOfData})
}

func (f *fakeTape) space(n int64, atEnd error) error {
	for ; n > 0; n-- {
		for f.at < len(f.objects) && f.objects[f.at] != nil {
			f.at++
		}
		if f.at == len(f.objects) {
			return atEnd
		}
		f.at++
	}
	return nil
}

// clone gives a tape with the same objects and nothing else; the blocks are shared.
func (f *fakeTape) clone() *fakeTape {
	c := newFakeTape()
	c.objects = append(c.objects, f.objects...)
	for _, o := range c.objects {
		c.used += objectBytes(o)
	}
	return c
}

// file gives the bytes of a tape file, as dd would read them.
func (f *fakeTape) file(n int) []byte {
	data := []byte{}
	for _, o := range f.objects {
		switch {
		case o == nil:
			n--
		case n == 0:
			data = append(data, o...)
		}
	}
	return data
}

const (
	testVolume = "V00001L8"
	testUUID   = "01234567-89ab-4cde-8f01-23456789abcd"
)

var testTime = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// labelledTape gives a tape with our label and nothing else.
func labelledTape(t testing.TB) *fakeTape {
	t.Helper()
	l := label.Label{Volume: testVolume, UUID: testUUID, Created: testTime, Host: "host", BlockSize: 4096, Software: "calypso test"}
	block, err := l.Encode()
	if err != nil {
		t.Fatal(err)
	}
	f := newFakeTape()
	f.objects = [][]byte{block, nil}
	f.used = objectBytes(block) + objectBytes(nil)
	f.at = 2
	return f
}
