package cmd

import (
	"context"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"calypso/sys/errcode"
)

// answerGrace is what writing the answer gets after a signal.
const answerGrace = time.Second

// withSignals ends ctx at the first SIGINT, SIGTERM or SIGHUP, with an *errcode.Error as the cause;
// the second ends the process at once. onFirst is called at the first, onSecond at the second. A signal that was ignored when the process started (nohup, a
// background job) stays ignored. SIGPIPE keeps Go's way: a broken pipe on stdout or stderr kills.
//
// The function that it gives is called when the verb has ended. What was done is done then, and a signal
// that comes while the answer is written must not make it look otherwise; but an answer that nobody reads
// does not keep the process.
func withSignals(parent context.Context, onFirst func(), onSecond func(*errcode.Error)) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	caught := make(chan os.Signal, 2)
	for _, s := range []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(s) {
			signal.Notify(caught, s)
		}
	}
	done := make(chan struct{})
	go func() {
		for first := true; ; first = false {
			select {
			case s := <-caught:
				cause := signalError(s)
				if !first {
					onSecond(cause)
					os.Exit(int(exitOf(cause.Code)))
				}
				cancel(cause)
				onFirst()
			case <-done:
				s := <-caught
				time.Sleep(answerGrace)
				os.Exit(int(exitOf(signalError(s).Code)))
			}
		}
	}()
	return ctx, sync.OnceFunc(func() {
		close(done)
		cancel(nil)
	})
}

// signalError is the cause of a run that a signal ended; it is a context.Canceled to errors.Is.
func signalError(s os.Signal) *errcode.Error {
	code := errcode.Terminated
	if s == syscall.SIGINT {
		code = errcode.Interrupted
	}
	names := map[os.Signal]string{syscall.SIGINT: "SIGINT", syscall.SIGTERM: "SIGTERM", syscall.SIGHUP: "SIGHUP"}
	return &errcode.Error{Code: code, Msg: "stopped by " + names[s], Err: context.Canceled}
}

// panicked turns a panic into an error, with its stack on standard error for the report.
func panicked(p any, stderr io.Writer) error {
	stderr.Write(debug.Stack())
	return errcode.New(errcode.Internal, "", "panic: %v", p)
}
