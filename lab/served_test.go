//go:build lab

package lab

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// unit is a device as `calypso vtl serve --json` tells of it.
type unit struct {
	Name, Serial, Generic, Tape, Changer string
	LUN                                  int
}

// server is a running `calypso vtl serve`.
type server struct {
	t       *testing.T
	cmd     *exec.Cmd
	state   string
	library string
	changer unit
	drives  []unit
	mu      sync.Mutex
	said    strings.Builder
	ended   chan error
}

// calypso runs the program on the library's state.
func (s *server) calypso(args ...string) (string, error) {
	cmd := exec.Command("/lab/calypso", append(args, "--state-dir", s.state)...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// newLibrary makes a library on the disk; t.TempDir is there too.
func newLibrary(t *testing.T, name string, create ...string) *server {
	t.Helper()
	s := &server{t: t, state: filepath.Join(t.TempDir(), "state"), library: name}
	if out, err := s.calypso(append([]string{"vtl", "create", name}, create...)...); err != nil {
		t.Fatalf("create: %v\n%s", err, out)
	}
	return s
}

// start runs the server until its devices are there.
func (s *server) start(args ...string) *server {
	s.t.Helper()
	s.cmd = exec.Command("/lab/calypso", append([]string{"vtl", "serve", s.library, "--json", "--state-dir", s.state}, args...)...)
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	s.cmd.Stderr = writerFunc(func(p []byte) { s.mu.Lock(); defer s.mu.Unlock(); s.said.Write(p) })
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	defer s.explain().Stop()
	var doc struct{ Units []unit }
	reader := bufio.NewReader(out)
	decodeErr := json.NewDecoder(reader).Decode(&doc)
	s.ended = make(chan error, 1)
	go func() { _, _ = io.Copy(io.Discard, reader); s.ended <- s.cmd.Wait() }()
	if decodeErr != nil {
		s.t.Fatalf("serve: %v, %v\n%s", decodeErr, <-s.ended, s.stderr())
	}
	s.changer, s.drives = doc.Units[0], doc.Units[1:]
	cmd := s.cmd
	s.t.Cleanup(func() {
		if s.cmd == cmd {
			s.stop()
		}
	})
	return s
}

// explain shows where a server stands that does not become ready, and ends it.
func (s *server) explain() *time.Timer {
	process := s.cmd.Process
	return time.AfterFunc(100*time.Second, func() {
		out, _ := exec.Command("sh", "-c", fmt.Sprintf("cat /proc/%d/task/*/stack; echo w >/proc/sysrq-trigger; dmesg | tail -60", process.Pid)).CombinedOutput()
		_ = process.Signal(syscall.SIGQUIT)
		time.Sleep(time.Second)
		fmt.Printf("the server stands at\n%s\n%s\n", out, s.stderr())
		_ = process.Kill()
	})
}

type writerFunc func([]byte)

func (f writerFunc) Write(p []byte) (int, error) { f(p); return len(p), nil }

func (s *server) stderr() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.said.String()
}

// stop ends the server as the service manager does.
func (s *server) stop() {
	s.t.Helper()
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-s.ended:
		if err != nil {
			s.t.Errorf("stop: %v\n%s", err, s.stderr())
		}
	case <-time.After(20 * time.Second):
		s.t.Errorf("the server did not stop\n%s", s.stderr())
		_ = s.cmd.Process.Signal(syscall.SIGQUIT)
		time.Sleep(time.Second)
		s.t.Log(s.stderr())
	}
	s.cmd = nil
}

// kill ends it with nothing cleaned up.
func (s *server) kill() {
	s.t.Helper()
	_ = s.cmd.Process.Kill()
	<-s.ended
	s.cmd = nil
}

func fails(t *testing.T, want string, name string, args ...string) {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err == nil || !strings.Contains(string(out), want) {
		t.Errorf("%s %s: %v, %s; want a failure with %q", name, strings.Join(args, " "), err, out, want)
	}
}

func TestServe(t *testing.T) {
	s := newLibrary(t, "vtl01", "--drives", "2", "--slots", "4").start()
	t.Logf("%+v %+v", s.changer, s.drives)
	run(t, "mtx", "-f", s.changer.Generic, "load", "1", "0")
	run(t, "sh", "-c", "head -c 20M /dev/urandom >/tmp/data")
	run(t, "dd", "if=/tmp/data", "of="+s.drives[0].Tape, "bs=64k")
	run(t, "mt", "-f", s.drives[0].Tape, "rewind")
	run(t, "sh", "-c", "dd bs=64k if="+s.drives[0].Tape+" | cmp - /tmp/data")
	for _, args := range [][]string{
		{"vtl", "delete", "vtl01", "--confirm", "vtl01"}, {"vtl", "door", "open", "vtl01"}, {"vtl", "tape", "add", "vtl01", "X00001L8"},
		{"vtl", "tape", "remove", "vtl01", "V00002L8"}, {"vtl", "tape", "protect", "vtl01", "V00002L8", "on"}, {"vtl", "serve", "vtl01"},
	} {
		out, err := s.calypso(args...)
		if err == nil || !strings.Contains(out, "served by pid") || err.(*exec.ExitError).ExitCode() != 11 {
			t.Errorf("%v: %v, %s; want status 11 and who serves", args, err, out)
		}
	}
	eventually(t, "the counters", func() bool {
		out, err := s.calypso("vtl", "status", "vtl01", "--json")
		var doc struct {
			Units []struct {
				WrittenBytes int64 `json:"written_bytes"`
			}
		}
		return err == nil && json.Unmarshal([]byte(out), &doc) == nil && doc.Units[1].WrittenBytes >= 20<<20
	})
	out, err := s.calypso("vtl", "status", "vtl01")
	t.Logf("%v\n%s", err, out)
	run(t, "sg_raw", s.changer.Generic, "e7", "00", "00", "00", "00", "00", "00", "00", "00", "00") // a CDB of 10 bytes
	before := s.drives
	s.stop()
	if found, _ := filepath.Glob("/sys/kernel/config/target/core/user_*"); len(found) > 0 {
		t.Errorf("left over: %v", found)
	}
	if out, err := s.calypso("vtl", "status", "vtl01"); err != nil || !strings.Contains(out, "not served") {
		t.Errorf("status: %v, %s", err, out)
	}
	s.start()
	if before[0].Serial != s.drives[0].Serial {
		t.Errorf("drives %v, then %v; want the same", before, s.drives)
	}
	run(t, "mt", "-f", s.drives[0].Tape, "rewind")
	run(t, "sh", "-c", "dd bs=64k if="+s.drives[0].Tape+" | cmp - /tmp/data")
}

// A cartridge that cannot be used does not keep the library from being served, and the robot takes it out.
func TestServeDamagedCartridge(t *testing.T) {
	s := newLibrary(t, "vtl01", "--drives", "2", "--slots", "4").start()
	run(t, "mtx", "-f", s.changer.Generic, "load", "1", "0")
	s.stop()
	memory := filepath.Join(s.state, "vtl", "vtl01", "tapes", "V00001L8", "meta.json")
	if err := os.WriteFile(memory, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.start()
	if !strings.Contains(s.stderr(), "vtl01-drive-0: cartridge V00001L8") {
		t.Errorf("the server does not say which it is: %s", s.stderr())
	}
	run(t, "mtx", "-f", s.changer.Generic, "unload", "1", "0")
	run(t, "mtx", "-f", s.changer.Generic, "load", "2", "0")
	run(t, "dd", "if=/dev/zero", "of="+s.drives[0].Tape, "bs=64k", "count=10")
}

// TestServeKilled: the server dies while a host writes. The host waits; the next server ends its command with
// an error, and what was written before is on the tape.
func TestServeKilled(t *testing.T) {
	s := newLibrary(t, "vtl01", "--drives", "2", "--slots", "4").start()
	run(t, "mtx", "-f", s.changer.Generic, "load", "1", "0")
	writer := exec.Command("dd", "if=/dev/zero", "of="+s.drives[0].Tape, "bs=64k", "count=100000")
	if err := writer.Start(); err != nil {
		t.Fatal(err)
	}
	image := filepath.Join(s.state, "vtl", "vtl01", "tapes", "V00001L8")
	eventually(t, "some data on the tape", func() bool {
		out, err := exec.Command("du", "-sm", image).Output()
		return err == nil && strings.Fields(string(out))[0] >= "9"
	})
	s.kill()
	done := make(chan error, 1)
	go func() { done <- writer.Wait() }()
	s.start()
	if err := <-done; err == nil {
		t.Error("the writer did not see an error")
	}
	t.Log(s.stderr())
	t.Log(run(t, "mt", "-f", s.drives[0].Tape, "status"))
	// What the drive had taken is on the tape; it has no end of file, so dd meets the end of data.
	run(t, "mt", "-f", s.drives[0].Tape, "rewind")
	out, _ := exec.Command("dd", "bs=64k", "of=/dev/null", "if="+s.drives[0].Tape).CombinedOutput()
	if blocks, _, _ := strings.Cut(string(out[strings.Index(string(out), "\n")+1:]), "+"); len(blocks) < 3 {
		t.Errorf("read back: %s; want 100 blocks and more", out)
	}
	if out := run(t, "dmesg"); strings.Contains(out, "Oops") || strings.Contains(out, "BUG:") {
		t.Error(out)
	}
}

func TestServeISCSI(t *testing.T) {
	s := newLibrary(t, "vtl01", "--drives", "2", "--slots", "4")
	chap := filepath.Join(s.state, "chap")
	if err := os.WriteFile(chap, []byte("host1\ncorrect horse\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const initiator = "iqn.2001-04.com.example:lab"
	if err := os.WriteFile("/etc/iscsi/initiatorname.iscsi", []byte("InitiatorName="+initiator+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.start("--iscsi", "--initiator", initiator, "--chap-file", chap)
	run(t, "modprobe", "iscsi_tcp")
	daemon := exec.Command("iscsid", "-f")
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = daemon.Process.Kill(); _ = daemon.Wait() })
	var target string
	eventually(t, "iscsid", func() bool {
		out, _ := exec.Command("iscsiadm", "-m", "discovery", "-t", "sendtargets", "-p", "127.0.0.1").CombinedOutput()
		t.Logf("%s", out)
		for _, f := range strings.Fields(string(out)) {
			if strings.HasPrefix(f, "iqn.2003-01.") {
				target = f
			}
		}
		return target != ""
	})
	fails(t, "authorization failure", "iscsiadm", "-m", "node", "-T", target, "--login")
	for name, value := range map[string]string{"node.session.auth.authmethod": "CHAP", "node.session.auth.username": "host1", "node.session.auth.password": "correct horse"} {
		run(t, "iscsiadm", "-m", "node", "-T", target, "-o", "update", "-n", name, "-v", value)
	}
	run(t, "iscsiadm", "-m", "node", "-T", target, "--login")
	t.Cleanup(func() { _ = exec.Command("iscsiadm", "-m", "node", "-u").Run() })
	var tape, changer string
	eventually(t, "the nodes over iSCSI", func() bool {
		tapes, _ := filepath.Glob("/dev/nst[0-9]")
		out, _ := exec.Command("lsscsi", "-g").Output()
		for _, line := range strings.Split(string(out), "\n") {
			if strings.Contains(line, "mediumx") {
				f := strings.Fields(line)
				changer = f[len(f)-1]
			}
		}
		if len(tapes) == 2 {
			tape = tapes[0]
		}
		return tape != "" && changer != ""
	})
	t.Log(run(t, "lsscsi", "-g"))
	run(t, "mtx", "-f", changer, "load", "1", "0")
	run(t, "mtx", "-f", changer, "load", "2", "1")
	run(t, "sh", "-c", "head -c 8M /dev/urandom >/tmp/data")
	run(t, "dd", "if=/tmp/data", "of="+tape, "bs=256k")
	run(t, "mt", "-f", tape, "rewind")
	run(t, "sh", "-c", "dd bs=256k if="+tape+" | cmp - /tmp/data")
	eventually(t, "the session in the status", func() bool {
		out, err := s.calypso("vtl", "status", "vtl01")
		return err == nil && strings.Contains(out, "session of "+initiator)
	})
	out, _ := s.calypso("vtl", "status", "vtl01")
	t.Log(out)
}
