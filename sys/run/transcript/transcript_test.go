package transcript

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"calypso/sys/run"
)

func TestParse(t *testing.T) {
	tests := []struct {
		text string
		want run.Exchange
	}{
		{"$ zpool list\n--- stdout\n--- exit 0\n", run.Exchange{Argv: []string{"zpool", "list"}}},
		{"$ zpool status -j \"ta nk\"\n--- stdout\na\n\nb\n--- stderr\nc\nd\n--- exit 255\n",
			run.Exchange{Argv: []string{"zpool", "status", "-j", "ta nk"}, Stdout: "a\n\nb\n", Stderr: "c\nd\n", ExitCode: 255}},
		{"$ cat 'it''s' a\\ b \"q\\\"\\n\" \"\"\n--- stdout\nx\n--- no newline\n--- stderr\ny\n--- no newline\n--- exit 1\n",
			run.Exchange{Argv: []string{"cat", "its", "a b", `q"\n`, ""}, Stdout: "x", Stderr: "y", ExitCode: 1}},
		{"$ a | b\n--- stdout\n--- exit 2\n", run.Exchange{Argv: []string{"sh", "-c", "a | b"}, ExitCode: 2}},
		{"$ echo \"$HOME\"\n--- stdout\n--- exit 0\n", run.Exchange{Argv: []string{"sh", "-c", `echo "$HOME"`}}},
	}
	for _, tt := range tests {
		got, err := Parse(tt.text)
		if err != nil || !cmp.Equal(got, tt.want) {
			t.Errorf("Parse(%q): %v\n%s", tt.text, err, cmp.Diff(tt.want, got))
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{"", "zpool list\n--- stdout\n--- exit 0\n", "$ zpool list\n--- exit 0\n",
		"$ zpool list\n--- stdout\n", "$ zpool list\n--- stdout\n--- exit x\n", "$ zpool list\n--- stdout\n--- exit -1\n"} {
		if e, err := Parse(text); err == nil {
			t.Errorf("Parse(%q) = %+v; want an error", text, e)
		}
	}
}

func TestRead(t *testing.T) {
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "good"), filepath.Join(dir, "bad")
	for path, text := range map[string]string{good: "$ a\n--- stdout\n--- exit 0\n", bad: "x"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if list, err := Read(good, good); err != nil || len(list) != 2 {
		t.Errorf("Read(good, good) = %v, %v", list, err)
	}
	for _, path := range []string{bad, filepath.Join(dir, "none")} {
		if _, err := Read(good, path); err == nil {
			t.Errorf("Read(good, %s) succeeds", path)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("$ zpool status \"ta nk\"\n--- stdout\na\n--- no newline\n--- stderr\nb\n--- exit 1\n")
	f.Fuzz(func(t *testing.T, text string) {
		if e, err := Parse(text); err == nil && (len(e.Argv) == 0 || e.ExitCode < 0) {
			t.Errorf("Parse(%q) = %+v", text, e)
		}
	})
}
