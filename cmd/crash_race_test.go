package cmd

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// Who comes second to a drive is told who has it, or waits.
func TestDriveInUse(t *testing.T) {
	t.Parallel()
	a := newAppliance(t)
	a.library()
	a.must(0, "library", "load", "vtl01", "--slot", "2", "--drive", "1")
	r := a.writeSome(4 << 20)
	a.awaitGrowth(r, a.imageBytes())
	for _, args := range [][]string{
		{"lto", "write", "-f", "vtl01:0", "--name", "second", "-"},
		{"lto", "rewind", "-f", "vtl01:0"},
		{"lto", "scan", "-f", "vtl01:0"},
		{"lto", "read", "-f", "vtl01:0", "--file", "1", "--stdout"},
		{"lto", "label", "-f", "vtl01:0", "V00001L8", "--confirm", "V00001L8"},
		{"lto", "eject", "-f", "vtl01:0"},
		{"library", "unload", "vtl01", "--drive", "0"},
		{"library", "move", "vtl01", "drive:0", "slot:4"},
		{"library", "move", "vtl01", "drive:1", "drive:0"},
		{"vtl", "delete", "vtl01", "--confirm", "vtl01"},
		{"lto", "rewind", "-f", "vtl01:0", "--lock-timeout", "100ms"},
	} {
		f := a.must(11, args...)
		for _, want := range []string{fmt.Sprintf("pid %d ", r.cmd.Process.Pid), "lto write", "since"} {
			if !strings.Contains(f.stderr, want) {
				t.Errorf("%q does not say %q: %s", args, want, f.stderr)
			}
		}
	}
	if s := a.status(); s.HeldBy == nil || s.HeldBy.PID != r.cmd.Process.Pid || s.State != "busy" || !s.Stale || s.Position != nil {
		t.Errorf("status tells %+v", s)
	}
	a.must(0, "library", "move", "vtl01", "slot:3", "slot:2") // the robot is free
	a.must(0, "library", "unload", "vtl01", "--drive", "1")

	waits := a.start(someBytes(1<<20), "lto", "write", "-f", "vtl01:0", "--name", "waited", "-", "--lock-timeout", "1m")
	r.stdin.Close()
	if got := r.wait(); got.exit != 0 {
		t.Fatalf("the first: exit status %d\n%s", got.exit, got.stderr)
	}
	if got := waits.wait(); got.exit != 0 {
		t.Fatalf("the one that waited: exit status %d\n%s", got.exit, got.stderr)
	}
	if archives := a.agreed(); len(archives) != 2 || archives[1].Name != "waited" || !archives[0].Complete {
		t.Errorf("the archives are %+v", archives)
	}
	// Who waits for a lock ends at a signal.
	r = a.writeSome(4 << 20)
	a.awaitWriting(r)
	waits = a.start(nothing(), "lto", "rewind", "-f", "vtl01:0", "--lock-timeout", "1h")
	time.Sleep(50 * time.Millisecond) // whether it waits already or not, it ends
	waits.signal(syscall.SIGTERM)
	if got := waits.wait(); got.exit != 143 && got.exit != -1 {
		t.Errorf("who waited for the lock: exit status %d\n%s", got.exit, got.stderr)
	}
	r.stdin.Close()
	r.wait()
	a.verified()
}

// A status, however often, neither waits for a writer nor gets in its way.
func TestStatusDuringWrite(t *testing.T) {
	t.Parallel()
	a := newAppliance(t)
	a.library()
	r := a.write(&slow{endless: newEndless(), left: 16 << 20}, "-")
	a.awaitWriting(r)
	var looks atomic.Int64
	done := make(chan struct{})
	var wg sync.WaitGroup
	for _, args := range [][]string{
		{"lto", "status", "-f", "vtl01:0", "--json"}, {"lto", "list", "-f", "vtl01:0", "--json"},
		{"library", "show", "vtl01", "--json"}, {"vtl", "tape", "list", "vtl01", "--json"},
	} {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for n := 0; ; n++ {
				select {
				case <-done:
					if n > 0 {
						return
					}
				default:
				}
				if out, err := a.output(args...); err != nil || !json.Valid(out) {
					t.Errorf("%q: %v\n%s", args, err, out)
					return
				}
				looks.Add(1)
			}
		}()
	}
	got := r.wait()
	close(done)
	wg.Wait()
	if got.exit != 0 {
		t.Fatalf("the writer: exit status %d\n%s", got.exit, got.stderr)
	}
	t.Logf("%d looks during the write", looks.Load())
	if archives := a.agreed(); len(archives) != 1 || archives[0].SizeBytes != 16<<20 {
		t.Errorf("the archives are %+v", archives)
	}
	a.verified()
	a.tidy()
}

// Nor does a drive that is being loaded and unloaded make a look at it fail.
func TestStatusDuringMoves(t *testing.T) {
	t.Parallel()
	a := newAppliance(t)
	a.must(0, "vtl", "create", "vtl01", "--slots", "2")
	var wg sync.WaitGroup
	for _, args := range [][]string{{"lto", "status", "-f", "vtl01:0"}, {"library", "show", "vtl01"}, {"vtl", "tape", "list", "vtl01"}} {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range 60 {
				if _, err := a.output(args...); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	for range 20 {
		a.must(0, "library", "load", "vtl01", "--slot", "2", "--drive", "0")
		a.must(0, "lto", "rewind", "-f", "vtl01:0")
		a.must(0, "library", "unload", "vtl01", "--drive", "0")
	}
	wg.Wait()
}

// slow gives so many bytes, in parts.
type slow struct {
	endless
	left int
}

func (s *slow) Read(p []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	time.Sleep(100 * time.Microsecond)
	n, _ := s.endless.Read(p[:min(len(p), s.left)])
	s.left -= n
	return n, nil
}

// output is run for other goroutines than the test's, which may not end it.
func (a *appliance) output(args ...string) ([]byte, error) {
	return a.outputFrom(nothing(), args...)
}

func (a *appliance) outputFrom(in io.Reader, args ...string) ([]byte, error) {
	r := a.prepare(args...)
	r.cmd.Stdin, r.cmd.Stdout = in, &r.out
	stop := time.AfterFunc(hangs, func() { _ = r.cmd.Process.Kill() })
	defer stop.Stop()
	if err := r.cmd.Run(); err != nil {
		return nil, fmt.Errorf("%q: %w\n%s", args, err, r.err.String())
	}
	return r.out.Bytes(), nil
}

// Many processes on one library: each gets its turn, and what each has done is there at the end.
func TestManyProcesses(t *testing.T) {
	t.Parallel()
	const times = 6
	a := newAppliance(t)
	a.must(0, "vtl", "create", "vtl01", "--drives", "3", "--slots", "20", "--io-slots", "2", "--tapes", "6")
	for n := range 3 {
		drive, slot := fmt.Sprint(n), fmt.Sprint(n+1)
		a.must(0, "library", "load", "vtl01", "--slot", slot, "--drive", drive)
		a.must(0, "lto", "label", "-f", "vtl01:"+drive, "V0000"+slot+"L8")
	}
	recorded := a.audited()
	var wg sync.WaitGroup
	var changes atomic.Int64
	loop := func(n int, mutates bool, line func(i int) []string) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range n {
				in := io.Reader(nothing())
				args := line(i)
				if slices.Contains(args, "-") {
					in = someBytes(400 << 10)
				}
				if mutates {
					changes.Add(1)
				}
				if _, err := a.outputFrom(in, append(args, "--lock-timeout=1m")...); err != nil {
					t.Error(err)
					return
				}
			}
		}()
	}
	for _, who := range []string{"one", "two"} {
		for _, drive := range []string{"vtl01:0", "vtl01:1"} {
			loop(times, true, func(i int) []string {
				return []string{"lto", "write", "-f", drive, "--name", fmt.Sprintf("%s-%d", who, i), "-"}
			})
		}
	}
	loop(times, true, func(i int) []string {
		return []string{"lto", "label", "-f", "vtl01:2", "V00003L8", "--confirm", "V00003L8"}
	})
	loop(times, true, func(i int) []string {
		return []string{"library", "move", "vtl01", "V00004L8", fmt.Sprintf("slot:%d", 19+i%2)}
	})
	for _, letter := range []string{"A", "B"} {
		loop(times, true, func(i int) []string {
			return []string{"vtl", "tape", "add", "vtl01", fmt.Sprintf("%s%05dL8", letter, i)}
		})
	}
	loop(times, false, func(int) []string { return []string{"lto", "status", "-f", "vtl01:0"} })
	loop(times, false, func(int) []string { return []string{"media", "list"} })
	loop(times, false, func(int) []string { return []string{"library", "show", "vtl01"} })
	loop(times, false, func(int) []string { return []string{"audit", "verify"} })
	wg.Wait()
	for _, drive := range []string{"vtl01:0", "vtl01:1"} {
		var doc listDoc
		a.must(0, "lto", "list", "-f", drive, "--json").into(t, &doc)
		names := map[string]bool{}
		for _, archive := range doc.Archives {
			names[archive.Name] = archive.Complete
		}
		if len(doc.Archives) != 2*times || len(names) != 2*times {
			t.Errorf("%s has %d archives: %v", drive, len(doc.Archives), names)
		}
		a.must(0, "lto", "verify", "-f", drive)
	}
	var tapes vtlTapeListDoc
	a.must(0, "vtl", "tape", "list", "vtl01", "--json").into(t, &tapes)
	if len(tapes.Tapes) != 6+2*times {
		t.Errorf("%d tapes of %d", len(tapes.Tapes), 6+2*times)
	}
	a.must(0, "audit", "verify")
	if got, want := a.audited()-recorded, int(changes.Load()); got != want {
		t.Errorf("%d of %d changes are in the audit log", got, want)
	}
	a.tidy()
}

// audited counts the lines of the audit log.
func (a *appliance) audited() int {
	a.t.Helper()
	text, err := os.ReadFile(filepath.Join(a.dir, "state/audit.jsonl"))
	if err != nil {
		a.t.Fatal(err)
	}
	return bytes.Count(text, []byte("\n"))
}
