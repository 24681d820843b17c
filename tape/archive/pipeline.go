package archive

import (
	"context"
	"fmt"
	"hash"
	"time"

	"calypso/tape/archive/pax"
)

// pipeline is a ring that a drive fills: tape, hash, consumer, each in a goroutine of its own.
type pipeline struct {
	ring   *ring
	hash   hash.Hash
	meter  *meter
	parted chan struct{} // closed when the tape is no longer used
	unhook func() bool
}

// outcome is what a consumer has done.
type outcome struct {
	report pax.Report
	err    error
}

// startPipeline lets the feeder read the stretches.
func startPipeline(ctx context.Context, f *feeder, stretches []stretch, o ReadOptions) (*pipeline, error) {
	if o.BufferBytes == 0 {
		o.BufferBytes = DefaultBufferBytes
	}
	low, high := o.Watermarks.values()
	ring, err := newRing(o.BufferBytes, int(f.blockSize), func(n int64) marks { return fromTape(n, low, high) })
	if err != nil {
		return nil, fmt.Errorf("buffer of %d bytes: %w", o.BufferBytes, err)
	}
	p := &pipeline{ring: ring, hash: newHash(), parted: make(chan struct{})}
	p.meter = startMeter(o.Progress, ring.fillState, -1)
	p.meter.phase.Store(PhaseData)
	p.unhook = context.AfterFunc(ctx, func() { ring.stop(context.Cause(ctx)) })
	f.ring, f.passed = ring, func(n int64) { p.meter.bytes.Add(n) }
	ring.run(func() {
		defer close(p.parted)
		f.feed(ctx, stretches)
	})
	ring.run(func() { ring.digest(p.hash, false) })
	return p, nil
}

// await runs the consumer and waits until it is done and the tape is free. A consumer that hangs,
// such as in a pipe that nobody reads, is left behind when ctx ends.
func (p *pipeline) await(ctx context.Context, consume func() outcome) outcome {
	done := make(chan outcome, 1)
	p.ring.run(func() { done <- consume() })
	var out outcome
	select {
	case out = <-done:
	case <-ctx.Done():
		out = p.abandon(ctx, done)
	}
	if out.err != nil {
		p.ring.stop(out.err)
	}
	<-p.parted
	return out
}

func (p *pipeline) abandon(ctx context.Context, done <-chan outcome) outcome {
	timer := time.NewTimer(stragglerGrace)
	defer timer.Stop()
	select {
	case out := <-done:
		return out
	case <-timer.C:
		return outcome{err: context.Cause(ctx)}
	}
}

func (p *pipeline) close() {
	p.unhook()
	p.ring.close(stragglerGrace)
	p.meter.stop()
}
