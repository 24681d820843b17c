//go:build lab

package lab

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"calypso/tape/scsi/sg"
)

func itoa(n int) string { return strconv.Itoa(n) }

// A writer that is killed leaves a tape that is whole up to the cut; the next one closes what it left and appends.
func TestPathClientKilled(t *testing.T) {
	_, h := writable(t, 1)
	var names []string
	for i := range 10 {
		w := h.write(t, fmt.Sprintf("cut-%d", i))
		time.Sleep(time.Duration(rand.IntN(3000)) * time.Millisecond)
		_ = w.cmd.Process.Kill()
		w.wait()
		name := fmt.Sprintf("whole-%d", i)
		h.small(t, name)
		names = append(names, name)
	}
	h.whole(t, names...)
	t.Log(h.calypso(t, 0, "lto", "list", "-f", h.drive))
}

// The server is killed while our client writes.
func TestPathServerKilled(t *testing.T) {
	s, h := writable(t, 1)
	h.small(t, "before")
	w := h.write(t, "cut")
	h.begun(t, s, "V00001L8", 2<<20)
	s.kill()
	s.start()
	w.cut("server killed")
	t.Log(h.calypso(t, 0, "lto", "scan", "-f", h.drive))
	h.small(t, "after")
	h.whole(t, "before", "after")
}

// What a killed server left in the kernel goes with the library, also what a program still waits for.
func TestPathDeleteAfterKill(t *testing.T) {
	s, h := writable(t, 1)
	h.small(t, "before")
	from := s.imageBytes("V00001L8")
	writer := exec.Command("dd", "if=/dev/zero", "of="+s.drives[0].Tape, "bs=64k")
	if err := writer.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "data on the tape", func() bool { return s.imageBytes("V00001L8") > from })
	s.kill()
	h.calypso(t, 13, "vtl", "delete", "vtl01") // its tape was written
	h.calypso(t, 0, "vtl", "delete", "vtl01", "--confirm", "vtl01")
	if err := writer.Wait(); err == nil {
		t.Error("the writer did not see an error")
	}
	noKernelDevices(t)
}

func noKernelDevices(t *testing.T) {
	t.Helper()
	for _, pattern := range []string{"core/user_*", "loopback/naa.*", "iscsi/iqn.*"} {
		if found, _ := filepath.Glob("/sys/kernel/config/target/" + pattern); len(found) > 0 {
			t.Errorf("left over: %v", found)
		}
	}
	eventually(t, "the nodes go", func() bool { nodes, _ := sg.Nodes("/sys"); return len(nodes) == 0 })
}

// A reset in mid-command: the drive is reset (-d), or the kernel believes that it is (-t, -b).
func TestPathReset(t *testing.T) {
	s, h := writable(t, 1)
	names := []string{"before"}
	h.small(t, "before")
	for _, level := range []string{"-d", "-t", "-b"} {
		name := "reset" + level
		w := h.write(t, name)
		h.begun(t, s, "V00001L8", 2<<20)
		out, err := exec.Command("sg_reset", level, s.drives[0].Generic).CombinedOutput()
		t.Logf("sg_reset %s: %v %s", level, err, out)
		if level == "-d" {
			w.cut("reset of the drive")
		} else {
			time.Sleep(500 * time.Millisecond)
			w.end()
			exit, said := w.wait()
			t.Logf("sg_reset %s: exit status %d\n%s", level, exit, said)
			if exit == 0 {
				names = append(names, name)
			}
		}
		h.small(t, "after"+level)
		names = append(names, "after"+level)
	}
	h.whole(t, names...)
}

// While the writer stands still, the drive is reset and rewinds, and a monitor is told: the writer must not go on.
func TestPathResetToldToAnother(t *testing.T) {
	s, h := writable(t, 1)
	h.small(t, "before")
	w := h.write(t, "cut")
	h.begun(t, s, "V00001L8", 2<<20)
	_ = w.cmd.Process.Signal(unix.SIGSTOP)
	run(t, "sg_raw", s.drives[0].Generic, "01", "00", "00", "00", "00", "00")
	time.Sleep(1200 * time.Millisecond)
	_ = w.cmd.Process.Signal(unix.SIGCONT)
	w.cut("rewound")
	h.small(t, "after")
	h.whole(t, "before", "after")
}

// The drive goes away in mid-command, as one whose cable is pulled.
func TestPathVanished(t *testing.T) {
	s, h := writable(t, 1)
	h.small(t, "before")
	w := h.write(t, "cut")
	h.begun(t, s, "V00001L8", 2<<20)
	device, err := filepath.EvalSymlinks("/sys/class/scsi_generic/" + filepath.Base(s.drives[0].Generic) + "/device")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(device, "delete"), []byte("1"), 0); err != nil {
		t.Fatal(err)
	}
	w.cut("drive gone")
	said := h.calypso(t, 10, "lto", "status", "-f", h.drive)
	t.Log(said)
	s.stop() // the loopback cannot be scanned
	s.start()
	h.small(t, "after")
	h.whole(t, "before", "after")
}

// The disk under the images fills up while a host writes.
func TestPathDiskFull(t *testing.T) {
	backing := t.TempDir()
	run(t, "mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", backing)
	t.Cleanup(func() { _ = unix.Unmount(backing, unix.MNT_DETACH) })
	s := newLibrary(t, "vtl01", "--drives", "1", "--slots", "4", "--backing", backing).start()
	h := host{s.state, "vtl01:0"}
	h.calypso(t, 0, "library", "load", "vtl01", "--slot", "1", "--drive", "0")
	h.calypso(t, 0, "lto", "label", "-f", h.drive, "V00001L8")
	h.small(t, "before")
	exit, said := h.write(t, "cut").wait()
	t.Logf("exit status %d\n%s\nserver: %s", exit, said, s.stderr())
	if exit != 16 && exit != 18 {
		t.Errorf("exit status %d; want 16 or 18", exit)
	}
	if !strings.Contains(s.stderr(), "no space left") {
		t.Errorf("the server does not say why: %s", s.stderr())
	}
	_ = exec.Command("dd", "if=/dev/zero", "of="+backing+"/full", "bs=4k").Run()
	h.calypso(t, 0, "library", "unload", "vtl01", "--drive", "0")
	h.calypso(t, 0, "library", "load", "vtl01", "--slot", "1", "--drive", "0")
	h.calypso(t, 0, "lto", "read", "-f", h.drive, "--name", "before", "-C", t.TempDir())
	run(t, "mount", "-o", "remount,size=100m", backing)
	h.small(t, "after")
	h.whole(t, "before", "after")
}

// initiator makes this host one that can log in to the target.
func initiator(t *testing.T) {
	t.Helper()
	run(t, "modprobe", "iscsi_tcp")
	run(t, "ip", "link", "set", "lo", "up")
	if err := os.WriteFile("/etc/iscsi/initiatorname.iscsi", []byte("InitiatorName="+labInitiator+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	daemon := exec.Command("iscsid", "-f")
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = daemon.Process.Kill(); _ = daemon.Wait() })
	eventually(t, "the target", func() bool {
		return exec.Command("iscsiadm", "-m", "discovery", "-t", "sendtargets", "-p", "127.0.0.1").Run() == nil
	})
	run(t, "iscsiadm", "-m", "node", "-o", "update", "-n", "node.session.timeo.replacement_timeout", "-v", "5")
	t.Cleanup(func() {
		_ = exec.Command("iscsiadm", "-m", "node", "-u").Run()
		_ = exec.Command("iscsiadm", "-m", "node", "-o", "delete").Run()
	})
}

const labInitiator = "iqn.2001-04.com.example:lab"

// logIn gives the nodes that were not there before.
func logIn(t *testing.T, count int) (list []sg.Node) {
	t.Helper()
	before := map[string]bool{}
	old, _ := sg.Nodes("/sys")
	for _, n := range old {
		before[n.Generic] = true
	}
	run(t, "iscsiadm", "-m", "node", "--login")
	eventually(t, "the nodes over iSCSI", func() bool {
		_ = exec.Command("udevadm", "settle").Run()
		list = nil
		nodes, _ := sg.Nodes("/sys")
		for _, n := range nodes {
			if !before[n.Generic] && (n.Kind == sg.Changer || n.NoRewind != "") {
				list = append(list, n)
			}
		}
		return len(list) == count
	})
	return list
}

// A library that is reached over iSCSI alone; the session ends in mid-command: logged out, its connection killed.
func TestPathSessionEnds(t *testing.T) {
	s := newLibrary(t, "vtl01", "--drives", "1", "--slots", "4").start("--iscsi", "--initiator", labInitiator)
	initiator(t)
	logIn(t, 2)
	h := host{s.state, "vtl01:0"}
	h.calypso(t, 0, "library", "load", "vtl01", "--slot", "1", "--drive", "0")
	h.calypso(t, 0, "lto", "label", "-f", h.drive, "V00001L8")
	h.small(t, "before")
	names := []string{"before"}

	w := h.write(t, "logged-out")
	h.begun(t, s, "V00001L8", 2<<20)
	run(t, "iscsiadm", "-m", "node", "-u")
	w.cut("log-out")
	t.Log(h.calypso(t, 10, "lto", "status", "-f", h.drive))
	logIn(t, 2)
	t.Log(h.calypso(t, 0, "lto", "scan", "-f", h.drive))
	h.small(t, "logged-in")
	names = append(names, "logged-in")
	h.whole(t, names...)

	for i := range 3 { // a connection that dies comes back by itself; what was under way is lost, or is not
		name := fmt.Sprintf("disconnected-%d", i)
		w := h.write(t, name)
		h.begun(t, s, "V00001L8", 2<<20)
		run(t, "ss", "-K", "dport", "=", "3260")
		time.Sleep(time.Second)
		w.end()
		exit, said := w.wait()
		t.Logf("%s: exit status %d\n%s", name, exit, said)
		switch exit {
		case 0:
			names = append(names, name)
		case 14, 16:
		default:
			t.Errorf("%s: exit status %d; want 0, or 14 or 16", name, exit)
		}
		h.small(t, "again-"+itoa(i))
		names = append(names, "again-"+itoa(i))
	}
	run(t, "sg_reset", "-d", "/dev/"+filepath.Base(nodeOf(t, s.drives[0].Serial)))
	h.small(t, "after-reset")
	h.whole(t, append(names, "after-reset")...)
}

func nodeOf(t *testing.T, serial string) string { t.Helper(); return discoverNode(t, serial) }

// Two hosts at once, one at each drive: this one through the loopback, another over iSCSI.
func TestPathTwoInitiators(t *testing.T) {
	s, local := writable(t, 2, "--loop", "--iscsi", "--initiator", labInitiator)
	initiator(t)
	nodes := logIn(t, 3)
	remote := host{state: t.TempDir()}
	for _, n := range nodes {
		if n.Serial == s.drives[1].Serial {
			remote.drive = n.NoRewind
		}
	}
	local.drive = s.drives[0].Tape // its serial number is there twice now
	remote.calypso(t, 0, "lto", "scan", "-f", remote.drive)
	for i := range 2 {
		a, b := local.write(t, "local-"+itoa(i)), remote.write(t, "remote-"+itoa(i))
		local.begun(t, s, "V00001L8", 4<<20)
		remote.begun(t, s, "V00002L8", 4<<20)
		out, _ := s.calypso("vtl", "status", "vtl01")
		t.Log(out)
		a.end()
		b.end()
		for _, w := range []*writing{a, b} {
			if exit, said := w.wait(); exit != 0 {
				t.Errorf("exit status %d\n%s", exit, said)
			}
		}
	}
	done := make(chan struct{})
	go func() { defer close(done); remote.whole(t, "remote-0", "remote-1") }()
	local.whole(t, "local-0", "local-1")
	<-done
	eventually(t, "the session and the rates in the status", func() bool {
		out, err := s.calypso("vtl", "status", "vtl01")
		return err == nil && strings.Contains(out, "session of "+labInitiator) && strings.Contains(out, "READ/S")
	})
}

// A portal that another program has, one that two libraries share, an initiator that may not log in.
func TestPathPortal(t *testing.T) {
	s := newLibrary(t, "vtl01", "--drives", "1", "--slots", "2")
	run(t, "ip", "link", "set", "lo", "up")
	l, err := net.Listen("tcp", "127.0.0.1:3260")
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.calypso("vtl", "serve", "vtl01", "--iscsi", "--any-initiator")
	if err == nil || err.(*exec.ExitError).ExitCode() != 11 || !strings.Contains(out, "127.0.0.1:3260") {
		t.Errorf("serve at a portal in use: %v\n%s", err, out)
	}
	noKernelDevices(t)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if out, err := s.calypso("vtl", "status", "vtl01"); err != nil || !strings.Contains(out, "not served") {
		t.Errorf("status: %v\n%s", err, out)
	}
	s.start("--iscsi", "--initiator", "iqn.2001-04.com.example:another")
	other := newLibrary(t, "vtl02", "--drives", "1", "--slots", "2")
	other.start("--iscsi", "--initiator", "iqn.2001-04.com.example:another") // LIO lets targets share a portal
	initiator(t)
	fails(t, "authorization failure", "iscsiadm", "-m", "node", "--login")
	if out, err := s.calypso("vtl", "status", "vtl01"); err != nil || strings.Contains(out, "session of") {
		t.Errorf("status: %v\n%s", err, out)
	}
	t.Log(run(t, "sh", "-c", "dmesg | tail -5"))
}

// What is missing or not allowed is named, with what to do.
func TestPathMissing(t *testing.T) {
	s := newLibrary(t, "vtl01", "--drives", "1", "--slots", "2")
	h := host{s.state, "vtl01:0"}

	module := strings.TrimSpace(run(t, "modinfo", "-n", "target_core_user"))
	_ = exec.Command("modprobe", "-r", "target_core_user").Run()
	run(t, "mv", module, "/root/aside")
	out, err := s.calypso("vtl", "serve", "vtl01")
	run(t, "mv", "/root/aside", module)
	if err == nil || err.(*exec.ExitError).ExitCode() != 15 || !strings.Contains(out, "modprobe target_core_user") {
		t.Errorf("serve without target_core_user: %v\n%s", err, out)
	}
	noKernelDevices(t)

	run(t, "modprobe", "-r", "ch", "st", "sg")
	for _, args := range [][]string{{"library", "discover"}, {"lto", "status", "-f", "/dev/nst0"}} {
		out, _ := s.calypso(args...)
		t.Logf("without sg: calypso %v: %s", args, out)
		if !strings.Contains(out, "modprobe sg") {
			t.Errorf("without sg, %v does not say what to do: %s", args, out)
		}
	}

	s.start()
	h.calypso(t, 0, "library", "load", "vtl01", "--slot", "1", "--drive", "0")
	drive := s.drives[0]
	run(t, "mv", drive.Generic, "/dev/aside")
	for _, name := range []string{drive.Tape, h.drive} {
		said := h.calypso(t, 10, "lto", "status", "-f", name)
		t.Log(said)
		if !strings.Contains(said, drive.Generic) {
			t.Errorf("it does not name the node that is missing: %s", said)
		}
	}
	run(t, "mv", "/dev/aside", drive.Generic)

	run(t, "cp", "/lab/calypso", "/usr/local/bin/calypso-nobody")
	for _, args := range [][]string{{"lto", "status", "-f", drive.Generic}, {"lto", "rewind", "-f", drive.Tape}} {
		cmd := exec.Command("setpriv", append([]string{"--reuid", "nobody", "--regid", "nogroup", "--clear-groups", "/usr/local/bin/calypso-nobody"}, args...)...)
		cmd.Env = append(os.Environ(), "HOME=/tmp", "CALYPSO_STATE_DIR=/tmp/nobody")
		out, _ := cmd.CombinedOutput()
		t.Logf("%s", out)
		if exit := cmd.ProcessState.ExitCode(); exit != 12 || !strings.Contains(string(out), "group tape") {
			t.Errorf("as nobody, %v: exit status %d\n%s; want 12 and the group", args, exit, out)
		}
	}
}
