//go:build lab

package lab

import (
	"errors"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// While a library is served, its name leads through the kernel: the whole job, by calypso alone.
func TestServedByNameThroughKernel(t *testing.T) {
	state := t.TempDir()
	calypso(t, state, 0, "vtl", "create", "vtl01", "--slots", "3", "--drives", "2")
	server := exec.Command("calypso", "vtl", "serve", "vtl01", "--loop")
	server.Env = append(server.Environ(), "CALYPSO_STATE_DIR="+state)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Process.Kill() })
	eventually(t, "the served library", func() bool {
		out, err := exec.Command("calypso", "--state-dir", state, "vtl", "status", "vtl01").Output()
		return err == nil && strings.Count(string(out), "/dev/nst") == 2
	})
	calypso(t, state, 0, "library", "load", "vtl01", "--slot", "1", "--drive", "0")
	calypso(t, state, 0, "lto", "label", "-f", "vtl01:0", "V00001L8")
	calypso(t, state, 0, "lto", "write", "-f", "vtl01:0", "--name", "etc", "/etc/apt")
	calypso(t, state, 0, "lto", "verify", "-f", "vtl01:0")
	out, _ := calypso(t, state, 0, "lto", "status", "-f", "vtl01:0")
	if !strings.Contains(out, "V00001L8") || !strings.Contains(out, "ready") {
		t.Errorf("status:\n%s", out)
	}
	if _, errs := calypso(t, state, 11, "vtl", "tape", "remove", "vtl01", "V00002L8"); !strings.Contains(errs, "served") {
		t.Errorf("a tape is removed behind the server's back: %s", errs)
	}
	calypso(t, state, 0, "library", "unload", "vtl01", "--drive", "0")
	err := server.Process.Signal(syscall.SIGTERM)
	if err = errors.Join(err, server.Wait()); err != nil {
		t.Errorf("the server, stopped: %v", err)
	}
	calypso(t, state, 0, "library", "load", "vtl01", "--slot", "1", "--drive", "1")
	calypso(t, state, 0, "lto", "verify", "-f", "vtl01:1")
}
