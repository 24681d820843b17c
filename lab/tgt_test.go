//go:build lab

package lab

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"calypso/tape/scsi/sg"
)

// calypso runs the program with a state directory of its own, expects an exit status and gives both streams.
func calypso(t *testing.T, state string, want int, args ...string) (stdout, stderr string) {
	t.Helper()
	cmd := exec.Command("calypso", args...)
	cmd.Env = append(os.Environ(), "CALYPSO_STATE_DIR="+state)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	_ = cmd.Run()
	if got := cmd.ProcessState.ExitCode(); got != want {
		t.Fatalf("calypso %s: exit status %d, want %d\n%s%s", strings.Join(args, " "), got, want, out.String(), errs.String())
	}
	return out.String(), errs.String()
}

// discovered is what the tests read of 'calypso library discover --json'.
type discovered struct {
	Libraries []struct {
		Name    string
		Serial  string
		Generic string `json:"generic_node"`
		Bays    []struct {
			Serial  string
			Generic string `json:"generic_node"`
			Tape    string `json:"tape_node"`
			Barcode string
			Reason  string
		}
	}
}

func discover(t *testing.T, state string, args ...string) discovered {
	t.Helper()
	out, _ := calypso(t, state, 0, append([]string{"library", "discover", "--json"}, args...)...)
	var d discovered
	if err := json.Unmarshal([]byte(out), &d); err != nil {
		t.Fatal(err)
	}
	if len(d.Libraries) != 1 {
		t.Fatalf("%d libraries; want one:\n%s", len(d.Libraries), out)
	}
	return d
}

// hold keeps a drive open as another program would, and gives what calypso is to say of it, and the end.
func hold(t *testing.T, node string) (who string, end func()) {
	t.Helper()
	fd, err := unix.Open(node, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("held by pid %d (lab.test", os.Getpid()), func() { _ = unix.Close(fd) }
}

const tgtName = "iqn.2026-01.org.example:tgt"

// tgt starts a target with two tapes and a changer that is not ours, logs in to it over loopback and gives
// the pids of its daemon. Its third bay holds no drive: tgt leaves the last 8 bytes out of every report.
func tgt(t *testing.T) []string {
	t.Helper()
	for _, m := range []string{"sg", "st", "ch", "iscsi_tcp"} {
		run(t, "modprobe", m)
	}
	run(t, "ip", "link", "set", "lo", "up")
	dir := t.TempDir()
	t.Cleanup(func() { endTGT(t) })
	run(t, "tgtd")
	eventually(t, "tgtd", func() bool {
		return exec.Command("tgtadm", "--lld", "iscsi", "--op", "show", "--mode", "target").Run() == nil
	})
	for _, code := range []string{"TGT001L8", "TGT002L8"} {
		run(t, "tgtimg", "--op", "new", "--device-type", "tape", "--barcode", code, "--size", "100", "--type", "data", "--file", filepath.Join(dir, code))
	}
	smc := filepath.Join(dir, "smc")
	if err := os.WriteFile(smc, make([]byte, 1024), 0o644); err != nil {
		t.Fatal(err)
	}
	adm := func(args string) { run(t, "tgtadm", append([]string{"--lld", "iscsi"}, strings.Fields(args)...)...) }
	unit := func(lun int, params string) {
		adm(fmt.Sprintf("--op update --mode logicalunit --tid 1 --lun %d --params %s", lun, params))
	}
	adm("--op new --mode target --tid 1 -T " + tgtName)
	for lun := 1; lun <= 2; lun++ {
		adm(fmt.Sprintf("--op new --mode logicalunit --tid 1 --lun %d -Y tape", lun))
		unit(lun, fmt.Sprintf("vendor_id=IBM,product_id=ULT3580-TD8,scsi_sn=TGTDRV%02d,removable=1", lun))
	}
	adm("--op new --mode logicalunit --tid 1 --lun 3 -Y changer -b " + smc)
	for _, params := range []string{
		"media_home=" + dir + ",vendor_id=STK,product_id=L700,scsi_sn=TGTCHG01,removable=1",
		"element_type=1,start_address=1,quantity=1",
		"element_type=4,start_address=500,quantity=3",
		"element_type=4,address=500,tid=1,lun=1", "element_type=4,address=501,tid=1,lun=2",
		"element_type=2,start_address=1000,quantity=8",
		"element_type=2,address=1000,barcode=TGT001L8,sides=1", "element_type=2,address=1001,barcode=TGT002L8,sides=1",
	} {
		unit(3, params)
	}
	adm("--op bind --mode target --tid 1 -I ALL")
	run(t, "iscsid")
	run(t, "iscsiadm", "-m", "discovery", "-t", "sendtargets", "-p", "127.0.0.1")
	for name, value := range map[string]string{ // nothing but the end of the target ends a command
		"node.session.timeo.replacement_timeout": "1", "node.conn[0].timeo.noop_out_interval": "0", "node.conn[0].timeo.noop_out_timeout": "0",
	} {
		run(t, "iscsiadm", "-m", "node", "-T", tgtName, "-o", "update", "-n", name, "-v", value)
	}
	login(t)
	return strings.Fields(run(t, "pidof", "tgtd")) // one of them keeps its log
}

// endTGT logs out and ends the daemons, so that the next test finds a host without devices.
func endTGT(t *testing.T) {
	_ = exec.Command("iscsiadm", "-m", "node", "-u").Run() // a test may have ended the session, or the target
	_ = exec.Command("iscsiadm", "-m", "node", "-o", "delete").Run()
	_ = exec.Command("pkill", "-KILL", "-x", "tgtd|iscsid").Run()
	eventually(t, "the devices of tgt to go", func() bool {
		nodes, _ := sg.Nodes("/sys")
		return len(nodes) == 0
	})
}

// login logs in and waits for the nodes.
func login(t *testing.T) {
	t.Helper()
	run(t, "iscsiadm", "-m", "node", "-T", tgtName, "-l")
	eventually(t, "the nodes of tgt", func() bool {
		nodes, _ := sg.Nodes("/sys")
		return len(nodes) == 3 && exec.Command("udevadm", "settle").Run() == nil
	})
}

func TestForeignTarget(t *testing.T) {
	pids, state := tgt(t), t.TempDir()

	out, _ := calypso(t, state, 0, "library", "discover")
	fmt.Println(out)
	before := discover(t, state)
	bays := before.Libraries[0].Bays
	if len(bays) != 3 || bays[0].Serial != "TGTDRV01" || bays[1].Serial != "TGTDRV02" || bays[2].Serial != "" || bays[2].Reason == "" {
		t.Fatalf("%+v", bays)
	}
	_, errs := calypso(t, state, 13, "library", "load", before.Libraries[0].Generic, "--slot", "1")
	if !strings.Contains(errs, "discover --write") {
		t.Errorf("the refusal does not say what to do:\n%s", errs)
	}
	discover(t, state, "--write", "--name", "tgt")
	fmt.Println(run(t, "cat", filepath.Join(state, "hardware", "tgt.yaml")))
	calypso(t, state, 0, "library", "load", "tgt", "--slot", "1", "--drive", "0")
	out, _ = calypso(t, state, 0, "library", "show", "tgt")
	fmt.Println(out)
	calypso(t, state, 10, "lto", "status", "-f", "tgt:2") // whose drive is not known
	out, _ = calypso(t, state, 0, "lto", "status", "-f", "tgt:0")
	if !strings.Contains(out, "TGT001L8") {
		t.Errorf("status does not know the barcode, which the changer told:\n%s", out)
	}
	calypso(t, state, 0, "lto", "label", "-f", "tgt:0", "TGT001L8")
	calypso(t, state, 0, "lto", "rewind", "-f", bays[0].Tape)
	noArchives(t, state)

	// A drive that another program has.
	who, end := hold(t, bays[1].Tape)
	_, errs = calypso(t, state, 11, "lto", "rewind", "-f", "tgt:1")
	if !strings.Contains(errs, who) {
		t.Errorf("the refusal does not name who has the drive:\n%s", errs)
	}
	calypso(t, state, 0, "lto", "identify", "-f", "tgt:1") // looking disturbs nobody
	end()

	// A cartridge in a drive is unloaded before it is moved.
	calypso(t, state, 0, "library", "unload", "tgt", "--drive", "0")
	if got := discover(t, state).Libraries[0].Bays[0].Barcode; got != "" {
		t.Errorf("bay 0 holds %s after the unload", got)
	}
	renumbered(t, state)
	vanished(t, state, pids)
}

// noArchives: a drive that cannot tell where it is takes no archive, and its tape stays as it is.
func noArchives(t *testing.T, state string) {
	t.Helper()
	image := "sha256sum " + glob(t, "/tmp/TestForeignTarget*/*/TGT001L8")
	before := run(t, "sh", "-c", image)
	for _, args := range [][]string{{"--dry-run"}, {}} {
		_, errs := calypso(t, state, 15, append([]string{"lto", "write", "-f", "tgt:0", "--name", "etc", "/etc/apt"}, args...)...)
		if !strings.Contains(errs, "does not count files and blocks") || !strings.Contains(errs, "nothing was written") {
			t.Errorf("write %v: the refusal does not say why, and what state things are in:\n%s", args, errs)
		}
	}
	if after := run(t, "sh", "-c", image); after != before {
		t.Errorf("the image of the tape was %s and is %s", before, after)
	}
}

// renumbered logs in again, so that the nodes get other numbers; names stay.
func renumbered(t *testing.T, state string) {
	t.Helper()
	old := discover(t, state).Libraries[0].Bays[0].Generic
	run(t, "iscsiadm", "-m", "node", "-T", tgtName, "-u")
	eventually(t, "the nodes go", func() bool { nodes, _ := sg.Nodes("/sys"); return len(nodes) == 0 })
	_, errs := calypso(t, state, 10, "lto", "status", "-f", "tgt:0")
	fmt.Print(errs)
	// Something else takes the first number.
	run(t, "modprobe", "scsi_debug", "no_uld=1")
	t.Cleanup(func() { run(t, "modprobe", "-r", "scsi_debug") })
	login(t)
	d := discover(t, state).Libraries[0]
	if d.Bays[0].Generic == old {
		t.Fatalf("drive 0 is %s as before: this shows nothing", old)
	}
	if d.Name != "tgt" || d.Bays[0].Serial != "TGTDRV01" || d.Bays[1].Serial != "TGTDRV02" {
		t.Errorf("after renumbering: %+v", d)
	}
	out, _ := calypso(t, state, 0, "lto", "identify", "-f", "tgt:0")
	if !strings.Contains(out, "TGTDRV01") {
		t.Errorf("tgt:0 is another drive now:\n%s", out)
	}
}

// vanished takes the target away while a command waits for its answer.
func vanished(t *testing.T, state string, pids []string) {
	t.Helper()
	node := discoverNode(t, "TGTDRV01")
	run(t, "kill", append([]string{"-STOP"}, pids...)...)
	done := make(chan string, 1)
	cmd := exec.Command("calypso", "lto", "identify", "-f", "tgt:0")
	cmd.Env = append(os.Environ(), "CALYPSO_STATE_DIR="+state)
	go func() {
		out, _ := cmd.CombinedOutput()
		done <- string(out)
	}()
	eventually(t, "a command is on its way", func() bool {
		dir := "/sys/class/scsi_generic/" + filepath.Base(node) + "/device/"
		return read(t, dir+"iorequest_cnt") != read(t, dir+"iodone_cnt")
	})
	run(t, "kill", append([]string{"-KILL"}, pids...)...)
	out := <-done
	fmt.Print(out)
	if got := cmd.ProcessState.ExitCode(); got != 14 || !strings.Contains(out, "answer lost") {
		t.Errorf("exit status %d, want 14: the state is not known\n%s", got, out)
	}
}

func discoverNode(t *testing.T, serial string) string {
	t.Helper()
	nodes, err := sg.Nodes("/sys")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range nodes {
		if n.Serial == serial {
			return n.Generic
		}
	}
	t.Fatalf("no node has serial number %s", serial)
	return ""
}
