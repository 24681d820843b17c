//go:build lab

package lab

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"calypso/tape/scsi/sg"
)

const (
	unitName    = "calypso-vtl@vtl01.service"
	unitOptions = "/etc/default/calypso-vtl-vtl01"
)

// installUnit does what make install does, and makes a library where the unit looks for it.
func installUnit(t *testing.T) {
	t.Helper()
	run(t, "install", "-D", "-m", "0755", "/lab/calypso", "/usr/local/bin/calypso")
	run(t, "install", "-D", "-m", "0644", "/lab/calypso-vtl@.service", "/usr/local/lib/systemd/system/calypso-vtl@.service")
	run(t, "systemctl", "daemon-reload")
	run(t, "calypso", "vtl", "create", "vtl01", "--drives", "2", "--slots", "4")
	t.Cleanup(func() {
		if t.Failed() {
			out, _ := exec.Command("sh", "-c", "systemctl status --no-pager "+unitName+"; journalctl --no-pager -n 100 -u "+unitName).CombinedOutput()
			t.Logf("%s", out)
		}
		run(t, "systemctl", "stop", unitName)
		run(t, "calypso", "vtl", "delete", "vtl01", "--confirm", "vtl01")
	})
}

// unitProperty is what systemd knows of the unit.
func unitProperty(t *testing.T, name string) string {
	t.Helper()
	return strings.TrimSpace(run(t, "systemctl", "show", "-P", name, unitName))
}

// restarted waits until systemd has started the unit once more, and it is active.
func restarted(t *testing.T, why string, before string) {
	t.Helper()
	began := time.Now()
	eventually(t, why, func() bool {
		return unitProperty(t, "NRestarts") != before && unitProperty(t, "ActiveState") == "active"
	})
	fmt.Printf("%s: active again after %.1f s\n", why, time.Since(began).Seconds())
}

// units are the devices as `calypso vtl status` knows them, which must be there now.
func units(t *testing.T) []unit {
	t.Helper()
	var doc struct{ Units []unit }
	out := run(t, "calypso", "vtl", "status", "vtl01", "--json")
	if err := json.Unmarshal([]byte(out), &doc); err != nil {
		t.Fatal(err)
	}
	for i, u := range doc.Units {
		for _, node := range []string{u.Generic, u.Tape} {
			if _, err := os.Stat(node); err != nil && (i > 0 || node != "") {
				t.Fatalf("%s: %v\n%s", u.Name, err, out)
			}
		}
	}
	return doc.Units
}

// identity is by what a host knows the devices again: serial numbers, NAA names, the links of by-id.
func identity(t *testing.T) string {
	t.Helper()
	run(t, "udevadm", "settle")
	var s []string
	for i, u := range units(t) {
		links, err := filepath.Glob("/dev/tape/by-id/*" + u.Serial + "*")
		if err != nil || len(links) < min(i+1, 2) { // the changer has one, a drive two
			t.Fatalf("by-id of %s: %v, %v", u.Name, links, err)
		}
		s = append(append(s, u.Serial, run(t, "sg_vpd", "-p", "di", u.Generic)), links...)
	}
	return strings.Join(s, "\n")
}

// TestUnit: the unit as it is installed, under the systemd of the machine.
func TestUnit(t *testing.T) {
	installUnit(t)
	run(t, "systemctl", "start", unitName)
	drive := units(t)[1] // active means that the devices are there
	says(t, []string{"active (running)", "serving vtl01 with 2 drives"}, "systemctl", "status", "--no-pager", unitName)
	names := identity(t)
	run(t, "calypso", "library", "load", "vtl01", "--slot", "1", "--drive", "0")
	run(t, "sh", "-c", "head -c 8M /dev/urandom >/tmp/data")
	run(t, "dd", "if=/tmp/data", "of="+drive.Tape, "bs=256k")

	run(t, "kill", "-KILL", unitProperty(t, "MainPID"))
	restarted(t, "SIGKILL", "0")
	readsBack(t)

	t.Run("stop", func(t *testing.T) { unitStops(t, names) })
	t.Run("options", unitTakesOptions)
	t.Run("watchdog", unitIsWatched)
}

func readsBack(t *testing.T) {
	t.Helper()
	tape := units(t)[1].Tape
	run(t, "mt", "-f", tape, "rewind")
	run(t, "sh", "-c", "dd bs=256k if="+tape+" | cmp - /tmp/data")
}

// unitStops: nothing stays behind, and after what a reboot does all is as before. A virtual drive is powered off and
// on by a reboot; its run directory is gone.
func unitStops(t *testing.T, names string) {
	run(t, "systemctl", "enable", unitName)
	if got, err := os.Readlink("/etc/systemd/system/multi-user.target.wants/" + unitName); err != nil || !strings.HasSuffix(got, "calypso-vtl@.service") {
		t.Errorf("enabled: %s, %v", got, err)
	}
	served := units(t)
	run(t, "systemctl", "stop", unitName)
	if found, _ := filepath.Glob("/sys/kernel/config/target/core/user_*"); len(found) > 0 {
		t.Errorf("left over: %v", found)
	}
	nodes, _ := sg.Nodes("/sys")
	for _, n := range nodes {
		if slices.ContainsFunc(served, func(u unit) bool { return u.Serial == n.Serial }) {
			t.Errorf("left over: %+v", n)
		}
	}
	run(t, "rm", "-rf", "/run/calypso")
	run(t, "systemctl", "start", "multi-user.target") // what the boot starts
	eventually(t, "the enabled unit", func() bool { return unitProperty(t, "ActiveState") == "active" })
	if got := identity(t); got != names {
		t.Errorf("the devices were\n%s\nand are\n%s", names, got)
	}
	readsBack(t)
	run(t, "systemctl", "disable", unitName)
}

// unitTakesOptions: those of the file in /etc/default. What is wrong is told once, not for ever.
func unitTakesOptions(t *testing.T) {
	t.Cleanup(func() { run(t, "rm", "-f", unitOptions); run(t, "systemctl", "reset-failed", unitName) })
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("/etc/vtl01.chap", "host1\ncorrect horse\n")
	write(unitOptions, "# for another host too\nOPTIONS=--loop --iscsi --portal 127.0.0.1:3270 --initiator iqn.2001-04.org:sd --chap-file /etc/vtl01.chap\n")
	run(t, "systemctl", "restart", unitName)
	says(t, []string{"127.0.0.1:3270"}, "ss", "-ltn")
	says(t, []string{"at 127.0.0.1:3270", "/dev/nst"}, "calypso", "vtl", "status", "vtl01")

	run(t, "systemctl", "stop", unitName)
	write(unitOptions, "OPTIONS=--iscsi --portal nowhere --any-initiator\n")
	fails(t, "", "systemctl", "start", unitName)
	eventually(t, "systemd gives the unit up", func() bool { return unitProperty(t, "ActiveState") == "failed" })
	if got := unitProperty(t, "ExecMainStatus"); got != "2" {
		t.Errorf("with an option that is none: exit status %s; want 2", got)
	}
	says(t, []string{"nowhere"}, "journalctl", "--no-pager", "-n", "20", "-u", unitName)
}

// unitIsWatched: a server that stands still, and one of whose devices does, is started again.
func unitIsWatched(t *testing.T) {
	const dropIn = "/run/systemd/system/" + unitName + ".d"
	run(t, "sh", "-c", "mkdir -p "+dropIn+"; printf '[Service]\\nWatchdogSec=2s\\n' >"+dropIn+"/watchdog.conf; systemctl daemon-reload")
	t.Cleanup(func() { run(t, "sh", "-c", "rm -r "+dropIn+"; systemctl daemon-reload") })
	run(t, "systemctl", "restart", unitName)
	run(t, "kill", "-STOP", unitProperty(t, "MainPID"))
	restarted(t, "SIGSTOP", "0")
	readsBack(t)

	// A command that takes an hour: longer than a device may be without progress.
	tape := units(t)[1]
	run(t, "calypso", "vtl", "fault", "inject", "vtl01:0", "slow", "--delay", "1h")
	asking := exec.Command("sg_inq", tape.Generic) // sg_turs 1.48 sends nothing
	if err := asking.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the slow command", func() bool {
		return exec.Command("sh", "-c", "calypso vtl status vtl01 --json | jq -e '.units[1].busy_since'").Run() == nil
	})
	run(t, "calypso", "vtl", "fault", "clear", "vtl01:0", "--all")
	restarted(t, "a device that stands still", "1")
	if err := asking.Wait(); err == nil {
		t.Error("the command of the server that was ended did not fail")
	}
	says(t, []string{"vtl01-drive-0: no progress for 20s", "Watchdog timeout"}, "journalctl", "--no-pager", "-u", unitName)
	readsBack(t)
}
