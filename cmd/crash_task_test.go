package cmd

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A deadline ends a write that stalls, with the archive closed.
func TestWriteTimesOut(t *testing.T) {
	t.Parallel()
	a := newAppliance(t)
	a.library()
	r := a.start(nil, "lto", "write", "-f", "vtl01:0", "--name", "stopped", "-", "--timeout", "2s", "--json")
	go func() { _, _ = io.Copy(r.stdin, someBytes(4<<20)) }()
	got := r.wait()
	if f := got.failure(t); got.exit != 14 || f.Code != "timeout" {
		t.Fatalf("exit status %d, %+v", got.exit, f)
	}
	archives := a.agreed()
	if len(archives) > 1 || len(archives) == 1 && (archives[0].Complete || archives[0].ManifestFile == nil) {
		t.Fatalf("the archives are %+v", archives)
	}
	a.goesOn(len(archives))
}

// taskOf starts a task and gives its id.
func (a *appliance) taskOf(args ...string) string {
	a.t.Helper()
	var doc taskStartDoc
	a.must(0, append(args, "--detach", "--json")...).into(a.t, &doc)
	return doc.Task
}

// A task writes as the command itself does, and is cancelled as by SIGTERM.
func TestWriteDetached(t *testing.T) {
	t.Parallel()
	a := newAppliance(t)
	a.library()
	id := a.taskOf("lto", "write", "-f", "vtl01:0", "--name", "small", a.tree(1<<20))
	a.must(0, "task", "wait", id, "--timeout", "1m")
	if logs := a.must(0, "task", "logs", id); !strings.Contains(logs.stdout, "sha256") {
		t.Errorf("the logs are %q", logs.stdout)
	}

	big := a.tree(256 << 20)
	before := a.imageBytes()
	id = a.taskOf("lto", "write", "-f", "vtl01:0", "--name", "stopped", big)
	for end := time.Now().Add(hangs); a.imageBytes() <= before+8<<20; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the task does not write")
		}
	}
	began := time.Now()
	canceled := a.run("task", "cancel", id)
	waited := a.run("task", "wait", id, "--timeout", "1m")
	t.Logf("cancelled within %v: %d, then %d", time.Since(began).Round(time.Millisecond), canceled.exit, waited.exit)
	archives := a.agreed()
	switch {
	case len(archives) != 2:
		t.Fatalf("the archives are %+v", archives)
	case waited.exit == 0 && archives[1].Complete: // it was faster
	case waited.exit != 143 || canceled.exit != 0 || archives[1].Complete || archives[1].ManifestFile == nil:
		t.Fatalf("cancel %d, wait %d, the archives are %+v\n%s", canceled.exit, waited.exit, archives, canceled.stderr)
	}
	a.goesOn(2)

	r := a.writeSome(4 << 20)
	a.awaitWriting(r)
	id = a.taskOf("lto", "write", "-f", "vtl01:0", "--name", "waits", big, "--lock-timeout", "1h")
	a.must(0, "task", "cancel", id)
	a.must(143, "task", "wait", id, "--timeout", "1m")
	r.stdin.Close()
	if got := r.wait(); got.exit != 0 {
		t.Errorf("the writer: exit status %d\n%s", got.exit, got.stderr)
	}
	a.must(0, "audit", "verify")
}

// The whole job without root, in the directories of the user.
func TestWholeJobWithoutRoot(t *testing.T) {
	t.Parallel()
	home, err := os.MkdirTemp("", "calypso-user") // t.TempDir is below a directory for its owner alone
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(home) })
	program := filepath.Join(home, "calypso")
	text, err := os.ReadFile(newAppliance(t).program[0])
	if err == nil {
		err = os.WriteFile(program, text, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	tree := applianceIn(t, home).tree(1 << 20)
	credential := ordinaryUser(t, home)
	calypso := func(args ...string) string {
		t.Helper()
		cmd := exec.Command(program, args...)
		cmd.Dir, cmd.Env = home, []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "GORACE=atexit_sleep_ms=10"}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: credential}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%q: %v\n%s", args, err, out)
		}
		return string(out)
	}
	calypso("vtl", "create", "vtl01", "--drives", "2", "--slots", "10", "--io-slots", "2", "--media", "LTO-8")
	calypso("library", "load", "vtl01", "--slot", "1", "--drive", "0")
	calypso("lto", "label", "-f", "vtl01:0", "V00001L8")
	calypso("lto", "write", "-f", "vtl01:0", "--name", "src", tree)
	calypso("lto", "verify", "-f", "vtl01:0")
	calypso("lto", "read", "-f", "vtl01:0", "--name", "src", "-C", home)
	calypso("lto", "scan", "-f", "vtl01:0")
	calypso("lto", "status", "-f", "vtl01:0")
	calypso("lto", "eject", "-f", "vtl01:0")
	calypso("library", "unload", "vtl01", "--drive", "0")
	calypso("library", "show", "vtl01")
	calypso("media", "find", "**/a")
	calypso("audit", "verify")
	if out, err := exec.Command("diff", "-r", tree, filepath.Join(home, tree)).CombinedOutput(); err != nil {
		t.Errorf("the restored tree differs: %v\n%s", err, out)
	}
	if config := calypso("config", "show"); !strings.Contains(config, home) {
		t.Errorf("nothing is below %s:\n%s", home, config)
	}
	calypso("vtl", "delete", "vtl01", "--confirm", "vtl01")
}

// ordinaryUser gives dir to a user who is not root; nil when the test's is none already.
func ordinaryUser(t *testing.T, dir string) *syscall.Credential {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	const nobody = 65534
	if err := os.Chown(dir, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	return &syscall.Credential{Uid: nobody, Gid: nobody, Groups: []uint32{}}
}
