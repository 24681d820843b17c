package cmd

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"calypso/vtl/image"
)

// killed runs the program and kills it at a random moment within about the time that it takes. It says
// whether the kill came in time.
func (a *appliance) killed(random *rand.Rand, within time.Duration, in io.Reader, args ...string) bool {
	a.t.Helper()
	r := a.start(in, args...)
	time.Sleep(time.Duration(random.Int64N(int64(within))))
	r.signal(syscall.SIGKILL)
	return r.wait().exit == -1
}

// timed measures how long a command takes, for killed.
func (a *appliance) timed(in io.Reader, args ...string) time.Duration {
	a.t.Helper()
	began := time.Now()
	a.mustFrom(0, in, args...)
	return time.Since(began) * 11 / 10
}

// A writer or scanner that is killed at any moment costs no archive but its own, and that one is named,
// and closed by the next writer.
func TestWriteKilled(t *testing.T) {
	t.Parallel()
	random := newRandom(t)
	a := newAppliance(t)
	a.library()
	dir := a.tree(1 << 20)
	write := func(name, source string) []string {
		return []string{"lto", "write", "-f", "vtl01:0", "--name", name, "--buffer", "4MiB", source}
	}
	scan := []string{"lto", "scan", "-f", "vtl01:0"}
	stream, tree, look := a.timed(someBytes(3<<20), write("first", "-")...), a.timed(nothing(), write("second", dir)...), a.timed(nothing(), scan...)
	for i := range *crashKills {
		before := a.agreed()
		var died bool
		switch i % 4 {
		case 0, 2:
			died = a.killed(random, stream, someBytes(3<<20), write("killed", "-")...)
		case 1:
			died = a.killed(random, tree, nothing(), write("killed", dir)...)
		case 3:
			died = a.killed(random, look, nothing(), scan...)
		}
		a.namesTorn()
		if died && random.IntN(3) == 0 { // a second one, while it closes what the first left
			a.killed(random, stream, someBytes(3<<20), write("killed twice", "-")...)
			a.namesTorn()
		}
		if random.IntN(3) == 0 {
			a.must(0, scan...)
			a.namesTorn()
		}
		a.mustFrom(0, someBytes(300<<10), write("next", "-")...)
		after := a.agreed()
		if len(after) <= len(before) || after[len(after)-1].Name != "next" {
			t.Fatalf("kill %d: %d archives were followed by %+v", i, len(before), after)
		}
		if diff := cmp.Diff(before, after[:len(before)]); diff != "" {
			t.Fatalf("kill %d: earlier archives changed:\n%s", i, diff)
		}
		if i%8 == 7 {
			a.verified()
			a.relabel()
		}
	}
	a.verified()
	a.must(0, scan...)
	a.agreed()
	a.tidy()
	a.must(0, "audit", "verify")
}

func nothing() io.Reader { return strings.NewReader("") }

// namesTorn checks that status names the archive on the tape that has no manifest, and that what is
// whole on it is not called torn.
func (a *appliance) namesTorn() {
	a.t.Helper()
	onTape, status := a.list("--from-tape"), a.status()
	for _, u := range onTape.Incomplete {
		if !slices.ContainsFunc(status.Incomplete, func(s unfinishedDoc) bool { return s.File == u.File }) {
			a.t.Fatalf("file %d is incomplete (%s), status names %+v", u.File, u.Reason, status.Incomplete)
		}
	}
	a.list()
}

// relabel begins the tape anew, so that the tests do not get slower as it fills.
func (a *appliance) relabel() {
	a.t.Helper()
	a.must(0, "lto", "label", "-f", "vtl01:0", "V00001L8", "--confirm", "V00001L8")
	a.mustFrom(0, someBytes(1<<20), "lto", "write", "-f", "vtl01:0", "--name", "first", "-")
}

// Label and erase that are killed leave a tape that can be written, labelled or scanned, and the catalog
// never tells of archives that are gone.
func TestLabelKilled(t *testing.T) {
	t.Parallel()
	random := newRandom(t)
	a := newAppliance(t)
	a.library()
	label := []string{"lto", "label", "-f", "vtl01:0", "V00001L8", "--confirm", "V00001L8"}
	erase := []string{"lto", "erase", "-f", "vtl01:0", "--confirm", "V00001L8"}
	took := a.timed(nothing(), label...)
	for i := range *crashKills / 3 {
		a.relabel()
		destroy := label
		if i%3 == 2 {
			destroy = erase
		}
		a.killed(random, took, nothing(), destroy...)
		a.status()
		if got := a.run("lto", "scan", "-f", "vtl01:0"); got.exit != 0 {
			if got.exit != 13 && got.exit != 17 { // it is blank now
				t.Fatalf("kill %d: scan: %d\n%s", i, got.exit, got.stderr)
			}
			a.must(0, label...)
		}
		a.mustFrom(0, someBytes(300<<10), "lto", "write", "-f", "vtl01:0", "--name", "next", "-")
		a.agreed()
		a.verified()
	}
	// Without a scan in between: what the catalog says must not stop the next writer.
	for i := range *crashKills {
		a.must(0, label...)
		a.killed(random, took, nothing(), label...)
		got := a.start(someBytes(300<<10), "lto", "write", "-f", "vtl01:0", "--name", "next", "-").wait()
		if got.exit == 13 { // killed just when the old label was gone
			a.must(0, "lto", "label", "-f", "vtl01:0", "V00001L8")
		} else if got.exit != 0 {
			t.Fatalf("kill %d: write: %d\n%s", i, got.exit, got.stderr)
		}
		a.must(0, "lto", "scan", "-f", "vtl01:0")
		a.agreed()
	}
	a.tidy()
	a.must(0, "audit", "verify")
}

// Moves that are killed leave every cartridge in exactly one place, where it can be used.
func TestMoveKilled(t *testing.T) {
	t.Parallel()
	random := newRandom(t)
	a := newAppliance(t)
	a.must(0, "vtl", "create", "vtl01", "--drives", "2", "--slots", "4", "--io-slots", "1", "--tapes", "3")
	moves := [][]string{
		{"library", "load", "vtl01", "--slot", "1", "--drive", "0"},
		{"library", "load", "vtl01", "--slot", "2", "--drive", "1"},
		{"library", "unload", "vtl01", "--drive", "0"},
		{"library", "move", "vtl01", "drive:1", "drive:0"},
		{"library", "move", "vtl01", "slot:3", "slot:4"},
		{"library", "unload", "vtl01", "--drive", "1"},
		{"library", "export", "vtl01", "V00003L8"},
		{"library", "import", "vtl01"},
		{"library", "unload", "vtl01", "--drive", "0", "--slot", "2"},
	}
	took := a.timed(nothing(), "library", "load", "vtl01", "--slot", "1", "--drive", "0")
	for i := range *crashKills {
		args := moves[i%len(moves)]
		a.killed(random, took, nothing(), args...)
		a.oneplace(i)
		got := a.run(args...) // done already, or done now
		if got.exit != 0 && got.exit != 10 && got.exit != 13 && got.exit != 18 {
			t.Fatalf("kill %d: %q: %d\n%s", i, args, got.exit, got.stderr)
		}
		a.oneplace(i)
	}
	a.run("library", "unload", "vtl01", "--drive", "0")
	a.run("library", "unload", "vtl01", "--drive", "1")
	a.run("library", "import", "vtl01")
	a.must(0, "library", "load", "vtl01", "--barcode", "V00001L8", "--drive", "0") // which write what a kill left half-written
	a.must(0, "library", "load", "vtl01", "--barcode", "V00002L8", "--drive", "1")
	a.tidy()
	a.must(0, "audit", "verify")
}

// oneplace checks that the changer, the drives and the list of tapes tell of the same three cartridges.
func (a *appliance) oneplace(i int) {
	a.t.Helper()
	var tapes vtlTapeListDoc
	a.must(0, "vtl", "tape", "list", "vtl01", "--json").into(a.t, &tapes)
	want := map[string]string{}
	for _, tape := range tapes.Tapes {
		want[tape.Barcode] = tape.Location
	}
	if len(tapes.Tapes) != 3 || len(want) != 3 {
		a.t.Fatalf("kill %d: the tapes are %+v", i, tapes.Tapes)
	}
	got := map[string]string{}
	for at, barcode := range a.elements() {
		if before, twice := got[barcode]; twice {
			a.t.Fatalf("kill %d: %s is in %s and %s", i, barcode, before, at)
		}
		got[barcode] = at
	}
	if diff := cmp.Diff(want, got); diff != "" {
		a.t.Fatalf("kill %d: list (-) and inventory (+) differ:\n%s", i, diff)
	}
	for _, drive := range []string{"vtl01:0", "vtl01:1"} {
		var doc statusDoc
		a.must(0, "lto", "status", "-f", drive, "--json").into(a.t, &doc)
		inside := ""
		if doc.Medium != nil && doc.Medium.Barcode != nil {
			inside = *doc.Medium.Barcode
		}
		if inside != "" && want[inside] != drive {
			a.t.Fatalf("kill %d: %s says that it holds %s, which is in %s", i, drive, inside, want[inside])
		}
		if inside != "" { // and it can be read
			if got := a.run("lto", "rewind", "-f", drive); got.exit != 0 {
				a.t.Fatalf("kill %d: rewind: %d\n%s", i, got.exit, got.stderr)
			}
		}
	}
}

// elements are the barcodes that the changer sees, by place.
func (a *appliance) elements() map[string]string {
	a.t.Helper()
	var doc libraryShowDoc
	a.must(0, "library", "inventory", "vtl01", "--json").into(a.t, &doc)
	seen := map[string]string{}
	add := func(at string, barcode *string) {
		if barcode != nil {
			seen[at] = *barcode
		}
	}
	for _, d := range doc.Drives {
		add(d.Name, d.Barcode)
	}
	for _, e := range doc.Slots {
		add(fmt.Sprintf("slot %d", e.Number), e.Barcode)
	}
	for _, e := range doc.IOSlots {
		add(fmt.Sprintf("io slot %d", e.Number), e.Barcode)
	}
	return seen
}

// A library whose making or deleting is killed is there with all its tapes or not at all.
func TestLibraryKilled(t *testing.T) {
	t.Parallel()
	random := newRandom(t)
	a := newAppliance(t)
	create := []string{"vtl", "create", "vtl02", "--slots", "20", "--media", "LTO-7"}
	remove := []string{"vtl", "delete", "vtl02"}
	made, gone := a.timed(nothing(), create...), a.timed(nothing(), remove...)
	for i := range *crashKills / 2 {
		a.killed(random, made, nothing(), create...)
		there := a.whole(i, 20)
		if !there {
			a.must(0, create...)
		}
		a.killed(random, gone, nothing(), remove...)
		if a.whole(i, 20) {
			a.must(0, remove...)
		}
		if a.whole(i, 20) {
			t.Fatalf("kill %d: the library is still there", i)
		}
	}
	// What a killed one leaves is gone with the next change, whichever library that makes.
	for range *crashKills / 2 {
		a.killed(random, made, nothing(), create...)
		if a.whole(-1, 20) {
			a.must(0, remove...)
		}
		a.must(0, "vtl", "create", "vtl03", "--slots", "1")
		if entries, err := os.ReadDir(filepath.Join(a.dir, "state/vtl")); err != nil || len(entries) != 1 {
			t.Fatalf("of vtl03 alone there are %v, %v", entries, err)
		}
		a.must(0, "vtl", "delete", "vtl03")
	}
	a.must(0, create...)
	a.must(0, remove...)
	a.tidy()
	a.must(0, "audit", "verify")
}

// whole checks that vtl02 has so many tapes that can be used, or is not there.
func (a *appliance) whole(i, n int) bool {
	a.t.Helper()
	var list vtlListDoc
	a.must(0, "vtl", "list", "--json").into(a.t, &list)
	if len(list.Libraries) == 0 {
		a.must(10, "vtl", "show", "vtl02")
		return false
	}
	var tapes vtlTapeListDoc
	a.must(0, "vtl", "tape", "list", "vtl02", "--json").into(a.t, &tapes)
	if len(tapes.Tapes) != n {
		a.t.Fatalf("kill %d: %d tapes of %d: %+v", i, len(tapes.Tapes), n, tapes.Tapes)
	}
	for _, tape := range tapes.Tapes {
		if _, err := image.ReadMeta(filepath.Join(a.dir, "state/vtl/vtl02/tapes", tape.Barcode)); err != nil {
			a.t.Fatalf("kill %d: %v", i, err)
		}
	}
	return true
}

// A tape whose adding or removing is killed is there or not, and can be added or removed then.
func TestTapeKilled(t *testing.T) {
	t.Parallel()
	random := newRandom(t)
	a := newAppliance(t)
	a.must(0, "vtl", "create", "vtl02", "--slots", "3", "--tapes", "1", "--media", "LTO-7")
	add := []string{"vtl", "tape", "add", "vtl02", "A00001L7"}
	remove := []string{"vtl", "tape", "remove", "vtl02", "A00001L7"}
	made, gone := a.timed(nothing(), add...), a.timed(nothing(), remove...)
	there := func(i int) bool {
		var list vtlTapeListDoc
		a.must(0, "vtl", "tape", "list", "vtl02", "--json").into(t, &list)
		return a.whole(i, len(list.Tapes)) && len(list.Tapes) == 2
	}
	for i := range *crashKills / 2 {
		a.killed(random, made, nothing(), add...)
		if !there(i) {
			a.must(0, add...)
		}
		a.killed(random, gone, nothing(), remove...)
		if there(i) {
			a.must(0, remove...)
		}
		if there(i) {
			t.Fatalf("kill %d: the tape is still there", i)
		}
	}
	a.must(0, add...)
	a.must(0, remove...)
	if entries, err := os.ReadDir(filepath.Join(a.dir, "state/vtl/vtl02/tapes")); err != nil || len(entries) != 1 {
		t.Errorf("one tape is in the library, on disk are %v, %v", entries, err)
	}
	a.tidy()
	a.must(0, "audit", "verify")
}
