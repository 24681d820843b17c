//go:build lab

package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The main job on drives and a changer that the kernel shows: what calypso does to them goes through sg
// and st as with any other library.
func TestJobThroughKernel(t *testing.T) {
	served(t, 2)
	state, dir := t.TempDir(), t.TempDir()
	l := discover(t, state, "--write", "--name", "lab").Libraries[0]
	if len(l.Bays) != 2 || l.Bays[0].Serial == "" || l.Bays[1].Serial == "" || l.Bays[0].Tape == "" {
		t.Fatalf("%+v", l)
	}
	out, _ := calypso(t, state, 0, "lto", "list-drives")
	fmt.Println(out)
	calypso(t, state, 0, "library", "load", "lab", "--slot", "1", "--drive", "1")
	calypso(t, state, 0, "lto", "label", "-f", "lab:1", "V00001L8")
	data := filepath.Join(dir, "data")
	run(t, "dd", "if=/dev/urandom", "of="+data, "bs=1M", "count=16", "status=none")
	calypso(t, state, 0, "lto", "write", "-f", l.Bays[1].Serial, "--name", "one", data)
	calypso(t, state, 0, "lto", "write", "-f", l.Bays[1].Tape, "--name", "two", data)
	out, _ = calypso(t, state, 0, "lto", "list", "-f", l.Bays[1].Generic)
	fmt.Println(out)
	calypso(t, state, 0, "lto", "verify", "-f", "lab:1")
	back := filepath.Join(dir, "back")
	if err := os.Mkdir(back, 0o755); err != nil {
		t.Fatal(err)
	}
	calypso(t, state, 0, "lto", "read", "-f", glob(t, "/dev/tape/by-id/*"+l.Bays[1].Serial+"-nst"), "--file", "1", "-C", back)
	run(t, "sh", "-c", "cmp "+data+" $(find "+back+" -type f)")
	out, _ = calypso(t, state, 0, "lto", "status", "-f", "lab:1")
	fmt.Println(out)

	who, end := hold(t, l.Bays[1].Tape)
	_, errs := calypso(t, state, 11, "lto", "write", "-f", "lab:1", "--name", "three", data)
	if !strings.Contains(errs, who) {
		t.Errorf("the refusal does not name who has the drive:\n%s", errs)
	}
	calypso(t, state, 0, "lto", "status", "-f", "lab:1")
	end()

	calypso(t, state, 0, "library", "exchange", "lab", "slot:2", "--drive", "1")
	calypso(t, state, 0, "lto", "eject", "-f", "lab:1")
	calypso(t, state, 0, "library", "unload", "lab", "--drive", "1")
	out, _ = calypso(t, state, 0, "library", "show", "lab", "--full")
	fmt.Println(out)
	calypso(t, state, 0, "library", "inventory", "lab")
}
