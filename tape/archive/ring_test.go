package archive

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// pump sends data through a ring and gives what came out, its sum and the ring's stops.
func pump(t *testing.T, data []byte, blockSize int, bytesInRing int64, set func(int64) marks) ([]byte, string, int) {
	t.Helper()
	r, err := newRing(bytesInRing, blockSize, set)
	if err != nil {
		t.Fatal(err)
	}
	defer r.close(time.Minute)
	h := newHash()
	r.run(func() { fillFromStream(r, bytes.NewReader(data)) })
	r.run(func() { r.digest(h, true) })
	var out, last []byte
	for {
		block, state, err := r.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, block...)
		last = append(last[:0], state...)
		if sum, err := sumOf(last); err != nil || hex.EncodeToString(sum) != hexSum(out) {
			t.Fatalf("after %d bytes the state of the hash is another: %v", len(out), err)
		}
		r.release()
	}
	return out, hex.EncodeToString(h.Sum(nil)), r.stopCount()
}

// TestRingNeverStalls: any block size, any buffer, any watermarks, any length.
func TestRingNeverStalls(t *testing.T) {
	data := randomBytes(1, 600_000)
	outer := t
	rapid.Check(t, func(t *rapid.T) {
		size := 512 * rapid.IntRange(1, 600).Draw(t, "block/512")
		buffer := rapid.Int64Range(0, 3<<20).Draw(t, "buffer")
		low, high := rapid.Float64Range(0, 1).Draw(t, "low"), rapid.Float64Range(0, 1).Draw(t, "high")
		set := func(n int64) marks { return toTape(n, low, high) }
		if rapid.Bool().Draw(t, "reading") {
			set = func(n int64) marks { return fromTape(n, low, high) }
		}
		want := data[:rapid.IntRange(0, min(len(data), 40*size)).Draw(t, "length")]
		got, sum, _ := pump(outer, want, size, buffer, set)
		if !bytes.Equal(got, want) || sum != hexSum(want) {
			t.Fatalf("%d bytes came out of %d", len(got), len(want))
		}
	})
}

func TestRingStopsEverybody(t *testing.T) {
	r, err := newRing(1<<20, 4096, func(n int64) marks { return toTape(n, 0.1, 0.9) })
	if err != nil {
		t.Fatal(err)
	}
	reason := errors.New("reason")
	ended := make(chan struct{})
	pr, pw := io.Pipe()
	r.run(func() { fillFromStream(r, pr) })
	r.run(func() { r.digest(newHash(), true) })
	go func() {
		defer close(ended)
		if _, _, err := r.next(); !errors.Is(err, reason) {
			t.Errorf("next: %v", err)
		}
	}()
	if _, err := pw.Write(make([]byte, 8192)); err != nil {
		t.Fatal(err)
	}
	r.stop(reason)
	r.stop(errors.New("another"))
	<-ended
	if _, err := r.acquire(); !errors.Is(err, reason) {
		t.Errorf("acquire: %v", err)
	}
	r.close(time.Millisecond) // the reader of the pipe hangs: it is left behind
	_ = pw.Close()
	r.fillers.Wait()
}

// TestRingWatermarks: the drive starts when the buffer is filled to the high mark, and not again
// before that when it ran it down.
func TestRingWatermarks(t *testing.T) {
	r, err := newRing(100*16384, 16384, func(n int64) marks { return toTape(n, 0.10, 0.50) })
	if err != nil {
		t.Fatal(err)
	}
	defer r.close(time.Minute)
	fill := func(n int) {
		for range n {
			if _, err := r.acquire(); err != nil {
				t.Fatal(err)
			}
			r.publish(0, 16384)
		}
		r.mu.Lock()
		r.hashed = r.filled
		r.wake()
		r.mu.Unlock()
	}
	take := func() {
		if _, _, err := r.next(); err != nil {
			t.Fatal(err)
		}
		r.release()
	}
	started := make(chan struct{})
	go func() {
		take()
		close(started)
	}()
	fill(49)
	select {
	case <-started:
		t.Fatal("started below the high mark")
	case <-time.After(20 * time.Millisecond):
	}
	fill(1)
	<-started
	for range 39 {
		take()
	}
	if n := r.stopCount(); n != 0 {
		t.Errorf("%d stops above the low mark", n)
	}
	again := make(chan struct{})
	go func() {
		take()
		close(again)
	}()
	for deadline := time.Now().Add(time.Minute); r.stopCount() == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the drive does not stop at the low mark")
		}
	}
	fill(39)
	select {
	case <-again:
		t.Fatal("went on below the high mark")
	case <-time.After(20 * time.Millisecond):
	}
	fill(1)
	<-again
	if n := r.stopCount(); n != 1 {
		t.Errorf("%d stops, want 1", n)
	}
	r.finish(nil)
	for range 49 {
		take()
	}
	if _, _, err := r.next(); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v", err)
	}
}

func TestSumOfNothing(t *testing.T) {
	sum, err := sumOf(nil)
	want := sha256.Sum256(nil)
	if err != nil || !bytes.Equal(sum, want[:]) {
		t.Errorf("%x, %v", sum, err)
	}
	if _, err := sumOf([]byte("x")); err == nil {
		t.Error("a state of one byte passes")
	}
}

func TestWidenPipe(t *testing.T) {
	widenPipe(bytes.NewReader(nil)) // neither a file nor a pipe: nothing happens
	widenPipe(nil)
}
