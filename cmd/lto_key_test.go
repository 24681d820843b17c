package cmd

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"calypso/sys/errcode"
)

// A guess at a passphrase may be cheap here.
func init() { scryptWork = 4 }

// vault is a shelf with a drive that encrypts and two keys, a and b; b wants a passphrase.
type vault struct {
	*shelf
	drive      *encrypting
	idA, idB   string
	tree, pass string
}

func newVault(t *testing.T) *vault {
	t.Helper()
	v := &vault{shelf: newShelf(t), drive: (&encrypting{}).install(t)}
	v.pass = filepath.Join(t.TempDir(), "pass")
	v.tree = filepath.Join(t.TempDir(), "tree")
	put := func(path, text string) {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(v.pass, "correct horse\n")
	put(filepath.Join(v.tree, "payroll-secret"), strings.Repeat("the salaries of all\n", 2000))
	v.ok("lto", "label", "-f", "lib:0", "K00001L8", "--block-size", "4KiB")
	v.ok("key", "create", "a", "--plain")
	v.ok("key", "create", "b", "--passphrase-file", v.pass)
	v.idA, v.idB = v.keyID("a"), v.keyID("b")
	return v
}

func (v *vault) keyID(name string) string {
	v.t.Helper()
	var doc keyShowDoc
	v.ok("key", "show", name, "--json").into(v.t, &doc)
	return doc.ID
}

// fails runs a command that must fail with a code, and gives the error.
func (v *vault) fails(code errcode.Code, args ...string) errorDoc {
	v.t.Helper()
	a := v.run(append(args, "--json")...)
	doc := a.failure(v.t)
	if doc.Code != string(code) {
		v.t.Errorf("%q failed with %s (%s); want %s", args, doc.Code, doc.Message, code)
	}
	v.noKeyInDrive()
	return doc
}

func (v *vault) noKeyInDrive() {
	v.t.Helper()
	if v.drive.key != nil {
		v.t.Errorf("the key is still in the drive")
	}
}

func (v *vault) write(name string, more ...string) {
	v.t.Helper()
	v.ok(append([]string{"lto", "write", "-f", "lib:0", "--name", name, v.tree}, more...)...)
	v.noKeyInDrive()
}

func (v *vault) restored(name string, more ...string) {
	v.t.Helper()
	dest := v.t.TempDir()
	v.ok(append([]string{"lto", "read", "-f", "lib:0", "--name", name, "-C", dest}, more...)...)
	v.noKeyInDrive()
	found := ""
	_ = filepath.Walk(dest, func(path string, info os.FileInfo, err error) error {
		if err == nil && info.Name() == "payroll-secret" {
			b, _ := os.ReadFile(path)
			found = string(b)
		}
		return nil
	})
	if !strings.HasPrefix(found, "the salaries of all\n") || len(found) != 40000 {
		v.t.Errorf("%s was restored as %d bytes", name, len(found))
	}
}

// A tape with archives under two keys and in clear is written, listed, read and verified.
func TestMixedTape(t *testing.T) {
	v := newVault(t)
	v.write("one", "--key", "a")
	if bytes.Contains(v.data(), []byte("salaries")) || bytes.Contains(v.data(), []byte("payroll")) {
		t.Fatal("names or data are on the tape in clear")
	}
	if !bytes.Contains(v.data(), []byte(v.idA)) {
		t.Fatal("the id of the key is not on the tape")
	}
	v.write("two", "--key", "b", "--passphrase-file", v.pass)
	v.write("three")
	v.write("four", "--key", v.idA)
	if !bytes.Contains(v.data(), []byte("salaries")) {
		t.Error("what was to be in clear is not")
	}
	var list listDoc
	v.ok("lto", "list", "-f", "lib:0", "--json").into(t, &list)
	for i, want := range []string{v.idA, v.idB, "-", v.idA} {
		if got := cell(list.Archives[i].KeyID); got != want {
			t.Errorf("archive %d has the key %s; want %s", i, got, want)
		}
	}
	if a := v.ok("lto", "list", "-f", "lib:0"); !strings.Contains(a.stdout, "encrypted with key "+v.idA+": file 1, 7\n") {
		t.Errorf("list does not say what is encrypted:\n%s", a.stdout)
	}
	for _, name := range []string{"one", "three", "four"} {
		v.restored(name)
	}
	v.restored("two", "--passphrase-file", v.pass)
	v.ok("lto", "verify", "-f", "lib:0", "--passphrase-file", v.pass)
	v.noKeyInDrive()
	doc := v.fails(errcode.KeyLocked, "lto", "verify", "-f", "lib:0")
	if doc.ExitCode != int(errcode.ExitDenied) {
		t.Errorf("verify without the passphrase = %d; want 12", doc.ExitCode)
	}
}

// Without the keys everything says which is needed, and nothing that is known is forgotten.
func TestKeysThatAreNotAtHand(t *testing.T) {
	v := newVault(t)
	v.write("one", "--key", "a")
	v.write("two", "--key", "b", "--passphrase-file", v.pass)
	v.write("clear")
	keys := filepath.Join(v.state, "keys")
	if err := os.Rename(keys, keys+".away"); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"lto", "read", "-f", "lib:0", "--file", "1", "-C", t.TempDir()},
		{"lto", "verify", "-f", "lib:0", "--file", "1"},
	} {
		if doc := v.fails(errcode.KeyNeeded, args...); doc.ExitCode != 12 || !strings.Contains(doc.Message, v.idA) {
			t.Errorf("%q = %d, %s; want 12 and the id %s", args, doc.ExitCode, doc.Message, v.idA)
		}
	}
	v.restored("clear")
	a := v.ok("lto", "list", "-f", "lib:0", "--from-tape")
	for _, want := range []string{"encrypted with key " + v.idA + ", not at hand: tape file 1 to 2", "encrypted with key " + v.idB + ", not at hand: tape file 3 to 4", "clear"} {
		if !strings.Contains(a.stdout, want) {
			t.Errorf("list --from-tape does not say %q:\n%s", want, a.stdout)
		}
	}
	// The catalog keeps what it has.
	v.ok("lto", "scan", "-f", "lib:0")
	var list listDoc
	v.ok("lto", "list", "-f", "lib:0", "--json").into(t, &list)
	if len(list.Archives) != 3 || list.Archives[0].Name != "one" || list.Archives[2].Name != "clear" {
		t.Errorf("after a scan without keys the catalog has %+v", list.Archives)
	}
	v.ok("media", "find", "payroll-secret")
	// A lost catalog gets what can be read, and says what cannot.
	v.ok("media", "forget", "K00001L8", "--yes")
	doc := v.fails(errcode.Partial, "lto", "scan", "-f", "lib:0")
	if !strings.Contains(doc.Message, v.idA) || !strings.Contains(doc.Message, v.idB) {
		t.Errorf("scan says %q; want both ids", doc.Message)
	}
	v.fails(errcode.KeyNeeded, "lto", "read", "-f", "lib:0", "--name", "one", "-C", t.TempDir())
	v.fails(errcode.KeyNeeded, "lto", "read", "-f", "lib:0", "--file", "1", "-C", t.TempDir())
	// With the keys all of it comes back; until then no key goes that the tape said it needs.
	if err := os.Rename(keys+".away", keys); err != nil {
		t.Fatal(err)
	}
	for name, id := range map[string]string{"a": v.idA, "b": v.idB} {
		if doc := v.fails(errcode.KeyInUse, "key", "delete", id, "--confirm", name); !strings.Contains(doc.Message, "K00001L8") {
			t.Errorf("key delete says %q; want the cartridge", doc.Message)
		}
	}
	v.ok("lto", "scan", "-f", "lib:0", "--passphrase-file", v.pass)
	v.ok("lto", "list", "-f", "lib:0", "--json").into(t, &list)
	if len(list.Archives) != 3 || list.Archives[0].Members != 2 || cell(list.Archives[1].KeyID) != v.idB {
		t.Errorf("after a scan with the keys the catalog has %+v", list.Archives)
	}
}

// A backup goes on where the last archive is under a key that is not at hand.
func TestWriteBehindALockedArchive(t *testing.T) {
	v := newVault(t)
	v.write("one", "--key", "b", "--passphrase-file", v.pass)
	v.write("two", "--key", "a")
	v.write("three")
	v.ok("media", "forget", "K00001L8", "--yes")
	v.write("four", "--key", "b", "--passphrase-file", v.pass)
	v.ok("media", "forget", "K00001L8", "--yes")
	// Now nobody knows whether the last file is a whole manifest.
	v.fails(errcode.KeyLocked, "lto", "write", "-f", "lib:0", "--name", "five", v.tree)
}

func TestDriveThatDoesNotEncrypt(t *testing.T) {
	v := newVault(t)
	before := v.data()
	v.drive.refuse = true
	v.fails(errcode.EncryptionState, "lto", "write", "-f", "lib:0", "--key", "a", v.tree)
	v.drive.refuse, v.drive.lie = false, true
	a := v.run("lto", "write", "-f", "lib:0", "--key", "a", v.tree, "--json")
	if doc := a.failure(t); doc.Code != string(errcode.EncryptionState) || !strings.Contains(doc.Message, "nothing was written") {
		t.Errorf("a drive that lies: %+v", doc)
	}
	v.drive.lie = false
	v.drive.forget()
	if !bytes.Equal(before, v.data()) {
		t.Error("the tape was changed")
	}
	var list listDoc
	v.ok("lto", "list", "-f", "lib:0", "--json").into(t, &list)
	if len(list.Archives)+len(list.Incomplete) != 0 {
		t.Errorf("the catalog has %+v", list)
	}
	v.fails(errcode.KeyNotFound, "lto", "write", "-f", "lib:0", "--key", "nope", v.tree)
	v.fails(errcode.KeyLocked, "lto", "write", "-f", "lib:0", "--key", "b", v.tree)
}

// Whatever ends the command, the drive has forgotten the key.
func TestKeyIsClearedAtTheEnd(t *testing.T) {
	v := newVault(t)
	// A source that hangs, and a deadline: what a signal does too.
	in, source := io.Pipe()
	go source.Write(make([]byte, 100<<10))
	var out, errs bytes.Buffer
	exit := Main([]string{"calypso", "--state-dir", v.state, "lto", "write", "-f", "lib:0", "--key", "a", "--name", "cut", "--timeout", "2s", "-"}, in, &out, &errs)
	if exit != 14 || v.drive.sets != 1 {
		t.Errorf("a deadline gave %d with %d keys set\n%s", exit, v.drive.sets, errs.String())
	}
	v.noKeyInDrive()
	var a answer
	v.drive.onWrite = func() {
		v.drive.onWrite = nil
		panic("a bug while the drive has the key")
	}
	func() {
		defer func() { _ = recover() }()
		a = v.run("lto", "write", "-f", "lib:0", "--key", "a", v.tree)
	}()
	if a.exit != 70 {
		t.Errorf("a panic gave %d\n%s", a.exit, a.stderr)
	}
	v.noKeyInDrive()
}

func TestEncryptVerbs(t *testing.T) {
	v := newVault(t)
	status := func() (doc encryptStatusDoc) {
		t.Helper()
		v.ok("lto", "encrypt", "status", "-f", "lib:0", "--json").into(t, &doc)
		return doc
	}
	if s := status(); !s.Supported || cell(s.Encryption) != "off" || s.KeyID != nil {
		t.Errorf("status = %+v; want off", s)
	}
	v.fails(errcode.EncryptionState, "lto", "encrypt", "verify", "-f", "lib:0", "--key", "a")
	v.ok("lto", "encrypt", "on", "-f", "lib:0", "--key", "a", "-n")
	v.noKeyInDrive()
	if a := v.ok("lto", "encrypt", "on", "-f", "lib:0", "--key", "a"); !strings.Contains(a.stdout, "HOLDS IT until the cartridge is unloaded") {
		t.Errorf("on does not say that it holds the key: %s", a.stdout)
	}
	if s := status(); cell(s.Encryption) != "on" || cell(s.Decryption) != "on" || cell(s.KeyID) != v.idA || cell(s.KeyName) != "a" {
		t.Errorf("status = %+v; want on with a", s)
	}
	v.ok("lto", "encrypt", "verify", "-f", "lib:0", "--key", "a")
	if a := v.run("lto", "encrypt", "verify", "-f", "lib:0", "--key", "b"); a.exit != 17 {
		t.Errorf("verify of another key = %d; want 17", a.exit)
	}
	// What would be encrypted by accident is refused.
	for _, args := range [][]string{{"lto", "write", "-f", "lib:0", v.tree}, {"lto", "label", "-f", "lib:0", "K00001L8", "--confirm", "K00001L8"}} {
		if a := v.run(args...); a.exit != 17 || !strings.Contains(a.stderr, "lto encrypt off") {
			t.Errorf("%q on a drive that encrypts = %d; want 17\n%s", args, a.exit, a.stderr)
		}
	}
	v.ok("lto", "encrypt", "off", "-f", "lib:0")
	v.noKeyInDrive()
	v.ok("lto", "encrypt", "off", "-f", "lib:0")
	v.ok("lto", "encrypt", "on", "-f", "lib:0", "--key", "a", "--mixed")
	if s := status(); cell(s.Decryption) != "mixed" {
		t.Errorf("status = %+v; want mixed", s)
	}
	v.ok("lto", "eject", "-f", "lib:0")
	v.noKeyInDrive()
}

// No secret is in the audit log or in an answer.
func TestKeysAreNotLogged(t *testing.T) {
	v := newVault(t)
	v.write("one", "--key", "b", "--passphrase-file", v.pass)
	var secret string
	for _, line := range strings.Split(string(mustRead(t, filepath.Join(v.state, "keys", v.idA+".key"))), "\n") {
		if text, ok := strings.CutPrefix(line, "material: "); ok {
			secret = strings.Trim(text, `"`)
		}
	}
	if len(secret) != 44 {
		t.Fatalf("material %q", secret)
	}
	log := string(mustRead(t, filepath.Join(v.state, "audit.jsonl")))
	shown := v.ok("key", "show", "a", "--json").stdout + v.ok("key", "list", "--json").stdout
	for what, text := range map[string]string{"audit log": log, "answer": shown} {
		if strings.Contains(text, secret) || strings.Contains(text, "correct horse") {
			t.Errorf("a secret is in the %s", what)
		}
	}
	if !strings.Contains(log, "key create") {
		t.Error("key create is not in the audit log")
	}
	if !json.Valid([]byte(shown[:strings.Index(shown, "\n")])) {
		t.Error("no JSON")
	}
}

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestKeyInUseIsNotDeleted(t *testing.T) {
	v := newVault(t)
	v.write("one", "--key", "a")
	doc := v.fails(errcode.KeyInUse, "key", "delete", "a", "--confirm", "a")
	if doc.ExitCode != 13 || !strings.Contains(doc.Message, "K00001L8 (file 1)") {
		t.Errorf("delete = %d %s; want 13 and the cartridge", doc.ExitCode, doc.Message)
	}
	v.ok("key", "rotate", "a", "--plain")
	v.write("two", "--key", "a")
	if id := v.keyID("a"); id == v.idA {
		t.Error("rotate made no new key")
	}
	v.restored("one")
	v.restored("two")
	v.ok("media", "forget", "K00001L8", "--yes")
	v.ok("key", "delete", v.idA, "--confirm", "a")
	v.fails(errcode.KeyNotFound, "key", "show", v.idA)
}
