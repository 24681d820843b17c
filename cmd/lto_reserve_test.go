package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"calypso/sys/errcode"
	"calypso/sys/proc"
	"calypso/tape"
	"calypso/tape/discover"
	"calypso/tape/scsi"
	"calypso/tape/scsi/sg"
)

// viaNexus is a device as one of several hosts reaches it. It keeps what was sent.
type viaNexus struct {
	discover.Device
	nexus scsi.Transport
	node  string
	sent  *[]string
}

func (v viaNexus) Exec(ctx context.Context, cmd *scsi.Command) error {
	err := v.nexus.Exec(ctx, cmd)
	name := scsi.OpcodeName(cmd.CDB)
	if cmd.CDB[0] == scsi.OpPersistentReserveOut {
		name += fmt.Sprint(" ", cmd.CDB[1])
	}
	*v.sent = append(*v.sent, v.node+" "+name)
	return err
}

// shared is a device that is open more than once, as sg lets it be.
type shared struct {
	discover.Device
	opens int
}

func (s *shared) Close() error {
	if s.opens--; s.opens > 0 {
		return nil
	}
	return s.Device.Close()
}

// as makes calypso a host of this name from now on, and gives what it sends.
func (r *hostRig) as(host string) *[]string {
	sent, open := new([]string), map[string]*shared{}
	openNode = func(n sg.Node) (discover.Device, error) {
		d := open[n.Generic]
		if d == nil || d.opens == 0 {
			opened, err := r.open(n)
			if err != nil {
				return nil, err
			}
			d = &shared{Device: opened}
			open[n.Generic] = d
		}
		d.opens++
		return viaNexus{d, d.Device.(interface{ Nexus(string) scsi.Transport }).Nexus(host), n.Generic, sent}, nil
	}
	return sent
}

// leave makes a host reserve a device and die.
func (r *hostRig) leave(host string, node int, key uint64) {
	r.t.Helper()
	d, err := r.open(r.nodes[node])
	if err != nil {
		r.t.Fatal(err)
	}
	u := tape.NewDrive(d.(interface{ Nexus(string) scsi.Transport }).Nexus(host))
	if err := errors.Join(u.Claim(r.t.Context(), key), d.Close()); err != nil {
		r.t.Fatal(err)
	}
}

// deadKey is that of a process of this host that is gone.
func deadKey(t *testing.T) uint64 {
	t.Helper()
	child := exec.Command("true")
	if err := child.Run(); err != nil {
		t.Fatal(err)
	}
	return tape.OwnKey()&^0xFFFFFF | uint64(child.Process.Pid)
}

const otherHost = 0xCA19_7E57ED_00004D

func (r *hostRig) reservation(device string) reserveListDoc {
	r.t.Helper()
	out, _ := r.calypso(0, "lto", "reserve", "list", "-f", device, "--json")
	var doc reserveListDoc
	if err := json.Unmarshal([]byte(out), &doc); err != nil {
		r.t.Fatal(err)
	}
	return doc
}

func says(t *testing.T, text string, words ...string) {
	t.Helper()
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == ' ' }), " ")
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("%q is not in\n%s", w, text)
		}
	}
}

// reservedRig has a cartridge in the first drive.
func reservedRig(t *testing.T) *hostRig {
	t.Helper()
	r := newHostRig(t)
	r.calypso(0, "library", "discover", "--write", "--name", "msl")
	r.calypso(0, "library", "load", "msl", "--slot", "1", "--drive", "0")
	r.calypso(0, "lto", "label", "-f", "msl:0", "R00001L8")
	return r
}

// A drive that another host has reserved tells whose it is to every verb, and preempt takes it away.
func TestReservedByAnotherHost(t *testing.T) {
	r := reservedRig(t)
	r.leave("a", 1, otherHost)
	r.as("b")
	for _, args := range [][]string{{"lto", "rewind"}, {"lto", "rewind", "--reserve"}, {"lto", "list", "--from-tape"}, {"lto", "attr", "list"}} {
		_, errs := r.calypso(errcode.ExitBusy, append(args, "-f", "msl:0")...)
		says(t, errs, "reserved (exclusive access) with key 0xca197e57ed00004d: calypso on another host (host id 7e57ed, pid 77)", "hint: wait", "lto reserve list")
	}
	r.calypso(0, "lto", "identify", "-f", "msl:0")
	out, _ := r.calypso(0, "lto", "status", "-f", "msl:0")
	says(t, out, "state reserved", "reserved exclusive access, key 0xca197e57ed00004d: calypso on")
	out, _ = r.calypso(0, "lto", "reserve", "list", "-f", "msl:0")
	says(t, out, "calypso on another host (host id 7e57ed, pid 77)", "this host", tape.HostID(), "sas 3")
	doc := r.reservation("msl:0")
	if g := doc.Registrations; len(g) != 1 || !g[0].Holder || g[0].Owner.Running != nil || *g[0].Owner.PID != 77 || doc.Reservation.Type != "exclusive_access" || len(doc.Types) != 6 || *doc.PowerLoss {
		t.Errorf("%+v", doc)
	}

	out, _ = r.calypso(0, "lto", "reserve", "release", "-f", "msl:0")
	says(t, out, "left nothing reserved")
	r.calypso(errcode.ExitNotFound, "lto", "reserve", "preempt", "-f", "msl:0", "--key", "0x1", "--yes")
	_, errs := r.calypso(errcode.ExitRefused, "lto", "reserve", "preempt", "-f", "msl:0", "--key", "0xca197e57ed00004d")
	says(t, errs, "host id 7e57ed", "breaks off", "--yes")
	r.calypso(0, "lto", "reserve", "preempt", "-f", "msl:0", "--key", "ca197e57ed00004d", "-n")
	if r.reservation("msl:0").Reservation == nil {
		t.Error("refusals and dry runs released it")
	}
	out, _ = r.calypso(0, "lto", "reserve", "preempt", "-f", "msl:0", "--key", "CA197E57ED00004D", "--yes")
	says(t, out, "took 0xca197e57ed00004d away")
	if doc := r.reservation("msl:0"); doc.Reservation != nil || len(doc.Registrations) != 0 {
		t.Errorf("after preempt: %+v", doc)
	}
	r.calypso(0, "lto", "rewind", "-f", "msl:0")

	r.leave("a", 1, otherHost)
	r.calypso(0, "lto", "reserve", "preempt", "-f", "msl:0", "--all", "--yes")
	r.calypso(0, "lto", "reserve", "preempt", "-f", "msl:0", "--all", "--yes")
	r.calypso(0, "lto", "rewind", "-f", "msl:0")
	for _, bad := range [][]string{{}, {"--key", "0x0"}, {"--key", "12345678123456789"}, {"--key", "x"}, {"--key", "1", "--all"}, {"--all", "--abort"}} {
		r.calypso(errcode.ExitUsage, append([]string{"lto", "reserve", "preempt", "-f", "msl:0", "--yes"}, bad...)...)
	}
}

// What a killed process of this host left is said to be that, and does not stand in this host's own way.
func TestReservationLeftBehind(t *testing.T) {
	r := reservedRig(t)
	dead := deadKey(t)
	r.leave("a", 1, dead)
	r.as("b") // the same host over another path
	_, errs := r.calypso(errcode.ExitBusy, "lto", "rewind", "-f", "msl:0")
	says(t, errs, "of this host, which is gone", "calypso lto reserve release -f msl:0")
	out, errs := r.calypso(0, "lto", "reserve", "release", "-f", "msl:0")
	says(t, out+errs, "left nothing reserved", "over another path", "preempt --key "+tape.KeyText(dead))
	r.as("a")
	out, _ = r.calypso(0, "lto", "reserve", "release", "-f", "msl:0", "--dry-run")
	says(t, out, "would release "+tape.KeyText(dead))
	out, _ = r.calypso(0, "lto", "reserve", "release", "-f", "msl:0")
	says(t, out, "released "+tape.KeyText(dead)+" of msl:0")
	if doc := r.reservation("msl:0"); doc.Reservation != nil || len(doc.Registrations) != 0 {
		t.Errorf("after release: %+v", doc)
	}
	r.leave("a", 1, dead)
	r.calypso(0, "lto", "rewind", "-f", "msl:0", "--reserve")
	if doc := r.reservation("msl:0"); len(doc.Registrations) != 0 {
		t.Errorf("after the next command of this host: %+v", doc)
	}
}

// outs are the PERSISTENT RESERVE OUT among what was sent.
func outs(sent []string, node string) (list []string) {
	for _, s := range sent {
		if after, ok := strings.CutPrefix(s, node+" PERSISTENT RESERVE OUT "); ok {
			list = append(list, after)
		}
	}
	return list
}

// around checks that a device is reserved before and released after all that counts. A unit attention makes
// one of the commands come twice.
func around(t *testing.T, sent []string, node string, opcode string) {
	t.Helper()
	if got := fmt.Sprint(slices.Compact(outs(sent, node))); got != "[0 1 2 0]" {
		t.Errorf("%s got PERSISTENT RESERVE OUT %s; want register, reserve, release, unregister", node, got)
	}
	reserve, release := slices.Index(sent, node+" PERSISTENT RESERVE OUT 1"), slices.Index(sent, node+" PERSISTENT RESERVE OUT 2")
	first := slices.Index(sent, opcode)
	slices.Reverse(sent)
	last := len(sent) - 1 - slices.Index(sent, opcode)
	slices.Reverse(sent)
	if first < 0 || reserve > first || last > release {
		t.Errorf("%s: reserved at %d, %s from %d to %d, released at %d", node, reserve, opcode, first, last, release)
	}
}

func TestReserveSpansTheCommand(t *testing.T) {
	r := reservedRig(t)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("content"), 0o644); err != nil {
		t.Fatal(err)
	}
	write := []string{"lto", "write", "-f", "msl:0", "--name", "a", file}
	sent := r.as("b")
	r.calypso(0, write...)
	r.calypso(0, append(write, "--reserve", "--dry-run")...)
	if got := outs(*sent, "/dev/sg1"); len(got) != 0 {
		t.Errorf("without --reserve, or in a dry run: %v", got)
	}
	sent = r.as("b")
	r.calypso(0, append(write, "--reserve")...)
	around(t, *sent, "/dev/sg1", "/dev/sg1 WRITE(6)")
	sent = r.as("b")
	r.calypso(errcode.ExitNotFound, "lto", "seek", "-f", "msl:0", "--file", "99", "--reserve") // also when it fails
	around(t, *sent, "/dev/sg1", "/dev/sg1 LOCATE(16)")
	sent = r.as("b")
	r.calypso(0, "lto", "eject", "-f", "msl:0", "--reserve")
	around(t, *sent, "/dev/sg1", "/dev/sg1 LOAD UNLOAD")

	// The robot with its drives.
	sent = r.as("b")
	r.calypso(0, "library", "unload", "msl", "--drive", "0", "--reserve")
	around(t, *sent, "/dev/sg0", "/dev/sg0 MOVE MEDIUM")
	around(t, *sent, "/dev/sg1", "/dev/sg0 MOVE MEDIUM")
	sent = r.as("b")
	r.calypso(0, "library", "load", "msl", "--slot", "2", "--drive", "1", "--reserve")
	around(t, *sent, "/dev/sg0", "/dev/sg0 MOVE MEDIUM")
	around(t, *sent, "/dev/sg2", "/dev/sg0 MOVE MEDIUM")
	sent = r.as("b")
	r.calypso(0, "library", "exchange", "msl", "slot:3", "--drive", "1", "--reserve")
	around(t, *sent, "/dev/sg0", "/dev/sg0 EXCHANGE MEDIUM")
	around(t, *sent, "/dev/sg2", "/dev/sg0 EXCHANGE MEDIUM")
}

// Another host's drive or robot: nothing is moved, and nothing is left behind.
func TestReservedRobot(t *testing.T) {
	r := reservedRig(t)
	r.leave("a", 2, otherHost)
	r.as("b")
	_, errs := r.calypso(errcode.ExitBusy, "library", "load", "msl", "--slot", "2", "--drive", "1", "--reserve")
	says(t, errs, "msl:1", "0xca197e57ed00004d")
	if doc := r.reservation("msl"); doc.Kind != "changer" || doc.Reservation != nil || len(doc.Registrations) != 0 {
		t.Errorf("the changer after the refusal: %+v", doc)
	}
	out, _ := r.calypso(0, "library", "show", "msl")
	says(t, out, "R00002L8")
	r.as("a")
	r.calypso(0, "lto", "reserve", "preempt", "-f", "msl:1", "--all", "--yes")
	r.leave("a", 0, otherHost)
	r.as("b")
	for _, args := range [][]string{{"library", "load", "msl", "--slot", "2", "--drive", "1"}, {"library", "inventory", "msl"}, {"library", "show", "msl"}} {
		_, errs = r.calypso(errcode.ExitBusy, args...)
		says(t, errs, "library "+args[1]+" msl: ", "0xca197e57ed00004d")
	}
	doc := r.reservation("msl")
	if doc.Reservation == nil || *doc.Reservation.Key != "0xca197e57ed00004d" || *doc.Serial != r.lib.Serial {
		t.Errorf("%+v", doc)
	}
	r.calypso(0, "lto", "reserve", "preempt", "-f", "/dev/sg0", "--key", "0xca197e57ed00004d", "--yes", "--abort")
	r.calypso(0, "library", "load", "msl", "--slot", "2", "--drive", "1")
}

// A program that has a node of the drive open is shown by verbs that take no lock.
func TestStatusShowsForeignHolder(t *testing.T) {
	r := reservedRig(t)
	was := openersOf
	t.Cleanup(func() { openersOf = was })
	openersOf = func(nodes ...string) []proc.Opener {
		if !slices.Contains(nodes, "/dev/nst0a") {
			return nil
		}
		return []proc.Opener{{PID: 4711, Command: "dd of=/dev/nst0a", Node: "/dev/nst0a"}}
	}
	out, _ := r.calypso(0, "lto", "status", "-f", "msl:0")
	says(t, out, "state busy", "in use by pid 4711 (dd of=/dev/nst0a)\n")
	out, _ = r.calypso(0, "lto", "status", "-f", "msl:0", "--json")
	var doc statusDoc
	if err := json.Unmarshal([]byte(out), &doc); err != nil || doc.HeldBy == nil || doc.HeldBy.PID != 4711 || doc.HeldBy.Since != nil || *doc.ReadyState != "ready" || doc.Position == nil {
		t.Errorf("%v %s", err, out)
	}
	out, _ = r.calypso(0, "lto", "status", "-f", "msl:1", "--json")
	if err := json.Unmarshal([]byte(out), &doc); err != nil || doc.HeldBy != nil {
		t.Errorf("the other drive: %v %s", err, out)
	}
	out, _ = r.calypso(0, "lto", "list-drives", "--json")
	var drives hostDrivesDoc
	if err := json.Unmarshal([]byte(out), &drives); err != nil || len(drives.Drives) != 2 || drives.Drives[0].HeldBy.PID != 4711 || drives.Drives[1].HeldBy != nil {
		t.Errorf("%v %s", err, out)
	}
	out, _ = r.calypso(0, "lto", "list-drives")
	says(t, out, "pid 4711 (dd of=/dev/nst0a)")
}
