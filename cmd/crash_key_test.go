package cmd

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// Keys while the program runs, and after it was stopped.

// writeWith starts to write an archive under a key.
func (a *appliance) writeWith(key, name string) *running {
	return a.start(newEndless(), "lto", "write", "-f", "vtl01:0", "--name", name, "--key", key, "-", "--json")
}

// driveHasNoKey checks what the drive says and what is kept of it.
func (a *appliance) driveHasNoKey() {
	a.t.Helper()
	var doc encryptStatusDoc
	a.must(0, "lto", "encrypt", "status", "-f", "vtl01:0", "--json").into(a.t, &doc)
	if cell(doc.Encryption) != "off" || cell(doc.Decryption) != "off" || doc.KeyID != nil {
		a.t.Errorf("encryption %s, decryption %s, key %s", cell(doc.Encryption), cell(doc.Decryption), cell(doc.KeyID))
	}
	if list := a.keysOfDrives(); len(list) > 0 {
		a.t.Errorf("keys of drives are kept: %s", list)
	}
}

// keysOfDrives are the files in which drives keep their keys between two commands.
func (a *appliance) keysOfDrives() (list []string) {
	a.t.Helper()
	err := filepath.WalkDir(filepath.Join(a.dir, "state/run"), func(path string, e fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".key") {
			list = append(list, path)
		}
		return err
	})
	if err != nil {
		a.t.Fatal(err)
	}
	return list
}

// Whatever ends a write under a key, the key is out of the drive: a signal that can be caught has it taken out, and
// a kill is a power cycle to a virtual drive.
func TestEncryptedWriteStopped(t *testing.T) {
	t.Parallel()
	for _, e := range append(slices.Clone(endings), struct {
		name   string
		signal syscall.Signal
		exit   int
	}{"SIGKILL", syscall.SIGKILL, -1}) {
		t.Run(e.name, func(t *testing.T) {
			a := newAppliance(t)
			a.library()
			id := a.makeKey("a")
			key := a.plainKey(id)
			a.mustFrom(0, someBytes(1<<20), "lto", "write", "-f", "vtl01:0", "--name", "before", "--key", "a", "-")
			r := a.writeWith("a", "stopped")
			a.awaitGrowth(r, 20<<20)
			if list := a.keysOfDrives(); len(list) > 0 {
				t.Errorf("while it runs, keys are kept: %s", list)
			}
			a.holdsNoKey(key)
			r.signal(e.signal)
			got := r.wait()
			if got.exit != e.exit {
				t.Fatalf("exit status %d; want %d\n%s", got.exit, e.exit, got.stderr)
			}
			a.driveHasNoKey()
			a.holdsNoKey(key, got)
			a.withoutKeys(id, e.signal == syscall.SIGKILL)
			if e.signal == syscall.SIGKILL {
				a.goesOn(2)
			} else {
				a.stopped(got, true)
			}
			a.driveHasNoKey()
			a.holdsNoKey(key)
		})
	}
}

// withoutKeys checks that what was stopped is told of where its key is not at hand, and that a torn archive, which
// the next write has to close, is status 12 with the id of the key.
func (a *appliance) withoutKeys(id string, torn bool) {
	a.t.Helper()
	keys := filepath.Join(a.dir, "state/keys")
	if err := os.Rename(keys, keys+".away"); err != nil {
		a.t.Fatal(err)
	}
	if got := a.must(0, "lto", "list", "-f", "vtl01:0", "--from-tape"); !strings.Contains(got.stdout, "encrypted with key "+id+", not at hand") {
		a.t.Errorf("list --from-tape says\n%s", got.stdout)
	}
	if torn {
		got := a.mustFrom(12, someBytes(10), "lto", "write", "-f", "vtl01:0", "--name", "behind", "-", "--json")
		if doc := got.failure(a.t); doc.Code != "key_needed" || !strings.Contains(doc.Message, id) {
			a.t.Errorf("%s: %s", doc.Code, doc.Message)
		}
	}
	if err := os.Rename(keys+".away", keys); err != nil {
		a.t.Fatal(err)
	}
}

// holdsNoKey greps all that was kept and said for the key: raw, hexadecimal, base64. Only the store may have it,
// and where a drive keeps it between two commands.
func (a *appliance) holdsNoKey(key []byte, said ...answer) {
	a.t.Helper()
	for _, s := range said {
		if what := leak([]byte(s.stdout+s.stderr), key); what != "" {
			a.t.Errorf("%q says the key %s", s.args, what)
		}
	}
	err := filepath.WalkDir(filepath.Join(a.dir, "state"), func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() || strings.HasSuffix(path, ".key") {
			return ignoreGone(err)
		}
		data, err := beginning(path)
		if what := leak(data, key); what != "" {
			a.t.Errorf("%s holds the key %s", path, what)
		}
		return ignoreGone(err)
	})
	if err != nil {
		a.t.Fatal(err)
	}
}

// beginning reads a file up to 32 MiB: the image of a tape that is being written has no end to wait for.
func beginning(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, 32<<20))
}

// ignoreGone is for files that a process under test removes meanwhile.
func ignoreGone(err error) error {
	if os.IsNotExist(err) {
		return nil
	}
	return err
}

// leak says in which form the key, or half of it, is in data; "": it is not.
func leak(data, key []byte) string {
	for _, half := range [][]byte{key[:16], key[16:]} {
		forms := map[string]string{"raw": string(half), "in hexadecimal": hex.EncodeToString(half), "in capital hexadecimal": strings.ToUpper(hex.EncodeToString(half)),
			"as numbers": strings.Trim(fmt.Sprint(half), "[]"), "as a list": strings.ReplaceAll(strings.Trim(fmt.Sprint(half), "[]"), " ", ",")}
		for shift := range 3 { // base64 of text in which the key begins anywhere
			text := base64.RawStdEncoding.EncodeToString(append(make([]byte, shift), half...))
			forms["in base64"+strings.Repeat(".", shift)] = text[4 : len(text)-3]
			forms["in base64 for names"+strings.Repeat(".", shift)] = strings.NewReplacer("+", "-", "/", "_").Replace(text[4 : len(text)-3])
		}
		for name, form := range forms {
			if bytes.Contains(data, []byte(form)) {
				return name
			}
		}
	}
	return ""
}

// A whole session with a key that is not wrapped leaves it nowhere but in the store.
func TestNoKeyIsLeftBehind(t *testing.T) {
	t.Parallel()
	a := newAppliance(t)
	a.library("--compression")
	id := a.makeKey("a")
	key := a.plainKey(id)
	if leak(append([]byte("x"), base64.StdEncoding.EncodeToString(append([]byte("12"), key...))...), key) == "" {
		t.Fatal("this test finds nothing")
	}
	tree, out := a.tree(1<<20), filepath.Join(a.dir, "out")
	f := []string{"-f", "vtl01:0"}
	if err := os.Mkdir(out, 0o755); err != nil {
		t.Fatal(err)
	}
	var task taskStartDoc
	a.must(0, append([]string{"lto", "write", "--key", id, tree, "--detach", "--json"}, f...)...).into(t, &task)
	a.holdsNoKey(key, a.must(0, "task", "wait", task.Task), a.must(0, "task", "logs", task.Task))
	for _, args := range [][]string{
		{"key", "list"}, {"key", "show", "a", "--check"}, {"key", "rotate", "a", "--plain"},
		append([]string{"lto", "write", "--key", id, tree, "--verbose"}, f...),
		append([]string{"lto", "read", "--file", "1", "-C", out}, f...),
		append([]string{"lto", "verify"}, f...), append([]string{"lto", "scan"}, f...),
		append([]string{"lto", "list", "--from-tape"}, f...),
		append([]string{"lto", "encrypt", "on", "--key", id}, f...),
		append([]string{"lto", "encrypt", "status"}, f...), append([]string{"lto", "status"}, f...),
		append([]string{"lto", "encrypt", "verify", "--key", id}, f...),
		append([]string{"lto", "encrypt", "off"}, f...),
		{"audit", "list"},
	} {
		a.holdsNoKey(key, a.must(0, args...), a.run(append(args, "--json")...))
	}
	a.holdsNoKey(key)
	if list := a.keysOfDrives(); len(list) > 0 {
		t.Errorf("keys of drives are kept: %s", list)
	}
}

// guarded says whether the kernel keeps the memory of a process from dumps and from others: what is not dumpable
// belongs to root in /proc, whoever runs it, and no core is larger than 0.
func (r *running) guarded() bool {
	r.t.Helper()
	dir := fmt.Sprintf("/proc/%d/", r.cmd.Process.Pid)
	info, err := os.Stat(dir + "environ")
	limits, limitsErr := os.ReadFile(dir + "limits")
	if err != nil || limitsErr != nil {
		return false // it has ended: await tells
	}
	owner := info.Sys().(*syscall.Stat_t)
	for line := range strings.Lines(string(limits)) {
		if fields := strings.Fields(line); strings.HasPrefix(line, "Max core file size") {
			return owner.Uid == 0 && owner.Gid == 0 && slices.Equal(fields[4:6], []string{"0", "0"})
		}
	}
	return false
}

// asGroup has the process run in a group that is not root's, so that it shows in /proc whether it can be dumped.
func (a *appliance) asGroup(args ...string) *running {
	a.t.Helper()
	r := a.prepare(args...)
	if os.Geteuid() == 0 {
		r.cmd.SysProcAttr.Credential = &syscall.Credential{Uid: 0, Gid: 65534, NoSetGroups: true}
	}
	r.cmd.Stdout = &r.out
	var err error
	if r.stdin, err = r.cmd.StdinPipe(); err != nil {
		a.t.Fatal(err)
	}
	return r.begin()
}

// The memory of the process is guarded before there is a secret in it: while it still waits for the passphrase. A
// process without secrets can be dumped, or the test would see nothing.
func TestMemoryWithKeysIsGuarded(t *testing.T) {
	t.Parallel()
	a := newAppliance(t)
	a.library()
	pass := filepath.Join(a.dir, "pass")
	if err := os.WriteFile(pass, []byte("correct horse\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a.makeKey("a")
	a.must(0, "key", "create", "b", "--passphrase-file", pass)
	for name, args := range map[string][]string{
		"no secret":           {"lto", "write", "-f", "vtl01:0", "--name", "open", "-"},
		"key":                 {"lto", "write", "-f", "vtl01:0", "--name", "secret", "--key", "a", "-"},
		"wait for passphrase": {"key", "show", "b", "--check", "--passphrase-fd", "0"},
	} {
		r := a.asGroup(args...)
		if name == "no secret" {
			a.awaitHeld(r, "drive-")
			if r.guarded() {
				t.Error("a process without secrets is guarded: this test sees nothing")
			}
		} else {
			a.await(r, name+": its memory is guarded", r.guarded)
		}
		_, _ = r.stdin.Write([]byte("correct horse\n"))
		_ = r.stdin.Close()
		if got := r.wait(); got.exit != 0 {
			t.Errorf("%s: exit status %d\n%s", name, got.exit, got.stderr)
		}
	}
}
