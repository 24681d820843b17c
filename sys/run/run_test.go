package run

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"calypso/sys/errcode"
	"calypso/sys/proc"
)

var ctx = context.Background()

// roles are the tools of these tests: the test binary under another name.
var roles = map[string]func(args []string){
	"echo-args": func(args []string) { fmt.Printf("%q", args) },
	"fail":      func(args []string) { fmt.Fprint(os.Stderr, "first\nthe reason\n"); os.Exit(3) },
	"environ":   func(args []string) { fmt.Print(strings.Join(os.Environ(), "\n")) },
	"cat": func(args []string) {
		var b bytes.Buffer
		_, _ = b.ReadFrom(os.Stdin)
		fmt.Printf("<%s>", b.String())
	},
	"shout": func(args []string) {
		for i := range 200_000 {
			fmt.Printf("line %06d\n", i)
		}
	},
	"die":  func(args []string) { _ = syscall.Kill(os.Getpid(), syscall.SIGKILL); select {} },
	"hang": func(args []string) { time.Sleep(time.Hour) },
	"deaf": func(args []string) {
		signal.Ignore(syscall.SIGTERM)
		time.Sleep(time.Hour)
	},
	// orphan leaves a grandchild that holds the pipe; parent also stays itself.
	"orphan": func(args []string) { fmt.Println(grandchild()) },
	"parent": func(args []string) {
		fmt.Println(grandchild()) // deaf to SIGTERM
		time.Sleep(time.Hour)
	},
}

func grandchild() int {
	child, err := os.StartProcess("/proc/self/exe", []string{"deaf"}, &os.ProcAttr{Files: []*os.File{nil, os.Stdout, os.Stderr}})
	if err != nil {
		os.Exit(9)
	}
	return child.Pid
}

func TestMain(m *testing.M) {
	if role, ok := roles[filepath.Base(os.Args[0])]; ok {
		role(os.Args[1:])
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// host finds the roles as tools.
func host(t *testing.T) Host {
	t.Helper()
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name := range roles {
		// The kernel gives a link's own name in argv[0], its file must be regular for lookup.
		if err := os.Link(self, filepath.Join(dir, name)); err != nil {
			if err := copyFile(self, filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	return Host{Path: []string{filepath.Join(dir, "none"), dir}, Grace: 50 * time.Millisecond}
}

func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o755)
}

func TestRun(t *testing.T) {
	h := host(t)
	r, err := h.Run(ctx, Cmd{Name: "echo-args", Args: []string{"a b", "$HOME", "", "*"}})
	if want := `["a b" "$HOME" "" "*"]`; err != nil || string(r.Stdout) != want {
		t.Errorf("echo-args = %s, %v; want %s", r.Stdout, err, want)
	}
	r, err = h.Run(ctx, Cmd{Name: "cat", Stdin: strings.NewReader("in")})
	if err != nil || string(r.Stdout) != "<in>" {
		t.Errorf("cat = %s, %v", r.Stdout, err)
	}
	if r, err = h.Run(ctx, Cmd{Name: "cat"}); err != nil || string(r.Stdout) != "<>" {
		t.Errorf("cat without input = %s, %v", r.Stdout, err)
	}
}

func TestRunEnvironment(t *testing.T) {
	t.Setenv("SECRET_OF_THE_CALLER", "x")
	t.Setenv("LC_ALL", "tr_TR.UTF-8")
	r, err := host(t).Run(ctx, Cmd{Name: "environ", Env: []string{"MORE=1"}})
	if err != nil {
		t.Fatal(err)
	}
	got := "\n" + string(r.Stdout) + "\n"
	for _, want := range []string{"\nLC_ALL=C\n", "\nMORE=1\n", ":/usr/sbin:"} {
		if !strings.Contains(got, want) {
			t.Errorf("the environment %q lacks %q", got, want)
		}
	}
	if strings.Contains(got, "SECRET") {
		t.Errorf("the environment has what it should not: %q", got)
	}
}

func TestRunFailure(t *testing.T) {
	r, err := host(t).Run(ctx, Cmd{Name: "fail"})
	var exit *ExitError
	if !errors.As(err, &exit) || r.ExitCode != 3 || err.Error() != "fail: exit status 3: the reason" {
		t.Errorf("fail = %d, %v", r.ExitCode, err)
	}
	if r, err = host(t).Run(ctx, Cmd{Name: "die"}); err == nil || r.ExitCode != 137 {
		t.Errorf("die = %d, %v; want 137", r.ExitCode, err)
	}
}

func TestRunMissing(t *testing.T) {
	_, err := host(t).Run(ctx, Cmd{Name: "no-such-tool", Package: "sg3-utils"})
	if errcode.Of(err) != errcode.ToolMissing || !strings.Contains(err.Error(), "no-such-tool") || !strings.Contains(errcode.HintOf(err), "sg3-utils") {
		t.Errorf("a missing tool gives %v, %q", err, errcode.HintOf(err))
	}
	for _, name := range []string{"", "/bin/true", "../true"} {
		if _, err := host(t).Run(ctx, Cmd{Name: name}); errcode.Of(err) != errcode.Internal {
			t.Errorf("the tool %q gives %v", name, err)
		}
	}
}

func TestRunBoundsOutput(t *testing.T) {
	r, err := host(t).Run(ctx, Cmd{Name: "shout"})
	if err != nil {
		t.Fatal(err)
	}
	got := string(r.Stdout)
	if !strings.HasPrefix(got, "line 000000\n") || !strings.HasSuffix(got, "line 199999\n") || !strings.Contains(got, "bytes left out]") || len(got) > 2*keep+100 {
		t.Errorf("%d bytes kept: %.30q … %q", len(got), got, got[len(got)-30:])
	}
}

func TestRunKeepsTheWhole(t *testing.T) {
	r, err := host(t).Run(ctx, Cmd{Name: "shout", Whole: true})
	if got := string(r.Stdout); err != nil || strings.Count(got, "\n") != 200000 || !strings.Contains(got, "\nline 100000\n") {
		t.Errorf("%d lines, %v; want all 200000", strings.Count(got, "\n"), err)
	}
}

// What is written in any pieces comes out as a whole when it fits, as head and tail when not.
func TestOutput(t *testing.T) {
	data := make([]byte, 5*keep)
	for i := range data {
		data[i] = byte(i * 7 / 3)
	}
	for _, size := range []int{0, 1, keep, keep + 1, 2 * keep, 2*keep + 1, 3*keep - 1, 5 * keep} {
		for _, piece := range []int{1000, keep, keep + 17, 5 * keep} {
			var o output
			for p := data[:size]; len(p) > 0; {
				n := min(piece, len(p))
				_, _ = o.Write(p[:n])
				p = p[n:]
			}
			want := data[:size]
			if size > 2*keep {
				want = fmt.Appendf(bytes.Clone(data[:keep]), "\n[%d bytes left out]\n", size-2*keep)
				want = append(want, data[size-keep:size]...)
			}
			if !bytes.Equal(o.bytes(), want) {
				t.Fatalf("%d bytes in pieces of %d come out wrong", size, piece)
			}
		}
	}
}

func TestRunDeadline(t *testing.T) {
	_, err := host(t).Run(ctx, Cmd{Name: "hang", Timeout: 20 * time.Millisecond})
	if errcode.Of(err) != errcode.Timeout {
		t.Errorf("hang = %v; want timeout", err)
	}
	done, cancel := context.WithCancel(ctx)
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := host(t).Run(done, Cmd{Name: "hang"}); errcode.Of(err) != errcode.Interrupted {
		t.Errorf("hang cancelled = %v; want interrupted", err)
	}
}

// A grandchild that keeps the pipe open does not hold Run up. It stays if the tool ended by itself
// and goes with its group when the deadline passed.
func TestRunGrandchild(t *testing.T) {
	tests := []struct {
		tool string
		want errcode.Code
	}{{"orphan", ""}, {"parent", errcode.Timeout}}
	for _, tt := range tests {
		r, err := host(t).Run(ctx, Cmd{Name: tt.tool, Timeout: 2 * time.Second})
		if errcode.Of(err) != tt.want {
			t.Errorf("%s = %v; want %q", tt.tool, err, tt.want)
		}
		var pid int
		if _, err := fmt.Sscan(string(r.Stdout), &pid); err != nil {
			t.Fatalf("%s says %q", tt.tool, r.Stdout)
		}
		if tt.want == "" {
			if ended(pid) {
				t.Errorf("%s: the grandchild was ended", tt.tool)
			}
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		for range 10_000 {
			if ended(pid) {
				break
			}
			time.Sleep(time.Millisecond)
		}
		if !ended(pid) {
			t.Errorf("%s: the grandchild %d lives on", tt.tool, pid)
		}
	}
}

func ended(pid int) bool {
	_, err := proc.StartTime(pid)
	return err != nil
}

func TestPlan(t *testing.T) {
	var p Plan
	if r, err := p.Run(ctx, Cmd{Name: "zpool", Args: []string{"destroy", "a b"}}); err != nil || r.ExitCode != 0 {
		t.Errorf("Run = %v, %v", r, err)
	}
	if got := p.Commands(); len(got) != 1 || got[0].String() != `zpool destroy "a b"` {
		t.Errorf("Commands() = %v", got)
	}
}

func TestRecordAndReplay(t *testing.T) {
	rec := Recorder{Runner: host(t)}
	calls := []Cmd{{Name: "echo-args", Args: []string{"x"}}, {Name: "fail"}}
	type answer struct {
		Result Result
		Err    string
	}
	ask := func(r Runner) (got []answer) {
		for _, c := range calls {
			result, err := r.Run(ctx, c)
			got = append(got, answer{result, fmt.Sprint(err)})
		}
		return got
	}
	want := ask(&rec)
	replay := &Replay{Exchanges: rec.Exchanges}
	if diff := cmp.Diff(want, ask(replay), cmp.Comparer(bytes.Equal)); diff != "" {
		t.Errorf("the replay answers otherwise (-want +got):\n%s", diff)
	}
	if _, err := replay.Run(ctx, calls[0]); err == nil {
		t.Error("a call after the last exchange has an answer")
	}
	if _, err := (&Replay{Exchanges: rec.Exchanges}).Run(ctx, calls[1]); err == nil || !strings.Contains(err.Error(), "recorded is") {
		t.Errorf("a call out of order = %v", err)
	}
}

// What is streamed comes whole, beyond the bound of what is kept, and is not kept.
func TestStdoutIsStreamed(t *testing.T) {
	h := host(t)
	var got bytes.Buffer
	r, err := h.Run(ctx, Cmd{Name: "shout", Stdout: &got})
	if want := 200_000 * len("line 000000\n"); err != nil || got.Len() != want || len(r.Stdout) != 0 {
		t.Errorf("streamed %d bytes, kept %d, %v; want %d, 0", got.Len(), len(r.Stdout), err, want)
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := h.Run(ctx, Cmd{Name: "cat", Stdout: file}); err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile(file.Name()); string(text) != "<>" {
		t.Errorf("the file holds %q; want <>", text)
	}
}

// A writer that fails ends the tool: nobody wants the rest.
func TestStdoutFails(t *testing.T) {
	h := host(t)
	if _, err := h.Run(ctx, Cmd{Name: "shout", Stdout: failingWriter{}}); err == nil {
		t.Error("Run succeeds though its output was lost")
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errors.New("full") }

// A child in state D is left behind: no signal ends it.
func TestAwaitLeavesBehind(t *testing.T) {
	limited, cancel := context.WithCancel(ctx)
	cancel()
	never := make(chan error)
	if err, left := await(limited, time.Millisecond, func() error { return <-never }); !left || !errors.Is(err, context.Canceled) {
		t.Errorf("await = %v, left behind: %v", err, left)
	}
	reason := errors.New("reason")
	if err, left := await(limited, time.Hour, func() error { return reason }); left || err != reason {
		t.Errorf("await = %v, left behind: %v; want the error of wait", err, left)
	}
}

func TestGateIsClosed(t *testing.T) {
	var got bytes.Buffer
	g := &gate{to: &got}
	fmt.Fprint(g, "a")
	g.closed.Store(true)
	if _, err := fmt.Fprint(g, "b"); err == nil || got.String() != "a" {
		t.Errorf("after close: %q, %v", got.String(), err)
	}
}

func TestReplayStreams(t *testing.T) {
	var got bytes.Buffer
	r := &Recorder{Runner: &Replay{Exchanges: []Exchange{{Argv: []string{"zfs", "send"}, Stdout: "stream"}}}}
	result, err := r.Run(ctx, Cmd{Name: "zfs", Args: []string{"send"}, Stdout: &got})
	if err != nil || got.String() != "stream" || len(result.Stdout) != 0 || r.Exchanges[0].Stdout != "stream" {
		t.Errorf("streamed %q, kept %q, recorded %q, %v", got.String(), result.Stdout, r.Exchanges[0].Stdout, err)
	}
}

// stalled is a source that never gives anything; it tells when it is asked.
type stalled chan struct{}

func (s stalled) Read([]byte) (int, error) { close(s); select {} }

// An interrupt ends a tool whose input stalls at once, not after the grace.
func TestStalledInput(t *testing.T) {
	ctx, cancel := context.WithCancel(ctx)
	h, source, ended := host(t), make(stalled), make(chan error, 1)
	h.Grace = time.Hour
	go func() {
		_, err := h.Run(ctx, Cmd{Name: "cat", Stdin: source})
		ended <- err
	}()
	<-source
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) { // the test's own deadline ends it otherwise
		t.Errorf("Run = %v; want it canceled", err)
	}
}

// A tool that ends without reading its input is no failure, and its source is not waited for.
func TestInputThatIsNotRead(t *testing.T) {
	h := host(t)
	h.Grace = time.Hour
	if r, err := h.Run(ctx, Cmd{Name: "echo-args", Stdin: make(stalled)}); err != nil {
		t.Errorf("Run = %+v, %v; want success", r, err)
	}
}

// What a tool made of half an input is no success, though it says so.
func TestInputBreaksOff(t *testing.T) {
	broken := errors.New("broken")
	_, err := host(t).Run(ctx, Cmd{Name: "cat", Stdin: io.MultiReader(strings.NewReader("half"), iotest.ErrReader(broken))})
	if !errors.Is(err, broken) {
		t.Errorf("Run = %v; want %v", err, broken)
	}
}
