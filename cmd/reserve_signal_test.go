package cmd

import (
	"errors"
	"syscall"
	"testing"
)

// reservedNow asks who has reserved the drive.
func (a *appliance) reservedNow() reserveListDoc {
	a.t.Helper()
	var doc reserveListDoc
	a.must(0, "lto", "reserve", "list", "-f", "vtl01:0", "--json").into(a.t, &doc)
	return doc
}

// A writer that is stopped releases the drive. One that is killed cannot: what then stays is the drive's to
// say (a virtual drive whose player dies loses its power), and the next writer of this host gets in.
func TestReserveAndSignals(t *testing.T) {
	t.Parallel()
	for _, e := range []struct {
		signal syscall.Signal
		exit   int
	}{{syscall.SIGINT, 130}, {syscall.SIGTERM, 143}, {syscall.SIGKILL, -1}} {
		a := newAppliance(t)
		a.library()
		r := a.start(nil, "lto", "write", "-f", "vtl01:0", "--name", "stopped", "--reserve", "--json", "--buffer", "1MiB", "-")
		ended := make(chan error, 1)
		go func() {
			_, err := r.stdin.Write(make([]byte, 8<<20))
			ended <- err
		}()
		a.awaitGrowth(r, 2<<20)
		if err := <-ended; err != nil && !errors.Is(err, syscall.EPIPE) {
			t.Fatal(err)
		}
		r.signal(e.signal)
		if got := r.wait(); got.exit != e.exit {
			t.Fatalf("%v: exit status %d, want %d\n%s", e.signal, got.exit, e.exit, got.stderr)
		}
		if doc := a.reservedNow(); doc.Reservation != nil || len(doc.Registrations) != 0 {
			t.Errorf("%v: %+v", e.signal, doc)
		}
		a.mustFrom(0, someBytes(1<<20), "lto", "write", "-f", "vtl01:0", "--name", "after", "--reserve", "-")
		if doc := a.reservedNow(); len(doc.Registrations) != 0 {
			t.Errorf("%v: after the next: %+v", e.signal, doc)
		}
	}
}
