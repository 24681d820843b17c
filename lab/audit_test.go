//go:build lab

package lab

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// elsewhere runs calypso as another host would that only sees the kernel's devices.
func (s *server) elsewhere(t *testing.T, dir string) *server {
	t.Helper()
	return &server{t: t, state: filepath.Join(dir, "state"), library: s.library}
}

// TestChangerOfTheHost: a library that nobody had remembered is moved where the configuration file allows it,
// and what mtx does behind calypso's back is seen by the audit.
func TestChangerOfTheHost(t *testing.T) {
	s := newLibrary(t, "vtl01", "--drives", "2", "--slots", "1000", "--io-slots", "2", "--tapes", "20").start()
	dir := t.TempDir()
	config := filepath.Join(dir, "config.yaml")
	host := s.elsewhere(t, dir)
	do := func(want string, args ...string) {
		t.Helper()
		out, err := host.calypso(append(args, "--config", config)...)
		if !strings.Contains(out, want) {
			t.Errorf("calypso %s: %v, no %q in\n%.2000s", strings.Join(args, " "), err, want, out)
		}
	}
	write := func(text string) {
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("changers: [OTHER]\n")
	changer := s.changer.Generic
	do("changers:", "library", "load", changer, "--slot", "1")
	write("changers: [" + s.changer.Serial + "]\n")
	do("from slot 1 to drive 1", "library", "load", changer, "--slot", "1", "--drive", "1")
	do("unrecorded", "library", "audit", changer, "--json")
	do("all places are known", "library", "audit", changer, "--accept")
	run(t, "mtx", "-f", changer, "transfer", "5", "900")
	run(t, "mtx", "-f", changer, "load", "6", "0")
	do("moved ", "library", "audit", changer)
	do("slot 900", "library", "audit", changer)
	do("loaded ", "library", "audit", changer)
	do("from drive 1 to slot 1", "library", "unload", changer, "--drive", "1")
	do("put cartridges in", "library", "import", changer)

	began := time.Now()
	run(t, "mtx", "-f", changer, "status")
	mtx := time.Since(began)
	began = time.Now()
	do("1000", "library", "inventory", changer)
	t.Logf("1000 slots: mtx status %v, library inventory %v", mtx, time.Since(began))
}
