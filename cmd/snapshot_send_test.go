package cmd

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
)

// hung is a pipe that nobody reads: it tells that it was written to, and never comes back.
type hung chan struct{}

func (h hung) Write([]byte) (int, error) { close(h); select {} }

// One SIGTERM ends a send whose reader stands still.
func TestPumpIntoHungPipe(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	pipe, stopped := make(hung), errors.New("stopped by SIGTERM")
	go func() {
		<-pipe
		cancel(stopped)
	}()
	if c := pump(ctx, strings.NewReader("stream"), pipe, func(int64) {}); !errors.Is(c.err, stopped) || c.sum != "" {
		t.Errorf("pump = %+v; want it stopped", c)
	}
}

func TestPump(t *testing.T) {
	var to bytes.Buffer
	told := int64(0)
	c := pump(context.Background(), strings.NewReader("abc"), &to, func(n int64) { told = n })
	// FIPS 180-2, appendix B.1
	if want := "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"; c.sum != want || c.n != 3 || c.err != nil || to.String() != "abc" || told != 3 {
		t.Errorf("pump = %+v, %q, told %d", c, &to, told)
	}
}
