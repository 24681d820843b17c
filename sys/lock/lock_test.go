package lock

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"calypso/sys/errcode"
)

var ctx = context.Background()

// TestMain lets the test binary be a second process: it takes a lock, says so, and holds it until
// its standard input ends.
func TestMain(m *testing.M) {
	if dir := os.Getenv("LOCK_TEST_DIR"); dir != "" {
		if _, err := Acquire(ctx, dir, "vtl01:0", 0); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("held")
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0) // without Release, as a process that crashed
	}
	os.Exit(m.Run())
}

// other starts a process that holds the lock in dir; end closes its input.
func other(t *testing.T, dir string) (cmd *exec.Cmd, end io.Closer) {
	t.Helper()
	cmd = exec.Command(os.Args[0], "lto", "write")
	cmd.Env = append(os.Environ(), "LOCK_TEST_DIR="+dir)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); _ = cmd.Wait() })
	if line, _ := bufio.NewReader(out).ReadString('\n'); line != "held\n" {
		t.Fatalf("the other process says %q", line)
	}
	return cmd, in
}

func TestTwoProcesses(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run", "locks")
	cmd, _ := other(t, dir)
	for _, wait := range []time.Duration{0, time.Millisecond} {
		_, err := Acquire(ctx, dir, "vtl01:0", wait)
		want := fmt.Sprintf("vtl01:0: held by pid %d (lock.test lto write) since ", cmd.Process.Pid)
		if errcode.Of(err) != errcode.LockBusy || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("Acquire with wait %s = %v; want %s…", wait, err, want)
		}
	}
	h, err := Peek(dir, "vtl01:0")
	if err != nil || h == nil || h.PID != cmd.Process.Pid || h.User == "" || h.Since.IsZero() {
		t.Errorf("Peek = %v, %v", h, err)
	}
	if free, err := Acquire(ctx, dir, "vtl01:1", 0); err != nil {
		t.Errorf("the lock of another drive: %v", err)
	} else if err := free.Release(); err != nil {
		t.Error(err)
	}
	if info, _ := os.Stat(dir); info.Mode().Perm()&0o007 != 0 {
		t.Errorf("the directory has mode %v", info.Mode())
	}
}

// The kernel frees the lock of a holder that is killed, and its text is not believed.
func TestKilledHolder(t *testing.T) {
	dir := t.TempDir()
	cmd, _ := other(t, dir)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if text, _ := os.ReadFile(filepath.Join(dir, FileName("vtl01:0"))); len(text) == 0 {
		t.Fatal("the killed holder left no text; the test proves nothing")
	}
	if h, err := Peek(dir, "vtl01:0"); h != nil || err != nil {
		t.Errorf("Peek after the kill = %v, %v; want free", h, err)
	}
	l, err := Acquire(ctx, dir, "vtl01:0", 0)
	if err != nil {
		t.Fatal(err)
	}
	if h, err := Peek(dir, "vtl01:0"); err != nil || h == nil || h.PID != os.Getpid() {
		t.Errorf("Peek = %v, %v; want this process", h, err)
	}
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(l.Path()); err != nil {
		t.Errorf("the lock file is gone: %v", err)
	}
}

// A waiting Acquire gets the lock when its holder ends.
func TestWait(t *testing.T) {
	dir := t.TempDir()
	_, end := other(t, dir)
	got := make(chan error)
	go func() {
		l, err := Acquire(ctx, dir, "vtl01:0", time.Minute)
		if err == nil {
			err = l.Release()
		}
		got <- err
	}()
	if _, err := Acquire(ctx, dir, "vtl01:0", 0); errcode.Of(err) != errcode.LockBusy {
		t.Errorf("Acquire while held = %v", err)
	}
	end.Close()
	if err := <-got; err != nil {
		t.Errorf("the waiting Acquire = %v", err)
	}
}

func TestCancel(t *testing.T) {
	dir := t.TempDir()
	l, err := Acquire(ctx, dir, "d", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release()
	done, cancel := context.WithCancel(ctx)
	time.AfterFunc(time.Millisecond, cancel)
	if _, err := Acquire(done, dir, "d", time.Hour); errcode.Of(err) != errcode.Interrupted {
		t.Errorf("Acquire cancelled = %v", err)
	}
	if _, err := Acquire(done, dir, "free", 0); errcode.Of(err) != errcode.Interrupted {
		t.Errorf("Acquire after cancel = %v", err)
	}
	late, cancelLate := context.WithTimeout(ctx, time.Millisecond)
	defer cancelLate()
	_, err = Acquire(late, dir, "d", time.Hour)
	if holder := fmt.Sprintf("held by pid %d (", os.Getpid()); errcode.Of(err) != errcode.Timeout || !strings.Contains(err.Error(), holder) {
		t.Errorf("Acquire after the deadline of the command = %v; want who holds it", err)
	}
}

func TestRelease(t *testing.T) {
	dir := t.TempDir()
	for range 3 {
		l, err := Acquire(ctx, dir, "d", 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Acquire(ctx, dir, "d", 0); errcode.Of(err) != errcode.LockBusy {
			t.Errorf("a second Acquire of the same process = %v", err)
		}
		if err := errors.Join(l.Release(), l.Release()); err != nil {
			t.Error(err)
		}
		if h, err := Peek(dir, "d"); h != nil || err != nil {
			t.Errorf("Peek after Release = %v, %v", h, err)
		}
	}
}

// Peek asks the kernel when the text names nobody who lives.
func TestPeekDamagedText(t *testing.T) {
	dir := t.TempDir()
	l, err := Acquire(ctx, dir, "d", 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"nonsense", "{}\n", `{"pid":1,"start_time":1}` + "\n", strings.Repeat("x", 2*maxHolder)} {
		if err := os.WriteFile(l.Path(), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if h, err := Peek(dir, "d"); err != nil || h == nil || h.PID != 0 {
			t.Errorf("Peek with %.20q = %v, %v; want an unnamed holder", text, h, err)
		}
		if _, err := Acquire(ctx, dir, "d", 0); errcode.Of(err) != errcode.LockBusy || !strings.Contains(err.Error(), "another process") {
			t.Errorf("Acquire with %.20q = %v", text, err)
		}
	}
	if err := l.file.Unlock(); err != nil {
		t.Fatal(err)
	}
	if h, err := Peek(dir, "d"); h != nil || err != nil {
		t.Errorf("Peek of a free lock with text = %v, %v", h, err)
	}
	if h, err := Peek(dir, "never"); h != nil || err != nil {
		t.Errorf("Peek of a lock that never was = %v, %v", h, err)
	}
}

// A Peek that asks the kernel holds the lock for a moment; Acquire must not call that busy.
func TestPeekDoesNotDisturb(t *testing.T) {
	path := filepath.Join(t.TempDir(), "d.lock")
	probe, own := flock.New(path), flock.New(path)
	if held, err := probe.TryRLock(); !held || err != nil {
		t.Fatal(held, err)
	}
	held, err := tryNow(ctx, own, func() { _ = probe.Unlock() })
	if !held || err != nil {
		t.Errorf("tryNow while a Peek probes = %t, %v", held, err)
	}
	if held, err := tryNow(ctx, probe, func() {}); held || err != nil {
		t.Errorf("tryNow while held = %t, %v", held, err)
	}
}

func TestUnusableDirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Acquire(ctx, file, "d", 0); errcode.Of(err) != errcode.StateUnwritable {
		t.Errorf("Acquire below a file = %v", err)
	}
	if code := errcode.Of(cannotLock("p", os.ErrPermission)); code != errcode.PermissionDenied {
		t.Errorf("a directory without permission gives %q", code)
	}
}

func TestFileName(t *testing.T) {
	tests := map[string]string{
		"vtl01:0": "vtl01%3A0.lock", "HU1234.x": "HU1234.x.lock", "../x": "%2E.%2Fx.lock", "..": "%2E..lock", ".": "%2E.lock",
		"": ".lock", "a%b": "a%25b.lock", "ä": "%C3%A4.lock", "/dev/nst0": "%2Fdev%2Fnst0.lock",
	}
	for name, want := range tests {
		if got := FileName(name); got != want {
			t.Errorf("FileName(%q) = %q; want %q", name, got, want)
		}
	}
	a, b := FileName(strings.Repeat("x", 300)), FileName(strings.Repeat("x", 301))
	if a == b || len(a) > 255 || len(b) > 255 {
		t.Errorf("long names give %q and %q", a, b)
	}
}

func FuzzFileName(f *testing.F) {
	f.Add("vtl01:0", "../x")
	f.Fuzz(func(t *testing.T, a, b string) {
		got := FileName(a)
		if filepath.Base(got) != got || len(got) > 255 || strings.ContainsRune(got, 0) || (a != b && got == FileName(b)) {
			t.Errorf("FileName(%q) = %q, FileName(%q) = %q", a, got, b, FileName(b))
		}
	})
}

func FuzzDecodeHolder(f *testing.F) {
	f.Add([]byte(`{"pid":1,"start_time":2,"command":"c","user":"u","since":"2026-01-01T00:00:00Z"}` + "\nrest"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if h, ok := decodeHolder(text); ok && h.PID <= 0 {
			t.Errorf("decodeHolder(%q) = %v", text, h)
		}
	})
}
