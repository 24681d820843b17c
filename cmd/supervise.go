package cmd

import (
	"context"
	"time"

	"calypso/sys/errcode"
)

// grace is how long a verb may take to clean up once its deadline has passed. A program stuck in the
// kernel (a drive that does not answer) never comes back; the user who set --timeout wants to know.
var grace = 30 * time.Second

// supervise runs the verb. A verb that does not end within the grace after its deadline is left behind.
func (inv *invocation) supervise(ctx context.Context) error {
	if _, limited := ctx.Deadline(); !limited {
		return inv.runVerb(ctx) // without another goroutine: the start is what most commands cost
	}
	done := make(chan error, 1)
	go func() { done <- inv.runVerb(ctx) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	if context.Cause(ctx) != context.DeadlineExceeded {
		return <-done // a signal: the next one ends the process
	}
	select {
	case err := <-done:
		return err
	case <-time.After(grace):
		inv.abandoned = true
		return errcode.New(errcode.Timeout, inv.object, "did not stop within %s of its deadline", grace)
	}
}

// runVerb runs the verb; a panic becomes an error.
func (inv *invocation) runVerb(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = panicked(p, inv.Err)
		}
	}()
	return inv.cmd.Run(ctx, inv)
}
