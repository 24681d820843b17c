//go:build lab

package lab

import (
	"fmt"
	"math"
	"path/filepath"
	"testing"
	"time"
)

// seconds times a command.
func seconds(t *testing.T, name string, args ...string) float64 {
	t.Helper()
	began := time.Now()
	run(t, name, args...)
	return time.Since(began).Seconds()
}

// through puts a tape into the drive, times a command, and takes the tape out.
func (s *server) through(slot, name string, args ...string) float64 {
	s.t.Helper()
	s.must("library", "load", s.library, "--slot", slot, "--drive", "0")
	took := seconds(s.t, name, args...)
	s.must("library", "unload", s.library, "--drive", "0")
	return took
}

func (s *server) must(args ...string) {
	s.t.Helper()
	run(s.t, "/lab/calypso", append(args, "--state-dir", s.state)...)
}

const archiveMiB = 256

// TestBenchWrite: the verb, from its start to its end, beside dd to the same drive with the same bytes.
func TestBenchWrite(t *testing.T) {
	tableChecksums(t)
	s := newLibrary(t, "vtl01", "--slots", "2").start()
	data := filepath.Join(t.TempDir(), "data")
	run(t, "dd", "if=/dev/zero", "of="+data, "bs=1M", fmt.Sprint("count=", archiveMiB), "conv=fsync", "status=none")
	s.must("library", "load", "vtl01", "--slot", "1", "--drive", "0")
	s.must("lto", "label", "-f", "vtl01:0", "V00001L8")
	s.must("library", "unload", "vtl01", "--drive", "0")
	verb, dd := math.Inf(1), math.Inf(1)
	for n := range 2 {
		dd = min(dd, s.through("2", "dd", "if="+data, "of="+s.drives[0].Tape, "bs=256k", "status=none"))
		verb = min(verb, s.through("1", "/lab/calypso", "lto", "write", "-f", "vtl01:0", "--name", fmt.Sprint("run", n), data, "--state-dir", s.state))
	}
	const megabytes = archiveMiB * (1 << 20) / 1e6
	fmt.Printf("figure: lto write %.1f MB/s, dd to nst %.1f MB/s: %.2f (want 0.95)\n", megabytes/verb, megabytes/dd, dd/verb)
}

// TestBenchInventory: the verb beside mtx on a library of 1,000 slots, all full.
func TestBenchInventory(t *testing.T) {
	s := newLibrary(t, "vtl01", "--slots", "1000").start()
	verb, mtx := math.Inf(1), math.Inf(1)
	for range 4 {
		mtx = min(mtx, seconds(t, "mtx", "-f", s.changer.Generic, "status"))
		verb = min(verb, seconds(t, "/lab/calypso", "library", "inventory", "vtl01", "--state-dir", s.state))
	}
	version := seconds(t, "/lab/calypso", "version")
	fmt.Printf("figure: library inventory %.0f ms, mtx status %.0f ms: %.0f ms more (want 200); calypso version alone %.0f ms\n", verb*1e3, mtx*1e3, (verb-mtx)*1e3, version*1e3)
}
