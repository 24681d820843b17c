package hook

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"calypso/sys/errcode"
)

var ctx = context.Background()

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // past the umask
		t.Fatal(err)
	}
}

func TestRun(t *testing.T) {
	dir, out := filepath.Join(t.TempDir(), "hooks.d"), filepath.Join(t.TempDir(), "out")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SECRET", "of the caller")
	tell := "#!/bin/sh\n{ echo \"$(basename $0) $SECRET $LC_ALL\"; cat; } >>" + out + "\n"
	write(t, filepath.Join(dir, "20-second"), tell, 0o755)
	write(t, filepath.Join(dir, "10-first"), "#!/bin/sh\ncat >/dev/null; echo the reason >&2; exit 3\n", 0o700)
	write(t, filepath.Join(dir, "30-slow"), "#!/bin/sh\nexec sleep 100\n", 0o755)
	write(t, filepath.Join(dir, "40-open"), tell, 0o777)
	for _, name := range []string{"50-backup~", "50-x.dpkg-old", ".hidden"} {
		write(t, filepath.Join(dir, name), tell, 0o755)
	}
	write(t, filepath.Join(dir, "60-not-executable"), tell, 0o644)
	results, err := Run(ctx, dir, []byte("{}\n"), 300*time.Millisecond)
	if err != nil || len(results) != 4 {
		t.Fatalf("%v, %v; want four", results, err)
	}
	for i, want := range []struct {
		name, says string
		code       errcode.Code
	}{{"10-first", "exit status 3: the reason", errcode.Failed}, {"20-second", "", ""}, {"30-slow", "no end", errcode.Timeout}, {"40-open", "others may write", errcode.PermissionDenied}} {
		r := results[i]
		if r.Name != want.name || errcode.Of(r.Err) != want.code || r.Err != nil && !strings.Contains(r.Err.Error(), want.says) {
			t.Errorf("%s: %v; want %s, %q, %q", r.Name, r.Err, want.name, want.says, want.code)
		}
	}
	if text, _ := os.ReadFile(out); string(text) != "20-second  C\n{}\n" {
		t.Errorf("the hook saw %q", text)
	}
}

func TestOpenDirectory(t *testing.T) {
	dir, out := filepath.Join(t.TempDir(), "hooks.d"), filepath.Join(t.TempDir(), "out")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "a"), "#!/bin/sh\ntouch "+out+"\n", 0o755)
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	results, err := Run(ctx, dir, nil, time.Minute)
	if err != nil || len(results) != 1 || errcode.Of(results[0].Err) != errcode.PermissionDenied {
		t.Errorf("%v, %v", results, err)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("the hook ran")
	}
}

func TestNoDirectory(t *testing.T) {
	if results, err := Run(ctx, filepath.Join(t.TempDir(), "none"), nil, time.Minute); results != nil || err != nil {
		t.Errorf("%v, %v", results, err)
	}
}
