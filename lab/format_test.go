//go:build lab

package lab

import (
	"os/exec"
	"testing"
	"time"
)

// TestFormatMT: mt and mtx of the distribution judge what calypso writes in their place, on the devices of a
// served library, in the states that a job leads through.
func TestFormatMT(t *testing.T) {
	s := newLibrary(t, "vtl01", "--drives", "2", "--slots", "4", "--io-slots", "2", "--tapes", "3").start()
	nst := s.drives[0].Tape
	same := func(state string) {
		t.Helper()
		for _, pair := range [][2][]string{
			{{"mt", "-f", nst, "status"}, {"lto", "status", "-f", nst, "--format", "mt"}},
			{{"mtx", "-f", s.changer.Generic, "status"}, {"library", "show", s.changer.Generic, "--format", "mtx"}},
		} {
			out, err := s.calypso(pair[1]...)
			if want := run(t, pair[0][0], pair[0][1:]...); err != nil || out != want {
				t.Errorf("%s: calypso (%v) says\n%s%s says\n%s", state, err, out, pair[0][0], want)
			}
		}
	}
	same("empty")
	run(t, "mtx", "-f", s.changer.Generic, "load", "1", "0")
	same("just loaded")
	run(t, "mt", "-f", nst, "rewind")
	same("rewound")
	run(t, "sh", "-c", "head -c 1M /dev/urandom | dd of="+nst+" bs=64k")
	same("written")
	run(t, "sh", "-c", "head -c 1M /dev/urandom | dd of="+nst+" bs=64k")
	run(t, "mt", "-f", nst, "bsf", "1")
	same("before a filemark")
	run(t, "mt", "-f", nst, "asf", "1")
	same("in file 1")
	run(t, "mt", "-f", nst, "fsr", "3")
	same("in the middle of file 1")
	run(t, "mt", "-f", nst, "eod")
	same("at the end of data")
	run(t, "mt", "-f", nst, "setblk", "1024")
	same("blocks of 1024 bytes")
	run(t, "mt", "-f", nst, "setblk", "0")
	run(t, "mt", "-f", nst, "offline")
	same("unloaded")
	run(t, "mtx", "-f", s.changer.Generic, "unload", "1", "0")
	same("empty again")

	// While another program has the drive, both are refused: nothing of what it does is disturbed.
	holder := exec.Command("sh", "-c", "exec sleep 60 <"+s.drives[1].Tape)
	run(t, "mtx", "-f", s.changer.Generic, "load", "2", "1")
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = holder.Process.Kill(); _ = holder.Wait() }()
	time.Sleep(2 * time.Second)
	fails(t, "held by", "/lab/calypso", "lto", "status", "-f", s.drives[1].Tape, "--format", "mt", "--state-dir", s.state)
}
