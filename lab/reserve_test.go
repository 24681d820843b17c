//go:build lab

package lab

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"calypso/tape/scsi/sg"
)

// labHost is a host of its own as far as calypso sees: it has its machine-id, its state and its way to the
// devices, which the target knows for another initiator.
type labHost struct {
	t      *testing.T
	state  string
	enter  []string // a command line goes behind it
	drive  sg.Node  // of bay 0
	robot  sg.Node
	hostID string
}

// newHost makes a host that sees some of the machine's devices alone.
func newHost(t *testing.T, machineID string, nodes []sg.Node) *labHost {
	t.Helper()
	dir := t.TempDir()
	h := &labHost{t: t, state: filepath.Join(dir, "state")}
	seen := filepath.Join(dir, "sg")
	if err := os.Mkdir(seen, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, n := range nodes {
		name := filepath.Base(n.Generic)
		device, err := filepath.EvalSymlinks("/sys/class/scsi_generic/" + name)
		if err == nil {
			err = os.Symlink(device, filepath.Join(seen, name))
		}
		if err != nil {
			t.Fatal(err)
		}
		if n.Kind == sg.Changer {
			h.robot = n
		}
	}
	id := filepath.Join(dir, "machine-id")
	if err := os.WriteFile(id, []byte(machineID+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if f, err := os.OpenFile("/etc/machine-id", os.O_CREATE|os.O_RDONLY, 0o444); err == nil {
		f.Close()
	}
	mounts := fmt.Sprintf("mount --bind %s /etc/machine-id && mount --bind %s /sys/class/scsi_generic && exec \"$@\"", id, seen)
	h.enter = []string{"unshare", "-m", "sh", "-c", mounts, "sh", "calypso"}
	h.calypso(0, "library", "discover", "--write", "--name", "lib")
	first := h.reservation("lib:0")
	h.hostID = first.HostID
	h.drive = nodes[slices.IndexFunc(nodes, func(n sg.Node) bool { return n.Serial == first.Serial })]
	return h
}

func (h *labHost) command(args ...string) *exec.Cmd {
	line := append(slices.Clone(h.enter), args...)
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Env = append(os.Environ(), "CALYPSO_STATE_DIR="+h.state)
	return cmd
}

// calypso runs the program on this host, expects an exit status and gives what it said.
func (h *labHost) calypso(want int, args ...string) string {
	h.t.Helper()
	cmd := h.command(args...)
	out, _ := cmd.CombinedOutput()
	if got := cmd.ProcessState.ExitCode(); got != want {
		h.t.Fatalf("calypso %s: exit status %d, want %d\n%s", strings.Join(args, " "), got, want, out)
	}
	return string(out)
}

// saysWith is calypso, and wants words in what it says.
func (h *labHost) saysWith(want int, words []string, args ...string) {
	h.t.Helper()
	out := strings.Join(strings.Fields(h.calypso(want, args...)), " ")
	for _, w := range words {
		if !strings.Contains(out, w) {
			h.t.Errorf("calypso %s does not say %q:\n%s", strings.Join(args, " "), w, out)
		}
	}
}

type reserveList struct {
	Serial        string
	HostID        string `json:"this_host_id"`
	Reservation   *struct{ Key, Type string }
	Registrations []struct {
		Key, Initiator string
		Holder         bool
		Owner          struct {
			HostID  string `json:"host_id"`
			PID     int
			Running *bool
		}
	}
}

func (h *labHost) reservation(device string) (doc reserveList) {
	h.t.Helper()
	if err := json.Unmarshal([]byte(h.calypso(0, "lto", "reserve", "list", "-f", device, "--json")), &doc); err != nil {
		h.t.Fatal(err)
	}
	return doc
}

// reservedWrite is a writer with --reserve that has begun and has its source still open.
type reservedWrite struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out strings.Builder
	key string
}

func (h *labHost) write(name string, watcher *labHost) *reservedWrite {
	h.t.Helper()
	w := &reservedWrite{cmd: h.command("lto", "write", "-f", "lib:0", "--reserve", "--name", name, "--buffer", "1MiB", "-")}
	w.cmd.Stdout, w.cmd.Stderr = &w.out, &w.out
	var err error
	if w.in, err = w.cmd.StdinPipe(); err != nil {
		h.t.Fatal(err)
	}
	if err := w.cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	if _, err := w.in.Write(make([]byte, 4<<20)); err != nil { // more than the buffer: the tape has some of it
		h.t.Fatalf("%s ended: %v %v\n%s", name, err, w.cmd.Wait(), w.out.String())
	}
	doc := watcher.reservation("lib:0")
	if doc.Reservation == nil || doc.Reservation.Type != "exclusive_access" {
		h.t.Fatalf("while %s runs: %+v", name, doc)
	}
	w.key = doc.Reservation.Key
	return w
}

// end ends a writer and gives its exit status.
func (w *reservedWrite) end(s os.Signal) int {
	_ = w.cmd.Process.Signal(s)
	_ = w.cmd.Wait()
	return w.cmd.ProcessState.ExitCode()
}

// twoLabHosts are hosts that reach one served library over the loopback of the kernel and over iSCSI.
func twoLabHosts(t *testing.T) (a, b *labHost) {
	t.Helper()
	const initiator = "iqn.2001-04.com.example:lab"
	if err := os.WriteFile("/etc/iscsi/initiatorname.iscsi", []byte("InitiatorName="+initiator+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	newLibrary(t, "vtl01", "--drives", "2", "--slots", "4", "--media", "LTO-8").start("--loop", "--iscsi", "--initiator", initiator)
	local, err := sg.Nodes("/sys")
	if err != nil || len(local) != 3 {
		t.Fatalf("%v, %v", local, err)
	}
	run(t, "modprobe", "iscsi_tcp")
	daemon(t, "iscsid", "-f")
	eventually(t, "the target", func() bool {
		return exec.Command("iscsiadm", "-m", "discovery", "-t", "sendtargets", "-p", "127.0.0.1").Run() == nil
	})
	run(t, "iscsiadm", "-m", "node", "--login")
	t.Cleanup(func() { _ = exec.Command("iscsiadm", "-m", "node", "-u").Run() })
	var remote []sg.Node
	eventually(t, "the nodes over iSCSI", func() bool {
		all, _ := sg.Nodes("/sys")
		remote = nil
		for _, n := range all {
			known := slices.ContainsFunc(local, func(l sg.Node) bool { return l.Generic == n.Generic })
			if !known && (n.Kind == sg.Changer || n.NoRewind != "") {
				remote = append(remote, n)
			}
		}
		return len(remote) == 3 && exec.Command("udevadm", "settle").Run() == nil
	})
	return newHost(t, "11111111111111111111111111111111", local), newHost(t, "22222222222222222222222222222222", remote)
}

var persistKey = regexp.MustCompile(`0x[0-9a-f]+\b`)

// agree holds the list of keys against that of sg_persist.
func agree(t *testing.T, h *labHost) {
	t.Helper()
	out := run(t, "sg_persist", "-n", "-i", "-k", h.drive.Generic)
	_, list, _ := strings.Cut(out, "follow")
	var theirs, ours []string
	for _, k := range persistKey.FindAllString(list, -1) {
		theirs = append(theirs, "0x"+fmt.Sprintf("%016s", strings.TrimPrefix(k, "0x")))
	}
	for _, g := range h.reservation("lib:0").Registrations {
		ours = append(ours, g.Key)
	}
	slices.Sort(theirs)
	slices.Sort(ours)
	if len(ours) == 0 || !slices.Equal(theirs, ours) {
		t.Errorf("keys %v, sg_persist has %v\n%s", ours, theirs, out)
	}
}

func TestReserveTwoHosts(t *testing.T) {
	a, b := twoLabHosts(t)
	if a.hostID == b.hostID {
		t.Fatalf("both hosts are %s", a.hostID)
	}
	a.calypso(0, "library", "load", "lib", "--slot", "1", "--drive", "0", "--reserve")
	a.calypso(0, "lto", "label", "-f", "lib:0", "V00001L8", "--reserve")
	t.Run("writer", func(t *testing.T) { a.t, b.t = t, t; reserveWriter(t, a, b) })
	t.Run("killed", func(t *testing.T) { a.t, b.t = t, t; reserveKilled(t, a, b) })
	t.Run("preempt", func(t *testing.T) { a.t, b.t = t, t; reservePreempted(t, a, b) })
	t.Run("robot", func(t *testing.T) { a.t, b.t = t, t; reserveRobot(t, a, b) })
	t.Run("holder", func(t *testing.T) { a.t, b.t = t, t; foreignHolderShown(t, a) })
	if out := run(t, "dmesg"); strings.Contains(out, "Oops") || strings.Contains(out, "BUG:") {
		t.Error(out)
	}
}

// reserveWriter: while a host writes with --reserve the other is refused everything that counts, and told who.
func reserveWriter(t *testing.T, a, b *labHost) {
	for _, e := range []struct {
		signal syscall.Signal
		exit   int
	}{{syscall.SIGTERM, 143}, {syscall.SIGINT, 130}} {
		w := a.write("stopped", b)
		who := fmt.Sprintf("key %s: calypso on another host (host id %s, pid %d)", w.key, a.hostID, w.cmd.Process.Pid)
		for _, args := range [][]string{{"lto", "rewind"}, {"lto", "write", "--name", "x", "--reserve", "/etc/hosts"}, {"lto", "verify"}, {"lto", "eject"}} {
			b.saysWith(11, []string{who, "lto reserve list"}, append(args, "-f", "lib:0")...)
		}
		b.calypso(11, "library", "unload", "lib", "--drive", "0")
		b.saysWith(0, []string{"reserved", who}, "lto", "status", "-f", "lib:0")
		agree(t, b)
		for _, line := range []string{"mt -f %s rewind", "dd if=/dev/zero of=%s bs=64k count=1", "dd if=%s of=/dev/null bs=64k count=1"} {
			out, err := exec.Command("timeout", "30", "sh", "-c", fmt.Sprintf(line, b.drive.NoRewind)).CombinedOutput()
			fmt.Printf("reserved, "+line+": %v %s\n", b.drive.NoRewind, err, strings.TrimSpace(string(out)))
			if err == nil {
				t.Errorf("%s works on the other host", line)
			}
		}
		if got := w.end(e.signal); got != e.exit {
			t.Errorf("the writer ended with %d, want %d\n%s", got, e.exit, w.out.String())
		}
		if doc := b.reservation("lib:0"); doc.Reservation != nil || len(doc.Registrations) != 0 {
			t.Errorf("after %v: %+v", e.signal, doc)
		}
		b.calypso(0, "lto", "rewind", "-f", "lib:0", "--reserve")
	}
	a.calypso(0, "lto", "write", "-f", "lib:0", "--reserve", "--name", "whole", "/etc/hosts")
	fmt.Println(b.calypso(0, "lto", "scan", "-f", "lib:0", "--reserve"))
}

// reserveKilled: what a killed writer leaves is named, and cleared by its own host.
func reserveKilled(t *testing.T, a, b *labHost) {
	w := a.write("killed", b)
	w.end(syscall.SIGKILL)
	gone := fmt.Sprintf("pid %d of this host, which is gone", w.cmd.Process.Pid)
	fmt.Println(a.calypso(0, "lto", "reserve", "list", "-f", "lib:0"))
	a.saysWith(0, []string{w.key, gone}, "lto", "reserve", "list", "-f", "lib:0")
	b.saysWith(11, []string{w.key, a.hostID}, "lto", "rewind", "-f", "lib:0")
	b.saysWith(0, []string{"left nothing reserved"}, "lto", "reserve", "release", "-f", "lib:0")
	agree(t, a)
	a.saysWith(0, []string{"released " + w.key}, "lto", "reserve", "release", "-f", "lib:0")
	b.calypso(0, "lto", "rewind", "-f", "lib:0")
	a.calypso(0, "lto", "write", "-f", "lib:0", "--name", "next", "/etc/hosts")

	w = a.write("killed again", b)
	w.end(syscall.SIGKILL)
	a.calypso(0, "lto", "write", "-f", "lib:0", "--reserve", "--name", "after", "/etc/hosts") // takes it over
	if doc := b.reservation("lib:0"); len(doc.Registrations) != 0 {
		t.Errorf("after the next writer: %+v", doc)
	}
}

// reservePreempted: the other host takes the drive from one that is gone, and from one that is not.
func reservePreempted(t *testing.T, a, b *labHost) {
	w := a.write("lost", b)
	w.end(syscall.SIGKILL)
	b.calypso(13, "lto", "reserve", "preempt", "-f", "lib:0", "--key", w.key)
	b.calypso(10, "lto", "reserve", "preempt", "-f", "lib:0", "--key", "0x1", "--yes")
	b.saysWith(0, []string{"took " + w.key}, "lto", "reserve", "preempt", "-f", "lib:0", "--key", w.key, "--yes")
	if doc := b.reservation("lib:0"); len(doc.Registrations) != 0 || doc.Reservation != nil {
		t.Errorf("after preempt: %+v", doc)
	}
	b.calypso(0, "lto", "rewind", "-f", "lib:0", "--reserve")

	w = a.write("alive", b)
	b.calypso(0, "lto", "reserve", "preempt", "-f", "lib:0", "--key", w.key, "--yes", "--abort")
	b.calypso(0, "lto", "rewind", "-f", "lib:0", "--reserve")
	go func() { _, _ = w.in.Write(make([]byte, 8<<20)); _ = w.in.Close() }()
	_ = w.cmd.Wait()
	fmt.Printf("the writer that was ousted: status %d\n%s\n", w.cmd.ProcessState.ExitCode(), w.out.String())
	if w.cmd.ProcessState.ExitCode() == 0 || !strings.Contains(w.out.String(), "taken away") {
		t.Error("the writer does not say that its reservation was taken away")
	}
	a.calypso(0, "lto", "write", "-f", "lib:0", "--reserve", "--name", "again", "/etc/hosts")
	a.calypso(3, "lto", "verify", "-f", "lib:0") // all but those that were broken off
}

// reserveRobot: the robot that another program has reserved, and what Linux lets pass.
func reserveRobot(t *testing.T, a, b *labHost) {
	persist := func(args ...string) {
		run(t, "sg_persist", append(append([]string{"-n", "-o"}, args...), a.robot.Generic)...)
	}
	persist("-G", "-S", "0xabc")
	persist("-R", "-K", "0xabc", "-T", "3")
	for _, args := range [][]string{{"library", "load", "lib", "--slot", "2", "--drive", "1"}, {"library", "load", "lib", "--slot", "2", "--drive", "1", "--reserve"}} {
		b.saysWith(11, []string{"0x0000000000000abc: not a key of calypso"}, args...)
	}
	fmt.Println(b.calypso(0, "lto", "reserve", "list", "-f", "lib"))
	fails(t, "", "mtx", "-f", b.robot.Generic, "transfer", "2", "4")
	persist("-L", "-K", "0xabc", "-T", "3")
	// Why not write exclusive: the kernel lets commands without data pass, and MOVE MEDIUM is one.
	persist("-R", "-K", "0xabc", "-T", "1")
	if out, err := exec.Command("mtx", "-f", b.robot.Generic, "transfer", "2", "1").CombinedOutput(); err != nil {
		t.Errorf("MOVE MEDIUM of the other host beside a write exclusive reservation: %v %s; it used to pass, see docs/sharing.md", err, out)
	} else {
		run(t, "mtx", "-f", a.robot.Generic, "transfer", "1", "2")
	}
	b.calypso(0, "lto", "reserve", "preempt", "-f", "lib", "--all", "--yes")
	if doc := a.reservation("lib"); len(doc.Registrations) != 0 {
		t.Errorf("%+v", doc)
	}
	b.calypso(0, "library", "unload", "lib", "--drive", "0", "--reserve")
	a.calypso(0, "library", "load", "lib", "--slot", "1", "--drive", "0", "--reserve")
}

// foreignHolderShown: a program that has the node open is named by verbs that take no lock.
func foreignHolderShown(t *testing.T, a *labHost) {
	dd := exec.Command("dd", "of="+a.drive.NoRewind, "bs=64k")
	in, err := dd.StdinPipe()
	if err == nil {
		err = dd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close(); _ = dd.Process.Kill(); _ = dd.Wait() }()
	who := fmt.Sprintf("pid %d (dd of=%s bs=64k)", dd.Process.Pid, a.drive.NoRewind)
	eventually(t, "dd has the drive", func() bool { return strings.Contains(a.calypso(0, "lto", "status", "-f", "lib:0"), who) })
	a.saysWith(0, []string{"busy", who}, "lto", "status", "-f", "lib:0")
	a.saysWith(0, []string{who}, "lto", "list-drives")
	a.saysWith(11, []string{"held by " + who}, "lto", "rewind", "-f", "lib:0")
}

// TestReserveForeignTarget: what a target that is not ours makes of reservations.
func TestReserveForeignTarget(t *testing.T) {
	tgt(t)
	state := t.TempDir()
	node := discoverNode(t, "TGTDRV01")
	for _, args := range [][]string{{"lto", "reserve", "list"}, {"lto", "rewind", "--reserve"}} {
		cmd := exec.Command("calypso", append(args, "-f", node)...)
		cmd.Env = append(os.Environ(), "CALYPSO_STATE_DIR="+state)
		out, _ := cmd.CombinedOutput()
		if got := cmd.ProcessState.ExitCode(); got != 15 {
			t.Errorf("calypso %v ends with %d; want 15, it has none\n%s", args, got, out)
		}
	}
	if out, err := exec.Command("sg_persist", "-n", "-i", "-c", node).CombinedOutput(); err == nil {
		t.Errorf("sg_persist finds reservations:\n%s", out)
	}
}
