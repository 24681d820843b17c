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
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestSend sends snapshots onto virtual tapes and through pipes, and back. What came is compared by zfs's GUIDs
// and by the checksums of the trees, which calypso has no part in.
func TestSend(t *testing.T) {
	filePool(t, "tank", 2<<30)
	state := t.TempDir()
	s := storage{t, state}
	run(t, "zfs", "set", "atime=off", "tank")
	for _, args := range [][]string{{"tank/a"}, {"-o", "mountpoint=/elsewhere", "tank/a/c"}, {"-V", "16M", "tank/a/vol"}} {
		run(t, "zfs", append([]string{"create"}, args...)...)
	}
	fill(t, "/tank/a/large", 12*mib)
	run(t, "cp", "-a", "/etc/systemd", "/usr/share/zoneinfo/Europe", "/tank/a/")
	fill(t, "/elsewhere/file", mib)
	run(t, "dd", "if=/dev/urandom", "of=/dev/zvol/tank/a/vol", "bs=1M", "count=8", "conv=fsync", "status=none")
	run(t, "zfs", "snapshot", "-r", "tank/a@x")
	s.does(0, "vtl", "create", "vtl01", "--slots", "1", "--tape-size", "400MB")
	s.does(0, "vtl", "load", "vtl01", "--slot", "1")
	s.does(0, "lto", "label", "V00001L8", "-f", "vtl01:0")
	for _, c := range []struct {
		name string
		test func(storage)
	}{{"tape", sendToTape}, {"package", sendPackage}, {"encrypted", sendEncrypted}, {"pipe", sendPipe}, {"interrupted", receiveInterrupted},
		{"bad tape", receiveBadTape}, {"zfs dies", sendDies}, {"refused", receiveRefused}} {
		t.Run(c.name, func(t *testing.T) { c.test(storage{t, state}) })
	}
}

// tree is what is in a snapshot: names, modes, owners, times, contents.
func tree(t *testing.T, snapshot string) string {
	t.Helper()
	dataset, name, _ := strings.Cut(snapshot, "@")
	if strings.TrimSpace(run(t, "zfs", "get", "-H", "-o", "value", "mounted", dataset)) == "no" {
		run(t, "zfs", "mount", dataset)
	}
	dir := strings.TrimSpace(run(t, "zfs", "get", "-H", "-o", "value", "mountpoint", dataset)) + "/.zfs/snapshot/" + name
	return run(t, "sh", "-c", `cd "$0" && find . -printf '%P %M %U %G %s %T@ %l\n' | sort && find . -type f -print0 | sort -z | xargs -0 sha256sum`, dir)
}

// same compares two snapshots.
func (s storage) same(a, b string) {
	s.Helper()
	guid := func(name string) string { return run(s.T, "zfs", "get", "-H", "-p", "-o", "value", "guid", name) }
	if x, y := guid(a), guid(b); x != y {
		s.Errorf("%s has GUID %s, %s %s", a, x, b, y)
	}
	if x, y := tree(s.T, a), tree(s.T, b); x != y || len(x) < 100 {
		s.Errorf("%s and %s differ, %d and %d bytes of listing", a, b, len(x), len(y))
	}
}

func property(t *testing.T, name, dataset string) string {
	t.Helper()
	return strings.TrimSpace(run(t, "zfs", "get", "-H", "-o", "value", name, dataset))
}

// sendToTape: full, incremental, a volume.
func sendToTape(s storage) {
	s.says(0, "tank/a@x;V00001L8", "snapshot", "send", "tank/a@x", "--to-tape", "vtl01:0")
	s.says(0, "received tank/a@x into tank/b;verified", "snapshot", "receive", "tank/b", "--from-tape", "vtl01:0", "--name", "tank/a@x")
	if m := property(s.T, "mounted", "tank/b"); m != "no" {
		s.Errorf("tank/b is mounted")
	}
	s.same("tank/a@x", "tank/b@x")
	fill(s.T, "/tank/a/more", 3*mib)
	run(s.T, "rm", "-r", "/tank/a/systemd")
	run(s.T, "zfs", "snapshot", "tank/a@y")
	s.does(0, "snapshot", "send", "tank/a@y", "--from", "@x", "--to-tape", "vtl01:0")
	s.says(0, "verified", "snapshot", "receive", "tank/b", "--from-tape", "vtl01:0", "--name", "tank/a@y")
	s.same("tank/a@y", "tank/b@y")
	s.does(0, "snapshot", "send", "tank/a/vol@x", "--to-tape", "vtl01:0")
	s.says(0, "verified", "snapshot", "receive", "tank/v", "--from-tape", "vtl01:0", "--name", "tank/a/vol@x")
	s.sameVolume("tank/a/vol", "tank/v")
}

func (s storage) sameVolume(a, b string) {
	s.Helper()
	sum := func(name string) string {
		node := "/dev/zvol/" + name
		eventually(s.T, node, func() bool { _, err := os.Stat(node); return err == nil })
		out := run(s.T, "sha256sum", node)
		return out[:64]
	}
	if x, y := sum(a), sum(b); x != y {
		s.Errorf("%s is %s, %s is %s", a, x, b, y)
	}
}

// sendPackage: -R, with a volume and a mount point that is in use here.
func sendPackage(s storage) {
	s.does(0, "snapshot", "send", "tank/a@x", "-R", "--to-tape", "vtl01:0", "--name", "package")
	s.says(0, "into tank/p;of a package", "snapshot", "receive", "tank/p", "--from-tape", "vtl01:0", "--name", "package")
	for _, name := range []string{"", "/c"} {
		s.same("tank/a"+name+"@x", "tank/p"+name+"@x")
	}
	s.sameVolume("tank/a/vol", "tank/p/vol")
	if m := property(s.T, "mountpoint", "tank/p/c"); m != "/tank/p/c" {
		s.Errorf("mount point of tank/p/c = %s; want none of the sender's", m)
	}
	s.says(13, "exists", "snapshot", "receive", "tank/p", "--from-tape", "vtl01:0", "--name", "package")
	run(s.T, "zfs", "destroy", "-r", "tank/p")
	// One that goes on from what is there is a package, too.
	for _, name := range []string{"y2", "z"} {
		fill(s.T, "/tank/a/more", 1*mib)
		run(s.T, "zfs", "snapshot", "tank/a@"+name)
	}
	s.pipe(0, "set -o pipefail; calypso snapshot send tank/a@z --from @y --intermediates | calypso snapshot receive tank/b")
	s.same("tank/a@y2", "tank/b@y2")
	s.same("tank/a@z", "tank/b@z")
	// Broken off within: what is whole is there, and the message names the dataset that kept a part.
	out := s.pipe(17, fmt.Sprintf("calypso lto read -f vtl01:0 --name package --stdout | head -c %d | calypso snapshot receive tank/p", 20*mib))
	s.wants(out, "kept in tank/p/", "--abort tank/p/")
	if list := names(s.T, "-r", "-t", "snapshot", "tank/p"); !strings.Contains(list, "tank/p@x") || strings.Contains(list, "vol@x") && strings.Contains(list, "tank/p/c@x") {
		s.Errorf("of a package that was cut off there is:\n%s", list)
	}
	run(s.T, "zfs", "destroy", "-r", "tank/p")
}

// pipe runs a line of the shell whose last program must end with a status.
func (s storage) pipe(want int, line string) string {
	s.Helper()
	cmd := exec.Command("bash", "-c", line)
	cmd.Env = append(os.Environ(), "CALYPSO_STATE_DIR="+s.state)
	out, _ := cmd.CombinedOutput()
	if got := cmd.ProcessState.ExitCode(); got != want {
		s.Errorf("%s: exit status %d, want %d\n%s", line, got, want, out)
	}
	return string(out)
}

func (s storage) wants(text string, parts ...string) {
	s.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			s.Errorf("want %q in:\n%s", p, text)
		}
	}
}

// sendEncrypted: with --raw the key is not needed, and not sent.
func sendEncrypted(s storage) {
	key := filepath.Join(s.TempDir(), "key")
	run(s.T, "dd", "if=/dev/urandom", "of="+key, "bs=32", "count=1", "status=none")
	run(s.T, "zfs", "create", "-o", "encryption=on", "-o", "keyformat=raw", "-o", "keylocation=file://"+key, "tank/enc")
	run(s.T, "cp", "-a", "/usr/share/zoneinfo/Europe", "/tank/enc/")
	run(s.T, "zfs", "snapshot", "tank/enc@e")
	plain := tree(s.T, "tank/enc@e")
	run(s.T, "zfs", "unmount", "tank/enc")
	run(s.T, "zfs", "unload-key", "tank/enc")
	s.says(12, "key", "snapshot", "send", "tank/enc@e", "--to-tape", "vtl01:0", "--name", "never")
	s.does(0, "snapshot", "send", "tank/enc@e", "--raw", "--to-tape", "vtl01:0")
	s.says(0, "verified", "snapshot", "receive", "tank/enc2", "--from-tape", "vtl01:0", "--name", "tank/enc@e")
	if k := property(s.T, "keystatus", "tank/enc2"); k != "unavailable" {
		s.Errorf("key of what was received: %s", k)
	}
	run(s.T, "zfs", "load-key", "-L", "file://"+key, "tank/enc2")
	if got := tree(s.T, "tank/enc2@e"); got != plain {
		s.Errorf("what was received raw differs")
	}
}

var tokenPattern = regexp.MustCompile(`--resume (\S+)'`)

// sendPipe: through a pipe, one that breaks, and on from there.
func sendPipe(s storage) {
	s.pipe(0, "set -o pipefail; calypso snapshot send tank/a@x | calypso snapshot receive tank/pipe")
	s.same("tank/a@x", "tank/pipe@x")
	s.pipe(0, "set -o pipefail; calypso snapshot send tank/a@y --from @x | calypso snapshot receive tank/pipe")
	s.same("tank/a@y", "tank/pipe@y")
	out := s.pipe(17, "calypso snapshot send tank/a@x | head -c 6000000 | calypso snapshot receive tank/cut")
	s.wants(out, "kept in tank/cut")
	token := tokenPattern.FindStringSubmatch(out)
	if token == nil {
		s.Fatalf("no token in:\n%s", out)
	}
	s.pipe(13, "calypso snapshot send tank/a@x | calypso snapshot receive tank/cut")
	s.pipe(13, "calypso snapshot send --resume "+token[1]+" | calypso snapshot receive tank/pipe")
	s.pipe(0, "set -o pipefail; calypso snapshot send --resume "+token[1]+" | calypso snapshot receive tank/cut")
	s.same("tank/a@x", "tank/cut@x")
	file := filepath.Join(s.TempDir(), "a.zfs")
	s.does(0, "snapshot", "send", "tank/a@x", "--output", file)
	s.says(0, "verified", "snapshot", "receive", "tank/file", "--input", file)
	s.same("tank/a@x", "tank/file@x")
}

// receiveInterrupted: a source that stalls does not hold up an interrupt, and what came is kept.
func receiveInterrupted(s storage) {
	cmd := exec.Command("calypso", "snapshot", "receive", "tank/int", "--state-dir", s.state)
	in, err := cmd.StdinPipe()
	if err != nil {
		s.Fatal(err)
	}
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		s.Fatal(err)
	}
	send := exec.Command("sh", "-c", "zfs send tank/a@x | head -c 6000000")
	stream, err := send.Output()
	if err != nil {
		s.Fatal(err)
	}
	if _, err := in.Write(stream); err != nil {
		s.Fatal(err)
	}
	eventually(s.T, "the receiver to wait for more", func() bool {
		out, _ := exec.Command("zfs", "list", "-H", "-o", "name", "tank/int").Output()
		return len(out) > 0
	})
	time.Sleep(2 * time.Second) // it takes what is in the pipe
	began := time.Now()
	_ = cmd.Process.Signal(syscall.SIGINT)
	_ = cmd.Wait()
	s.Logf("figure: an interrupted receiver ends after %.1f s", time.Since(began).Seconds())
	if got := cmd.ProcessState.ExitCode(); got != 130 {
		s.Errorf("exit status %d; want 130", got)
	}
	s.wants(said.String(), "kept in tank/int", "--abort tank/int")
	if out, err := exec.Command("zfs", "list", "tank/int@x").CombinedOutput(); err == nil {
		s.Errorf("half a stream made a snapshot:\n%s", out)
	}
	s.does(0, "snapshot", "receive", "tank/int", "--abort")
	if out, err := exec.Command("zfs", "list", "tank/int").CombinedOutput(); err == nil {
		s.Errorf("there is after --abort:\n%s", out)
	}
}

type listed struct {
	Archives []struct {
		Name       string
		Complete   bool
		FirstBlock int64 `json:"first_block"`
		Blocks     int64
	}
}

func (s storage) archives() listed {
	s.Helper()
	out, _ := calypso(s.T, s.state, 0, "lto", "list", "-f", "vtl01:0", "--json")
	var l listed
	if err := json.Unmarshal([]byte(out), &l); err != nil {
		s.Fatal(err)
	}
	return l
}

// receiveBadTape: a block that cannot be read is the drive's error, and nothing looks whole.
func receiveBadTape(s storage) {
	first := s.archives().Archives[0]
	s.does(0, "vtl", "fault", "inject", "vtl01:0", "medium-error", "--block", fmt.Sprint(first.FirstBlock+first.Blocks/2), "--on", "read")
	s.says(16, "medium error;kept in tank/err", "snapshot", "receive", "tank/err", "--from-tape", "vtl01:0", "--file", "1")
	s.does(0, "vtl", "fault", "clear", "vtl01:0", "--all")
	if out, err := exec.Command("zfs", "list", "tank/err@x").CombinedOutput(); err == nil {
		s.Errorf("half a stream made a snapshot:\n%s", out)
	}
	s.says(13, "kept the beginning", "snapshot", "receive", "tank/err", "--from-tape", "vtl01:0", "--file", "1")
	s.does(0, "snapshot", "receive", "tank/err", "--abort")
	s.says(0, "verified", "snapshot", "receive", "tank/err", "--from-tape", "vtl01:0", "--file", "1")
	s.same("tank/a@x", "tank/err@x")
}

// sendDies: zfs is killed while it sends. The archive is marked, and not received.
func sendDies(s storage) {
	s.does(0, "vtl", "fault", "inject", "vtl01:0", "slow", "--delay", "100ms", "--per", "block")
	cmd := exec.Command("calypso", "snapshot", "send", "tank/a@x", "--to-tape", "vtl01:0", "--name", "torn", "--buffer", "1MiB", "--state-dir", s.state)
	out, err := cmd.StderrPipe()
	if err != nil {
		s.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		s.Fatal(err)
	}
	eventually(s.T, "the archive to begin", func() bool {
		pos, _ := exec.Command("calypso", "media", "show", "V00001L8", "--json", "--state-dir", s.state).Output()
		return strings.Contains(string(pos), `"torn"`)
	})
	run(s.T, "pkill", "-KILL", "-P", fmt.Sprint(cmd.Process.Pid))
	said, _ := io.ReadAll(out)
	_ = cmd.Wait()
	if cmd.ProcessState.Success() || !strings.Contains(string(said), "137") {
		s.Errorf("zfs was killed: %v\n%s", cmd.ProcessState, said)
	}
	s.does(0, "vtl", "fault", "clear", "vtl01:0", "--all")
	list := s.archives().Archives
	if last := list[len(list)-1]; last.Name != "torn" || last.Complete {
		s.Errorf("the archive is %+v; want it incomplete", last)
	}
	s.says(3, "not written to its end;nothing was received", "snapshot", "receive", "tank/torn", "--from-tape", "vtl01:0", "--name", "torn")
}

func receiveRefused(s storage) {
	filePool(s.T, "small", 64*mib)
	run(s.T, "zfs", "set", "quota=6M", "small")
	s.does(18, "snapshot", "receive", "small/x", "--from-tape", "vtl01:0", "--file", "1")
	if out, err := exec.Command("zfs", "list", "small/x@x").CombinedOutput(); err == nil {
		s.Errorf("a full pool has:\n%s", out)
	}
	s.says(13, "the dataset exists", "snapshot", "receive", "tank/b", "--from-tape", "vtl01:0", "--file", "1")
	s.says(10, "does not exist", "snapshot", "receive", "tank/new", "--from-tape", "vtl01:0", "--name", "tank/a@y")
	s.does(10, "snapshot", "receive", "nopool/x", "--from-tape", "vtl01:0", "--file", "1")
	s.says(17, "no stream", "snapshot", "receive", "tank/new", "--input", "/dev/zero")
	s.does(10, "snapshot", "send", "tank/a@nosuch", "--to-tape", "vtl01:0")
	s.does(13, "snapshot", "send", "tank/a@x", "--from", "@y", "--to-tape", "vtl01:0")
	// An incremental stream into what was changed meanwhile; and by force.
	run(s.T, "zfs", "rollback", "-r", "tank/b@x")
	fill(s.T, "/tank/b/changed", 65536)
	s.says(13, "modified", "snapshot", "receive", "tank/b", "--from-tape", "vtl01:0", "--name", "tank/a@y")
	s.says(13, "--confirm", "snapshot", "receive", "tank/b", "--from-tape", "vtl01:0", "--name", "tank/a@y", "--force", "--yes")
	s.says(0, "verified", "snapshot", "receive", "tank/b", "--from-tape", "vtl01:0", "--name", "tank/a@y", "--force", "--confirm", "tank/b")
	s.same("tank/a@y", "tank/b@y")
}
