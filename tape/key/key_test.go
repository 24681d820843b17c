package key

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"gopkg.in/yaml.v3"
	"pgregory.net/rapid"

	"calypso/sys/errcode"
)

// known is the key of the bytes 0, 1, 2, … 31. Its id was computed with sha256sum(1).
const knownID = "4b4ad03a569fb4d6"

func knownKey(t testing.TB) *Key {
	t.Helper()
	raw := make([]byte, Bytes)
	for i := range raw {
		raw[i] = byte(i)
	}
	k, err := newKey(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Destroy)
	return k
}

var made = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func about(name string) About { return About{Name: name, Generation: 1, Created: made} }

func wrapped(t testing.TB, k *Key, name string, w Wrapping) *Record {
	t.Helper()
	w.WorkFactor = 4
	r, err := Wrap(k, about(name), w)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func wantCode(t testing.TB, err error, code errcode.Code) {
	t.Helper()
	if got := errcode.Of(err); got != code {
		t.Errorf("error = %v (%q); want code %q", err, got, code)
	}
}

func withPassphrase(text string) Opener {
	return Opener{Passphrase: func(*Record) ([]byte, error) { return []byte(text), nil }}
}

func TestID(t *testing.T) {
	if got := knownKey(t).ID(); got != knownID {
		t.Errorf("ID = %s; want %s", got, knownID)
	}
}

func TestNewKeysDiffer(t *testing.T) {
	a, err := New()
	if err != nil {
		t.Fatal(err)
	}
	defer a.Destroy()
	b, err := New()
	if err != nil {
		t.Fatal(err)
	}
	defer b.Destroy()
	if bytes.Equal(a.Secret(), b.Secret()) || a.ID() == b.ID() {
		t.Errorf("two new keys are the same: %s", a.ID())
	}
}

// Whatever formats a key or a record gives no byte of it.
func TestNothingFormatsTheKey(t *testing.T) {
	k := knownKey(t)
	r := wrapped(t, k, "plain", Wrapping{Plain: true})
	for _, v := range []any{k, *r, r, []*Key{k}, struct{ K *Key }{k}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			noSecret(t, verb, fmt.Sprintf(verb, v))
		}
	}
	text, err := json.Marshal(map[string]any{"k": k, "r": r})
	if err != nil {
		t.Fatal(err)
	}
	noSecret(t, "JSON", string(text))
	text, err = yaml.Marshal(map[string]any{"k": k})
	if err != nil {
		t.Fatal(err)
	}
	noSecret(t, "YAML", string(text))
}

func noSecret(t *testing.T, what, text string) {
	t.Helper()
	for _, form := range []string{"\x01\x02\x03", "010203", "0x1, 0x2", "1 2 3 4", "AAECAwQF"} {
		if strings.Contains(text, form) {
			t.Errorf("%s gives the key: %q", what, text)
		}
	}
}

func TestDestroy(t *testing.T) {
	k := knownKey(t)
	k.Destroy()
	k.Destroy()
	if k.Secret() != nil {
		t.Error("the key is there after Destroy")
	}
	(*Key)(nil).Destroy()
}

func TestWrapAndUnwrap(t *testing.T) {
	k := knownKey(t)
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	other, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	byPassphrase := wrapped(t, k, "a", Wrapping{Passphrase: []byte("correct horse")})
	byIdentity := wrapped(t, k, "b", Wrapping{Recipients: []string{identity.Recipient().String()}})
	plain := wrapped(t, k, "c", Wrapping{Plain: true})
	for _, test := range []struct {
		what string
		r    *Record
		o    Opener
		code errcode.Code
	}{
		{"passphrase", byPassphrase, withPassphrase("correct horse"), ""},
		{"wrong passphrase", byPassphrase, withPassphrase("wrong"), errcode.KeyLocked},
		{"empty passphrase", byPassphrase, withPassphrase(""), errcode.KeyLocked},
		{"no passphrase", byPassphrase, Opener{Identities: []age.Identity{identity}}, errcode.KeyLocked},
		{"identity", byIdentity, Opener{Identities: []age.Identity{other, identity}}, ""},
		{"wrong identity", byIdentity, Opener{Identities: []age.Identity{other}}, errcode.KeyLocked},
		{"no identity", byIdentity, withPassphrase("x"), errcode.KeyLocked},
		{"plain", plain, Opener{}, ""},
	} {
		got, err := test.r.Unwrap(test.o)
		wantCode(t, err, test.code)
		if err == nil && !bytes.Equal(got.Secret(), k.Secret()) {
			t.Errorf("%s: unwrapped another key", test.what)
		}
		got.Destroy()
	}
}

func TestSSHKeys(t *testing.T) {
	dir := t.TempDir()
	private := filepath.Join(dir, "id_ed25519")
	write(t, private, sshPrivate, 0o600)
	write(t, private+".pub", sshPublic, 0o644)
	recipients, err := Recipients([]string{private + ".pub"})
	if err != nil {
		t.Fatal(err)
	}
	r := wrapped(t, knownKey(t), "ssh", Wrapping{Recipients: recipients})
	identities, err := LoadIdentities(private, nil)
	if err != nil {
		t.Fatal(err)
	}
	k, err := r.Unwrap(Opener{Identities: identities})
	if err != nil || k.ID() != knownID {
		t.Errorf("Unwrap = %v, %v", k, err)
	}
	k.Destroy()
	if err := os.Chmod(private, 0o640); err != nil {
		t.Fatal(err)
	}
	_, err = LoadIdentities(private, nil)
	wantCode(t, err, errcode.KeyUnsafe)
	write(t, filepath.Join(dir, "junk"), "not an identity\n", 0o600)
	_, err = LoadIdentities(filepath.Join(dir, "junk"), nil)
	wantCode(t, err, errcode.KeyLocked)
}

func TestRecipientsRefused(t *testing.T) {
	secret, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(t.TempDir(), "empty")
	write(t, empty, "# nobody\n", 0o600)
	for _, word := range []string{secret.String(), "age1junk", "ssh-ed25519 junk", "/no/such/file", empty} {
		_, err := Recipients([]string{word})
		wantCode(t, err, errcode.Usage)
		if err != nil && strings.Contains(err.Error(), secret.String()) {
			t.Errorf("the error gives the secret: %v", err)
		}
	}
}

func TestNames(t *testing.T) {
	for name, good := range map[string]bool{"offsite": true, "a": true, "A.b_c-1": true, strings.Repeat("x", 32): true,
		"": false, "-a": false, ".a": false, "a/b": false, "a b": false, strings.Repeat("x", 33): false, knownID: false, "ä": false, "a\n": false} {
		if got := CheckName(name) == nil; got != good {
			t.Errorf("CheckName(%q) allowed = %v; want %v", name, got, good)
		}
	}
}

func TestDecodeIsStrict(t *testing.T) {
	r := wrapped(t, knownKey(t), "k", Wrapping{Passphrase: []byte("x")})
	text := encoded(t, r)
	got, err := Decode("f", text)
	if err != nil || got.ID != r.ID || got.Name != "k" || !got.Created.Equal(made) || !bytes.Equal(got.material, r.material) {
		t.Fatalf("Decode = %v, %v; want what was encoded", got, err)
	}
	for at := range text {
		if _, err := Decode("f", text[:at]); at < len(text)-1 && errcode.Of(err) != errcode.KeyDamaged {
			t.Fatalf("cut at %d: %v; want %s", at, err, errcode.KeyDamaged)
		}
		changed := bytes.Clone(text)
		changed[at] ^= 1
		if got, err := Decode("f", changed); err == nil && !bytes.Equal(encoded(t, got), text) {
			t.Fatalf("byte %d changed and not noticed", at)
		}
	}
	newer := bytes.Replace(text, []byte("schema_version: 1"), []byte("schema_version: 2"), 1)
	_, err = Decode("f", newer)
	wantCode(t, err, errcode.StateNewer)
}

// A key file that was put together anew, with a checksum that fits, cannot give a key another id.
func TestForgedRecord(t *testing.T) {
	k := knownKey(t)
	plain := wrapped(t, k, "k", Wrapping{Plain: true})
	plain.ID = "0123456789abcdef"
	_, err := Decode("f", encoded(t, plain))
	wantCode(t, err, errcode.KeyDamaged)
	locked := wrapped(t, k, "k", Wrapping{Passphrase: []byte("x")})
	locked.ID = "0123456789abcdef"
	r, err := Decode("f", encoded(t, locked))
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.Unwrap(withPassphrase("x"))
	wantCode(t, err, errcode.KeyDamaged)
}

func encoded(t testing.TB, r *Record) []byte {
	t.Helper()
	text, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func paper(r *Record) string {
	lines, _ := r.PaperLines()
	return "some words: for people = them\n" + strings.Join(lines, "\n") + "\nend\n"
}

func TestPaper(t *testing.T) {
	k := knownKey(t)
	for _, w := range []Wrapping{{Plain: true}, {Passphrase: []byte("x")}} {
		r := wrapped(t, k, "offsite", w)
		text := paper(r)
		for _, form := range []string{text, strings.ToLower(text), misread(text), strings.ReplaceAll(text, "\n", "\r\n")} {
			got, err := Parse("paper", []byte(form))
			if err != nil || got.ID != knownID || got.Name != "offsite" || got.Wrap != r.Wrap || !got.Created.Equal(made) || !bytes.Equal(got.material, r.material) {
				t.Errorf("%s: Parse = %v, %v; want what was printed\n%s", r.Wrap, got, err, form)
			}
		}
	}
}

// misread is what a person types who takes digits for letters, but for the numbers of the lines.
func misread(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		number, rest, _ := strings.Cut(line, ":")
		b.WriteString(number + ":" + strings.NewReplacer("0", "o", "1", "l").Replace(rest))
	}
	return b.String()
}

func TestPaperSlips(t *testing.T) {
	lines, _ := wrapped(t, knownKey(t), "offsite", Wrapping{Passphrase: []byte("x")}).PaperLines()
	for what, change := range map[string]func(l []string) []string{
		"last line missing":  func(l []string) []string { return l[:len(l)-1] },
		"first line missing": func(l []string) []string { return l[1:] },
		"line missing":       func(l []string) []string { return slices.Delete(l, 2, 3) },
		"lines swapped":      func(l []string) []string { l[1], l[2] = l[2], l[1]; return l },
		"line twice":         func(l []string) []string { return slices.Insert(l, 1, l[1]) },
		"letters swapped":    func(l []string) []string { l[3] = swapped(l[3]); return l },
		"letter U":           func(l []string) []string { l[1] = l[1][:6] + "U" + l[1][7:]; return l },
		"nothing":            func([]string) []string { return nil },
	} {
		text := strings.Join(change(slices.Clone(lines)), "\n")
		_, err := Parse("paper", []byte(text))
		if errcode.Of(err) != errcode.KeyDamaged {
			t.Errorf("%s: %v; want %s", what, err, errcode.KeyDamaged)
		}
	}
}

// swapped exchanges two neighbours that differ.
func swapped(line string) string {
	b := []byte(line)
	for i := 6; ; i++ {
		if b[i] != b[i+1] && b[i] != ' ' && b[i+1] != ' ' {
			b[i], b[i+1] = b[i+1], b[i]
			return string(b)
		}
	}
}

// Any single character typed wrong is found in its own line.
func TestPaperAnyWrongCharacter(t *testing.T) {
	lines, _ := wrapped(t, knownKey(t), "offsite", Wrapping{Plain: true}).PaperLines()
	rapid.Check(t, func(t *rapid.T) {
		l := slices.Clone(lines)
		n := rapid.IntRange(0, len(l)-1).Draw(t, "line")
		at := rapid.IntRange(5, len(l[n])-1).Draw(t, "at")
		c := rapid.SampledFrom([]byte("0123456789ABCDEFGHJKMNPQRSTVWXYZ")).Draw(t, "char")
		if l[n][at] == ' ' || l[n][at] == '=' || l[n][at] == c {
			t.Skip()
		}
		l[n] = l[n][:at] + string(c) + l[n][at+1:]
		r, err := Parse("p", []byte(strings.Join(l, "\n")))
		if err == nil && r.ID == knownID && at >= len(l[n])-8 {
			return // the unused bits of the last group
		}
		if errcode.Of(err) != errcode.KeyDamaged || !strings.Contains(err.Error(), fmt.Sprintf("line %d ", n+1)) {
			t.Fatalf("Parse = %v, %v; want line %d named", r, err, n+1)
		}
	})
}

func write(t testing.TB, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func newStore(t *testing.T) *Store {
	t.Helper()
	return NewStore(filepath.Join(t.TempDir(), "state", "keys"))
}

func TestStore(t *testing.T) {
	s := newStore(t)
	ctx := context.Background()
	if list, err := s.List(); list != nil || err != nil {
		t.Errorf("List of an empty store = %v, %v", list, err)
	}
	_, err := s.Find("offsite")
	wantCode(t, err, errcode.KeyNotFound)
	first := wrapped(t, knownKey(t), "offsite", Wrapping{Plain: true})
	wantCode(t, s.Add(ctx, first), "")
	wantCode(t, s.Add(ctx, first), errcode.KeyExists)
	wantModes(t, s)
	again, err := New()
	if err != nil {
		t.Fatal(err)
	}
	defer again.Destroy()
	same := wrapped(t, again, "offsite", Wrapping{Plain: true})
	wantCode(t, s.Add(ctx, same), errcode.KeyExists)
	same.Generation = 2
	wantCode(t, s.Add(ctx, same), "")
	if got, err := s.Find("offsite"); err != nil || got.ID != same.ID {
		t.Errorf("Find(offsite) = %v, %v; want generation 2", got, err)
	}
	if got, err := s.Find(first.ID); err != nil || got.Generation != 1 {
		t.Errorf("Find(%s) = %v, %v; want generation 1", first.ID, got, err)
	}
	no := errors.New("no")
	if err := s.Delete(ctx, first.ID, func() error { return no }); !errors.Is(err, no) {
		t.Errorf("Delete = %v; want what its caller says", err)
	}
	wantCode(t, s.Delete(ctx, first.ID, func() error { return nil }), "")
	_, err = s.Find(first.ID)
	wantCode(t, err, errcode.KeyNotFound)
	wantCode(t, s.Delete(ctx, first.ID, func() error { return nil }), errcode.KeyNotFound)
}

func wantModes(t *testing.T, s *Store) {
	t.Helper()
	for path, want := range map[string]os.FileMode{s.dir: 0o700, s.path(knownID): 0o600} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, %v; want %v", path, info.Mode(), err, want)
		}
	}
}

func TestStoreRefusesBadFiles(t *testing.T) {
	for what, test := range map[string]struct {
		spoil func(t *testing.T, s *Store)
		code  errcode.Code
	}{
		"group may read":     {func(t *testing.T, s *Store) { chmod(t, s.path(knownID), 0o640) }, errcode.KeyUnsafe},
		"others may write":   {func(t *testing.T, s *Store) { chmod(t, s.path(knownID), 0o602) }, errcode.KeyUnsafe},
		"directory is open":  {func(t *testing.T, s *Store) { chmod(t, s.dir, 0o750) }, errcode.KeyUnsafe},
		"symbolic link":      {linked, errcode.KeyUnsafe},
		"directory in place": {func(t *testing.T, s *Store) { replaced(t, s, func(p string) error { return os.Mkdir(p, 0o700) }) }, errcode.KeyUnsafe},
		"cut":                {func(t *testing.T, s *Store) { check(t, os.Truncate(s.path(knownID), 100)) }, errcode.KeyDamaged},
		"empty":              {func(t *testing.T, s *Store) { check(t, os.Truncate(s.path(knownID), 0)) }, errcode.KeyDamaged},
		"not a key":          {func(t *testing.T, s *Store) { write(t, s.path(knownID), "hello\n", 0o600) }, errcode.KeyDamaged},
		"name of another":    {func(t *testing.T, s *Store) { check(t, os.Rename(s.path(knownID), s.path("0123456789abcdef"))) }, errcode.KeyDamaged},
	} {
		s := newStore(t)
		wantCode(t, s.Add(context.Background(), wrapped(t, knownKey(t), "k", Wrapping{Plain: true})), "")
		test.spoil(t, s)
		if _, err := s.List(); errcode.Of(err) != test.code {
			t.Errorf("%s: List: %v; want %s", what, err, test.code)
		}
		if _, err := s.Find("k"); errcode.Of(err) != test.code {
			t.Errorf("%s: Find: %v; want %s", what, err, test.code)
		}
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func chmod(t *testing.T, path string, mode os.FileMode) { t.Helper(); check(t, os.Chmod(path, mode)) }

func linked(t *testing.T, s *Store) {
	elsewhere := filepath.Join(t.TempDir(), "key")
	replaced(t, s, func(p string) error { return errors.Join(os.Rename(p+".old", elsewhere), os.Symlink(elsewhere, p)) })
}

func replaced(t *testing.T, s *Store, by func(path string) error) {
	t.Helper()
	check(t, os.Rename(s.path(knownID), s.path(knownID)+".old"))
	check(t, by(s.path(knownID)))
}

func FuzzDecode(f *testing.F) {
	k := knownKey(f)
	f.Add(encoded(f, wrapped(f, k, "k", Wrapping{Plain: true})))
	f.Add(encoded(f, wrapped(f, k, "k", Wrapping{Passphrase: []byte("x")})))
	f.Fuzz(func(t *testing.T, data []byte) {
		if r, err := Decode("f", data); err == nil {
			again, err := Decode("f", encoded(t, r))
			if err != nil || again.ID != r.ID || !bytes.Equal(again.material, r.material) {
				t.Errorf("decoded again: %v, %v", again, err)
			}
		}
	})
}

func FuzzPaper(f *testing.F) {
	k := knownKey(f)
	f.Add([]byte(paper(wrapped(f, k, "k", Wrapping{Plain: true}))))
	f.Add([]byte(paper(wrapped(f, k, "offsite", Wrapping{Passphrase: []byte("x")}))))
	f.Fuzz(func(t *testing.T, data []byte) {
		if r, err := DecodePaper("f", data); err == nil {
			again, err := DecodePaper("f", []byte(paper(r)))
			if err != nil || again.ID != r.ID || !bytes.Equal(again.material, r.material) {
				t.Errorf("decoded again: %v, %v", again, err)
			}
		}
	})
}

func FuzzPaperBytes(f *testing.F) {
	f.Add(wrapped(f, knownKey(f), "k", Wrapping{Plain: true}).paperBytes())
	f.Fuzz(func(_ *testing.T, data []byte) { _, _ = decodePaperBytes("f", data) })
}
