package cmd

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

var endings = []struct {
	name   string
	signal syscall.Signal
	exit   int
}{{"SIGINT", syscall.SIGINT, 130}, {"SIGTERM", syscall.SIGTERM, 143}}

// tree makes files to archive, n bytes in all.
func (a *appliance) tree(n int64) string {
	a.t.Helper()
	dir := filepath.Join(a.dir, "tree")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		a.t.Fatal(err)
	}
	const files = 8
	for i := range int64(files) {
		f, err := os.Create(filepath.Join(dir, string(rune('a'+i))))
		if err == nil {
			_, err = io.Copy(f, someBytes(n/files))
		}
		if err == nil {
			err = f.Close()
		}
		if err != nil {
			a.t.Fatal(err)
		}
	}
	return dir
}

// A signal at any moment of a write closes the archive, with a manifest, and the next one appends.
func TestWriteStoppedBySignal(t *testing.T) {
	t.Parallel()
	moments := []struct {
		name  string
		start func(a *appliance) *running
		until func(a *appliance, r *running)
		exact bool // the archive is there, incomplete, whatever the timing
	}{
		{"stream that gives nothing", func(a *appliance) *running { return a.write(nil, "-") },
			func(a *appliance, r *running) { a.awaitHeld(r, "drive-") }, false},
		{"stream that stalls", func(a *appliance) *running { return a.writeSome(4 << 20) },
			func(a *appliance, r *running) { a.awaitGrowth(r, a.imageBytes()) }, true},
		{"stream that stalls early", func(a *appliance) *running { return a.writeSome(300 << 10) },
			func(a *appliance, r *running) { a.awaitWriting(r) }, false},
		{"endless stream", func(a *appliance) *running { return a.write(newEndless(), "-") },
			func(a *appliance, r *running) { a.awaitGrowth(r, 20<<20) }, true},
		{"endless stream while positioning", func(a *appliance) *running { return a.write(newEndless(), "-") },
			func(a *appliance, r *running) { a.awaitHeld(r, "drive-") }, false},
		{"tree", func(a *appliance) *running { return a.write(strings.NewReader(""), a.tree(256<<20)) },
			func(a *appliance, r *running) { a.awaitGrowth(r, 10<<20) }, false},
		{"closing", func(a *appliance) *running { return a.write(someBytes(30<<20), "-") },
			func(a *appliance, r *running) { a.awaitGrowth(r, 31<<20) }, false},
	}
	for _, m := range moments {
		for _, e := range endings {
			t.Run(m.name+"/"+e.name, func(t *testing.T) {
				a := newAppliance(t)
				a.library()
				a.mustFrom(0, someBytes(1<<20), "lto", "write", "-f", "vtl01:0", "--name", "before", "-")
				r := m.start(a)
				m.until(a, r)
				r.signal(e.signal)
				got := r.wait()
				t.Logf("exit status %d after %v", got.exit, got.took.Round(time.Millisecond))
				if got.exit != e.exit && (m.exact || got.exit != 0) {
					t.Fatalf("exit status %d; want %d\n%s", got.exit, e.exit, got.stderr)
				}
				a.stopped(got, m.exact)
			})
		}
	}
}

// write starts to write an archive.
func (a *appliance) write(in io.Reader, source string) *running {
	return a.start(in, "lto", "write", "-f", "vtl01:0", "--name", "stopped", source, "--json")
}

// writeSome writes an archive from a pipe that gives so many bytes and then nothing.
func (a *appliance) writeSome(n int64) *running {
	r := a.write(nil, "-")
	go func() { _, _ = io.Copy(r.stdin, someBytes(n)) }()
	return r
}

// stopped checks what is left of an archive whose writer was stopped.
func (a *appliance) stopped(got answer, must bool) {
	a.t.Helper()
	archives := a.agreed()
	last := archives[len(archives)-1]
	switch {
	case got.exit == 0 && (len(archives) != 2 || !last.Complete):
		a.t.Fatalf("exit status 0, archives %+v", archives)
	case got.exit == 0:
	case must && len(archives) != 2:
		a.t.Fatalf("the archive is not in the catalog: %+v", archives)
	case len(archives) == 2 && (last.Complete || last.Reason == nil || last.ManifestFile == nil):
		a.t.Fatalf("the archive was not closed as incomplete: %+v", last)
	}
	if status := a.status(); got.exit != 0 && len(status.Incomplete) != len(archives)-1 {
		a.t.Fatalf("%d archives, status names %+v", len(archives), status.Incomplete)
	}
	a.goesOn(len(archives))
	a.tidy()
}

// goesOn checks that the next archive is appended behind the others, of which there are n, and that
// all can be read.
func (a *appliance) goesOn(n int) {
	a.t.Helper()
	a.mustFrom(0, someBytes(1<<20), "lto", "write", "-f", "vtl01:0", "--name", "after", "-")
	archives := a.agreed()
	if len(archives) != n+1 || archives[n].Name != "after" {
		a.t.Fatalf("%d archives were followed by %+v", n, archives)
	}
	a.verified()
	before := a.list().Archives
	a.must(0, "lto", "scan", "-f", "vtl01:0")
	if after := a.list().Archives; len(after) != len(before) {
		a.t.Fatalf("scan finds %d archives of %d", len(after), len(before))
	}
}

// The same at random moments, of which many are in the positioning and the closing.
func TestWriteStoppedAtRandom(t *testing.T) {
	t.Parallel()
	random := newRandom(t)
	a := newAppliance(t)
	a.library()
	dir := a.tree(1 << 20)
	var slowest time.Duration
	for i := range *crashKills / 4 {
		e := endings[i%2]
		before := len(a.agreed())
		var r *running
		if random.IntN(2) == 0 {
			r = a.write(nothing(), dir)
		} else {
			r = a.write(someBytes(5<<20), "-")
		}
		a.awaitHeld(r, "drive-") // before, the process may not have its handlers yet
		time.Sleep(time.Duration(random.Int64N(int64(60 * time.Millisecond))))
		r.signal(e.signal)
		got := r.wait()
		slowest = max(slowest, got.took)
		archives := a.agreed()
		switch added := len(archives) - before; {
		case got.exit == 0 && added == 1 && archives[before].Complete:
		case got.exit == e.exit && added == 1 && !archives[before].Complete && archives[before].ManifestFile != nil:
		case got.exit == e.exit && added == 0:
		default:
			t.Fatalf("stop %d: exit status %d, %d archives more: %+v\n%s", i, got.exit, added, archives[before:], got.stderr)
		}
	}
	t.Logf("ended at the latest %v after the signal", slowest.Round(time.Millisecond))
	a.goesOn(len(a.agreed()))
	a.tidy()
	a.must(0, "audit", "verify")
}

// An answer that nobody reads does not keep the process from ending at a signal.
func TestAnswerNobodyReads(t *testing.T) {
	t.Parallel()
	a := newAppliance(t)
	a.must(0, "vtl", "create", "vtl01", "--slots", "1000", "--tapes", "800")
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	r := a.startInto(in, "library", "show", "vtl01", "--json") // more than a pipe holds
	in.Close()
	if _, err := io.ReadFull(out, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	r.signal(syscall.SIGTERM)
	if got := r.wait(); got.exit != 143 {
		t.Errorf("exit status %d\n%s", got.exit, got.stderr)
	}
}

// A restore into a pipe that nobody reads ends at a signal too, and gives the drive back.
func TestReadStoppedBySignal(t *testing.T) {
	t.Parallel()
	for _, e := range endings {
		a := newAppliance(t)
		a.library()
		a.mustFrom(0, someBytes(8<<20), "lto", "write", "-f", "vtl01:0", "--name", "some", "-")
		out, in, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer out.Close()
		r := a.startInto(in, "lto", "read", "-f", "vtl01:0", "--file", "1", "--stdout")
		in.Close()
		if _, err := io.ReadFull(out, make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
		r.signal(e.signal)
		if got := r.wait(); got.exit != e.exit {
			t.Errorf("%s: exit status %d\n%s", e.name, got.exit, got.stderr)
		} else {
			t.Logf("exit status %d after %v", got.exit, got.took.Round(time.Millisecond))
		}
		a.goesOn(1)
	}
}
