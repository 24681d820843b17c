package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"calypso/sys/errcode"
)

// TestMain lets the test binary be a second process that appends.
func TestMain(m *testing.M) {
	if path := os.Getenv("AUDIT_TEST_PATH"); path != "" {
		for i := range 20 {
			if err := appendOne(path, fmt.Sprintf("%s %d", os.Args[1], i)); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func appendOne(path, command string) error {
	l, err := Open(path)
	if err != nil {
		return err
	}
	return l.Append(context.Background(), Entry{
		Command: command, Object: "vtl01:0", Args: []string{"-f", "vtl01:0", "--token=not-hex"}, Outcome: "done",
		Started: time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC), Duration: 1500 * time.Millisecond,
	})
}

// logOf makes a log of n records and gives its path.
func logOf(t testing.TB, n int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log", "audit.jsonl")
	for i := range n {
		if err := appendOne(path, fmt.Sprintf("lto %d", i+1)); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

func read(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func overwrite(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
}

func TestAppendRecord(t *testing.T) {
	t.Setenv("SUDO_USER", "alice")
	path := logOf(t, 2)
	lines := strings.Split(read(t, path), "\n")
	var got map[string]any
	if err := json.Unmarshal([]byte(lines[1]), &got); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]any{
		"seq": 2.0, "time": "2026-01-31T12:00:00Z", "command": "lto 2", "object": "vtl01:0", "outcome": "done",
		"exit_code": 0.0, "error_code": "", "duration_ms": 1500.0, "sudo_user": "alice", "uid": float64(os.Geteuid()), "pid": float64(os.Getpid()),
	} {
		if got[key] != want {
			t.Errorf("%s = %v; want %v", key, got[key], want)
		}
	}
	for _, key := range []string{"prev", "user", "login_uid", "host", "torn_sha256", "hash"} {
		if _, ok := got[key]; !ok {
			t.Errorf("no key %s", key)
		}
	}
	if strings.Contains(lines[1], "not-hex") || !strings.Contains(lines[1], `"--token=***"`) {
		t.Errorf("the secret is in %s", lines[1])
	}
}

func TestVerifyGood(t *testing.T) {
	for _, n := range []int{0, 1, 2, 5} {
		path := logOf(t, n)
		got, err := Verify(path)
		if err != nil || got.Records != int64(n) || got.LastSeq != int64(n) || len(got.Notes) != 0 {
			t.Errorf("Verify of %d records = %+v, %v", n, got, err)
		}
	}
}

func TestVerifyFindsChanges(t *testing.T) {
	swap := func(l []string, i, j int) []string { l[i], l[j] = l[j], l[i]; return l }
	forge := func(line string) string {
		r, _, err := open([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		r.Object = "forged"
		sealed, _, _ := seal(r)
		return strings.TrimSuffix(string(sealed), "\n")
	}
	tests := []struct {
		name   string
		change func(l []string) []string // the five lines
		line   string                    // where Verify sees it
		want   string
	}{
		{"edit", func(l []string) []string { l[2] = strings.Replace(l[2], "vtl01", "vtl02", 1); return l }, ":3", "was changed"},
		{"edit of the last", func(l []string) []string { l[4] = strings.Replace(l[4], "vtl01", "vtl02", 1); return l }, ":5", "was changed"},
		{"forged", func(l []string) []string { l[2] = forge(l[2]); return l }, ":4", "one of the two was replaced"},
		{"last one forged", func(l []string) []string { l[4] = forge(l[4]); return l }, "", "not the one that the head file names"},
		{"hole", func(l []string) []string { return append(l[:1], l[3:]...) }, ":2", "records 2 to 3 are missing"},
		{"beginning cut", func(l []string) []string { return l[2:] }, ":1", "records 1 to 2 are missing"},
		{"end cut", func(l []string) []string { return l[:3] }, "", "records 4 to 5 are missing at the end"},
		{"all cut", func(l []string) []string { return nil }, "", "records 1 to 5 are missing at the end"},
		{"reordered", func(l []string) []string { return swap(l, 1, 2) }, ":2", "records 2 to 2 are missing"},
		{"twice", func(l []string) []string { return append(l[:2], l[1:]...) }, ":3", "record 2 stands after record 2"},
		{"inserted", func(l []string) []string { return append([]string{"{}"}, l...) }, ":1", "was changed"},
		{"empty line", func(l []string) []string { return append([]string{""}, l...) }, ":1", "was changed"},
		{"cut in a line", func(l []string) []string { l[1] = l[1][:20]; return l }, ":2", "was changed"},
		{"two lines", func(l []string) []string { l[1], l[2] = "x", "y"; return l }, ":2", "was changed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := logOf(t, 5)
			lines := tt.change(strings.Split(strings.TrimSuffix(read(t, path), "\n"), "\n"))
			text := strings.Join(lines, "\n")
			if text != "" {
				text += "\n"
			}
			overwrite(t, path, text)
			for _, when := range []string{"at once", "after another append"} {
				_, err := Verify(path)
				var e *errcode.Error
				if !errors.As(err, &e) || e.Code != errcode.AuditBroken {
					t.Fatalf("%s: Verify = %v; want audit_broken", when, err)
				}
				if when == "at once" && (e.Object != path+tt.line || !strings.Contains(e.Msg, tt.want)) {
					t.Errorf("Verify = %v; want %s: … %s", err, path+tt.line, tt.want)
				}
				if err := appendOne(path, "later"); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// Every single flipped bit is found.
func TestVerifyFindsEveryBit(t *testing.T) {
	path := logOf(t, 2)
	text := []byte(read(t, path))
	for i := range text {
		changed := bytes.Clone(text)
		changed[i] ^= 1
		overwrite(t, path, string(changed))
		if _, err := Verify(path); errcode.Of(err) != errcode.AuditBroken {
			t.Fatalf("byte %d of %d changed: Verify = %v", i, len(text), err)
		}
	}
}

// A crash after any number of bytes of a record, and of the record that accounts for it, leaves a
// log that is in order and goes on.
func TestTornLine(t *testing.T) {
	whole := logOf(t, 3)
	text := read(t, whole)
	two := strings.Join(strings.SplitAfter(text, "\n")[:2], "")
	path := logOf(t, 2)
	head := read(t, headPath(path))
	third := text[len(two):]
	for cut := 1; cut < len(third)-1; cut += 7 {
		overwrite(t, path, firstTwo(t, path)+third[:cut])
		overwrite(t, headPath(path), head)
		got, err := Verify(path)
		if err != nil || len(got.Notes) != 1 {
			t.Fatalf("torn after %d bytes: Verify = %+v, %v", cut, got, err)
		}
		if err := appendOne(path, "next"); err != nil {
			t.Fatal(err)
		}
		got, err = Verify(path)
		if err != nil || got.Records != 4 || len(got.Torn) != 1 || got.Torn[0] != 3 {
			t.Fatalf("torn after %d bytes, then continued: Verify = %+v, %v", cut, got, err)
		}
		// The torn line is evidence: it cannot be removed either.
		overwrite(t, path, strings.Replace(read(t, path), third[:cut]+"\n", "", 1))
		if _, err := Verify(path); errcode.Of(err) != errcode.AuditBroken {
			t.Fatalf("the torn line removed: Verify = %v", err)
		}
	}
}

// A record that lacks its newline only is whole.
func TestTornNewline(t *testing.T) {
	path := logOf(t, 2)
	overwrite(t, path, strings.TrimSuffix(read(t, path), "\n"))
	if err := appendOne(path, "next"); err != nil {
		t.Fatal(err)
	}
	if got, err := Verify(path); err != nil || got.Records != 3 || len(got.Torn) != 0 {
		t.Errorf("Verify = %+v, %v", got, err)
	}
}

func firstTwo(t *testing.T, path string) string {
	return strings.Join(strings.SplitAfter(read(t, path), "\n")[:2], "")
}

func TestTornTwice(t *testing.T) {
	path := logOf(t, 1)
	head := read(t, headPath(path))
	overwrite(t, path, read(t, path)+"{\"seq\":2")
	if err := appendOne(path, "next"); err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(read(t, path), "\n")
	overwrite(t, path, lines[0]+lines[1]+lines[2][:30]) // the account is torn too
	overwrite(t, headPath(path), head)
	if err := appendOne(path, "next"); err != nil {
		t.Fatal(err)
	}
	if got, err := Verify(path); err != nil || got.Records != 3 || len(got.Torn) != 1 || got.Torn[0] != 2 {
		t.Errorf("Verify = %+v, %v", got, err)
	}
}

// A kill between a line and its head: the head is one behind, or missing after the first line.
func TestHeadBehind(t *testing.T) {
	path := logOf(t, 1)
	head := read(t, headPath(path))
	if err := os.Remove(headPath(path)); err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(path); err != nil {
		t.Errorf("one record without a head: %v", err)
	}
	overwrite(t, headPath(path), head)
	if err := appendOne(path, "second"); err != nil {
		t.Fatal(err)
	}
	overwrite(t, headPath(path), head)
	if got, err := Verify(path); err != nil || len(got.Notes) != 1 {
		t.Errorf("the head one behind: %+v, %v", got, err)
	}
	if err := appendOne(path, "third"); err != nil {
		t.Fatal(err)
	}
	if got, err := Verify(path); err != nil || len(got.Notes) != 0 || got.Records != 3 {
		t.Errorf("continued: %+v, %v", got, err)
	}
	if err := os.Remove(headPath(path)); err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(path); errcode.Of(err) != errcode.AuditBroken {
		t.Errorf("the head removed: %v", err)
	}
	overwrite(t, headPath(path), "{}")
	if _, err := Verify(path); errcode.Of(err) != errcode.AuditBroken {
		t.Errorf("the head damaged: %v", err)
	}
}

// The chain runs through rotation.
func TestRotation(t *testing.T) {
	path := logOf(t, 3)
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	if err := appendOne(path, "after"); err != nil {
		t.Fatal(err)
	}
	if got, err := Verify(path, path+".1"); err != nil || got.Records != 4 || got.FirstSeq != 1 {
		t.Errorf("Verify of both = %+v, %v", got, err)
	}
	if _, err := Verify(path); errcode.Of(err) != errcode.AuditBroken {
		t.Errorf("Verify of the new one alone = %v", err)
	}
	if _, err := Verify(path, path+".2"); errcode.Of(err) != errcode.AuditBroken {
		t.Errorf("Verify with a file that is not there = %v", err)
	}
}

func TestTwoProcessesKeepOneChain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	var started []*exec.Cmd
	for _, name := range []string{"a", "b", "c"} {
		cmd := exec.Command(os.Args[0], name)
		cmd.Env = append(os.Environ(), "AUDIT_TEST_PATH="+path)
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		started = append(started, cmd)
	}
	for _, cmd := range started {
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
	if got, err := Verify(path); err != nil || got.Records != 60 {
		t.Errorf("Verify = %+v, %v", got, err)
	}
}

func TestOpenUnwritable(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "f")
	overwrite(t, file, "")
	for _, path := range []string{filepath.Join(file, "audit.jsonl"), dir} {
		if _, err := Open(path); errcode.Of(err) != errcode.AuditUnwritable {
			t.Errorf("Open(%q) = %v; want audit_unwritable", path, err)
		}
	}
	l, err := Open(filepath.Join(dir, "audit.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := l.Append(ctx, Entry{}); errcode.Of(err) != errcode.Interrupted {
		t.Errorf("Append after cancel = %v", err)
	}
}

func TestLongEntry(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	l, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	args := make([]string, 1000)
	for i := range args {
		args[i] = strings.Repeat("\x00", 100_000)
	}
	for range 3 {
		if err := l.Append(context.Background(), Entry{Command: "x", Object: args[0], Args: args}); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := Verify(path); err != nil || got.Records != 3 {
		t.Errorf("Verify = %+v, %v", got, err)
	}
}

func TestList(t *testing.T) {
	path := logOf(t, 4)
	overwrite(t, path, read(t, path)+"nonsense\nbeing written")
	noon := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		f    Filter
		want string
	}{
		{Filter{}, "1234"},
		{Filter{Last: 2}, "34"},
		{Filter{Last: 9}, "1234"},
		{Filter{Command: "lto"}, "1234"},
		{Filter{Command: "lto 3"}, "3"},
		{Filter{Command: "lt"}, ""},
		{Filter{Since: noon}, "1234"},
		{Filter{Since: noon.Add(1)}, ""},
	}
	for _, tt := range tests {
		records, bad, err := List(path, tt.f)
		got := ""
		for _, r := range records {
			got += fmt.Sprint(r.Seq)
		}
		if got != tt.want || bad != 1 || err != nil {
			t.Errorf("List(%+v) = %s, %d, %v; want %s", tt.f, got, bad, err, tt.want)
		}
	}
	if records, _, err := List(path+"x", Filter{}); records == nil || len(records) != 0 || err != nil {
		t.Errorf("List of a missing log = %v, %v", records, err)
	}
}

// Whatever a line holds: no panic, and what is taken as a record seals to a line that is taken.
func FuzzRecord(f *testing.F) {
	path := logOf(f, 1)
	f.Add([]byte(strings.TrimSuffix(read(f, path), "\n")))
	f.Add([]byte(`{"seq":1,"hash":"` + strings.Repeat("0", hashLen) + `"}`))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, line []byte) {
		_, _ = decodeHead(line)
		_ = splitEnd(line)
		r, _, err := open(line)
		if err != nil {
			return
		}
		again, hash, err := seal(r)
		if err != nil {
			t.Fatal(err)
		}
		if r2, hash2, err := open(bytes.TrimSuffix(again, []byte("\n"))); err != nil || hash2 != hash || r2.Seq != r.Seq {
			t.Fatalf("open(seal(%q)) = %v", line, err)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	path := logOf(b, 1)
	for b.Loop() {
		if err := appendOne(path, "lto write"); err != nil {
			b.Fatal(err)
		}
	}
}

// What other commands append while the log is being read is no finding.
func TestVerifyWhileOthersAppend(t *testing.T) {
	path := logOf(t, 2)
	head, err := readHead(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := appendOne(path, "meanwhile"); err != nil {
		t.Fatal(err)
	}
	c := checker{prev: genesis, head: head}
	if err := errors.Join(c.file(path, false), c.end(path, nil)); err != nil || len(c.Notes) != 0 || c.Records != 3 {
		t.Errorf("%+v, %v; want no note", c.Result, err)
	}
}

// A log that cannot be read is not one that was edited.
func TestVerifyUnreadable(t *testing.T) {
	path := logOf(t, 1)
	for _, name := range []string{headPath(path), path} {
		if err := errors.Join(os.Remove(name), os.Mkdir(name, 0o700)); err != nil {
			t.Fatal(err)
		}
		if _, err := Verify(path); errcode.Of(err) != errcode.Failed || !strings.Contains(err.Error(), "cannot read") {
			t.Errorf("Verify with a directory for %s = %v (%s)", filepath.Base(name), err, errcode.Of(err))
		}
	}
	if code := errcode.Of(unreadable(path, os.ErrPermission)); code != errcode.PermissionDenied {
		t.Errorf("without the right to read: %s", code)
	}
}
