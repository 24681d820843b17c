package task

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"calypso/sys/errcode"
	"calypso/sys/proc"
	"calypso/sys/run"
	"calypso/sys/state"
)

var ctx = context.Background()

// TestMain lets the test binary be the program: its hidden command, and commands to run as tasks.
func TestMain(m *testing.M) {
	args := os.Args[1:]
	if len(args) > 3 && args[0] == "task" && args[1] == "run-recorded" {
		// task run-recorded --state-dir DIR ID -- ARGS
		code, err := NewStore(args[3]).RunRecorded(ctx, os.Args[0], args[4], args[6:])
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(code)
	}
	if len(args) > 1 && args[0] == "job" {
		job(args[1])
	}
	os.Exit(m.Run())
}

func job(what string) {
	switch what {
	case "speak":
		wd, _ := os.Getwd()
		fmt.Println("out", wd, os.Getenv("TAPE"), os.Getenv("OTHER"))
		fmt.Fprintln(os.Stderr, "err")
		in, _ := io.ReadAll(os.Stdin)
		os.Exit(7 + len(in))
	case "die":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	case "obey": // ends after one signal as a command does: cleaning up, then 143
		signals := make(chan os.Signal, 8)
		signal.Notify(signals, syscall.SIGTERM)
		fmt.Println("ready")
		<-signals
		time.Sleep(200 * time.Millisecond) // a second signal would arrive now
		fmt.Println("signals after the first:", len(signals))
		os.Exit(143)
	}
}

func newStore(t *testing.T) (*Store, Spec) {
	t.Helper()
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return NewStore(dir), Spec{
		Program: self, Flags: []string{"--state-dir", dir}, Dir: dir,
		Environ: append(os.Environ(), "TAPE=vtl01:0", "OTHER=x"),
	}
}

func start(t *testing.T, s *Store, spec Spec, args ...string) *Record {
	t.Helper()
	spec.Args = args
	r, err := s.Start(ctx, spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, _ = s.Cancel(ctx, spec.Runner, r.ID)
		_, _ = s.Wait(ctx, r.ID)
	})
	return r
}

func logOf(t *testing.T, s *Store, id, stream string) string {
	t.Helper()
	r, err := s.Logs(id, stream)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTaskRuns(t *testing.T) {
	s, spec := newStore(t)
	r := start(t, s, spec, "job", "speak")
	if code, err := s.Wait(ctx, r.ID); code != 7 || err != nil {
		t.Fatalf("Wait = %d, %v; want 7", code, err)
	}
	if got, want := logOf(t, s, r.ID, "stdout"), "out "+spec.Dir+" vtl01:0 \n"; got != want {
		t.Errorf("stdout = %q; want %q", got, want)
	}
	if got := logOf(t, s, r.ID, "stderr"); got != "err\n" {
		t.Errorf("stderr = %q", got)
	}
	got, err := s.Show(r.ID)
	if err != nil || got.State != Finished || *got.ExitCode != 7 || got.Started == nil || got.Finished.Before(*got.Started) || !slices.Equal(got.Command, []string{"job", "speak"}) {
		t.Errorf("Show = %+v, %v", got, err)
	}
	if again, err := s.Cancel(ctx, nil, r.ID); err != nil || again.Canceled != nil {
		t.Errorf("Cancel of a finished task = %+v, %v", again, err)
	}
}

func TestTaskKilledByItself(t *testing.T) {
	s, spec := newStore(t)
	r := start(t, s, spec, "job", "die")
	if code, err := s.Wait(ctx, r.ID); code != 137 || err != nil {
		t.Errorf("Wait = %d, %v; want 137", code, err)
	}
}

// awaitOutput waits until the job has said text.
func awaitOutput(t *testing.T, s *Store, id, text string) {
	t.Helper()
	for range 20_000 {
		if strings.Contains(logOf(t, s, id, "stdout"), text) {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("the job never says %q", text)
}

// Cancel sends one signal however often it is asked: a second one would stop the clean-up.
func TestCancel(t *testing.T) {
	s, spec := newStore(t)
	r := start(t, s, spec, "job", "obey")
	if r.State != Running || r.PID == 0 {
		t.Fatalf("Start = %+v", r)
	}
	if sid, err := unix.Getsid(r.PID); err != nil || sid != r.PID {
		t.Errorf("the session of the task is %d, %v; want its own, %d", sid, err, r.PID)
	}
	awaitOutput(t, s, r.ID, "ready")
	for range 3 {
		if got, err := s.Cancel(ctx, nil, r.ID); err != nil || got.Canceled == nil {
			t.Fatalf("Cancel = %+v, %v", got, err)
		}
	}
	if code, err := s.Wait(ctx, r.ID); code != 143 || err != nil {
		t.Errorf("Wait = %d, %v; want 143", code, err)
	}
	if got := logOf(t, s, r.ID, "stdout"); got != "ready\nsignals after the first: 0\n" {
		t.Errorf("the job says %q", got)
	}
}

// A task that never came up is lost, also when the clock was set back since.
func TestNeverCameUp(t *testing.T) {
	for age, want := range map[time.Duration]string{time.Second: Starting, time.Hour: Lost, -time.Hour: Lost} {
		r := Record{Created: time.Now().Add(-age), BootID: proc.BootID()}
		if got := r.findState(); got != want {
			t.Errorf("made %s ago and not up: %s; want %s", age, got, want)
		}
	}
}

// A recorder that is killed takes its job along, and the task is lost, not running for ever.
func TestLost(t *testing.T) {
	s, spec := newStore(t)
	r := start(t, s, spec, "job", "obey")
	awaitOutput(t, s, r.ID, "ready")
	if err := syscall.Kill(r.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_, err := s.Wait(ctx, r.ID)
	if errcode.Of(err) != errcode.Failed || !strings.Contains(err.Error(), "without recording") {
		t.Errorf("Wait = %v", err)
	}
	if got, err := s.Show(r.ID); err != nil || got.State != Lost {
		t.Errorf("Show = %+v, %v", got, err)
	}
	awaitOutput(t, s, r.ID, "signals after") // it was asked to end
}

// The number of the process is another's now: the start time, or the boot, tells.
func TestReusedPID(t *testing.T) {
	s, _ := newStore(t)
	self, err := proc.StartTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		start uint64
		boot  string
		want  string
	}{{self, proc.BootID(), Running}, {self + 1, proc.BootID(), Lost}, {self, "another", Lost}}
	for i, tt := range tests {
		id := fmt.Sprintf("20260131-120000-%04x", i)
		if err := state.WriteYAML(s.recordPath(id), Record{SchemaVersion: schema, ID: id, PID: os.Getpid(), StartTime: tt.start, BootID: tt.boot}); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Show(id); err != nil || got.State != tt.want {
			t.Errorf("start %d, boot %q: %+v, %v; want %s", tt.start, tt.boot, got, err, tt.want)
		}
	}
}

func TestNotFound(t *testing.T) {
	s, _ := newStore(t)
	for _, id := range []string{"20260131-120000-abcd", "../etc", "", "help"} {
		_, showErr := s.Show(id)
		_, waitErr := s.Wait(ctx, id)
		_, cancelErr := s.Cancel(ctx, nil, id)
		_, logErr := s.Logs(id, "stdout")
		_, runErr := s.RunRecorded(ctx, "/bin/true", id, nil)
		for _, err := range []error{showErr, waitErr, cancelErr, logErr, runErr} {
			if errcode.Of(err) != errcode.TaskNotFound {
				t.Errorf("%q: %v; want task_not_found", id, err)
			}
		}
	}
	if got, err := s.List(); got == nil || len(got) != 0 || err != nil {
		t.Errorf("List of no tasks = %v, %v", got, err)
	}
}

func TestList(t *testing.T) {
	s, spec := newStore(t)
	var want []string
	for range 3 {
		r := start(t, s, spec, "job", "speak")
		if _, err := s.Wait(ctx, r.ID); err != nil {
			t.Fatal(err)
		}
		want = append(want, r.ID)
	}
	bad := s.recordPath("20260131-120000-ffff")
	if err := os.WriteFile(bad, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	records, err := s.List()
	var got []string
	for _, r := range records {
		got = append(got, r.ID)
	}
	if !slices.Equal(got, want) || errcode.Of(err) != errcode.StateInvalid || !strings.Contains(err.Error(), bad) {
		t.Errorf("List = %v, %v; want %v and the damaged record named", got, err, want)
	}
}

func TestWaitCancelled(t *testing.T) {
	s, spec := newStore(t)
	r := start(t, s, spec, "job", "obey")
	done, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := s.Wait(done, r.ID); errcode.Of(err) != errcode.Interrupted {
		t.Errorf("Wait = %v", err)
	}
}

func TestStartFails(t *testing.T) {
	s, spec := newStore(t)
	spec.Program = filepath.Join(spec.Dir, "none")
	if r, err := s.Start(ctx, spec); errcode.Of(err) != errcode.FileNotFound {
		t.Errorf("Start of a missing program = %+v, %v", r, err)
	}
	left, _ := filepath.Glob(filepath.Join(s.dir, "*", "*"))
	if got, err := s.List(); len(got) != 0 || err != nil || len(left) != 0 {
		t.Errorf("left are %v, %v, %v", got, err, left)
	}
	file := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := NewStore(file).Start(ctx, spec); errcode.Of(err) != errcode.StateUnwritable {
		t.Errorf("Start below a file = %v", err)
	}
}

// systemd stands in for systemd-run and systemctl.
type systemd struct {
	t     *testing.T
	calls []run.Cmd
	unit  *exec.Cmd
	err   error
}

func (f *systemd) Run(_ context.Context, c run.Cmd) (run.Result, error) {
	f.calls = append(f.calls, c)
	if f.err != nil {
		return run.Result{}, f.err
	}
	if c.Name == "systemctl" {
		return run.Result{}, f.unit.Process.Signal(syscall.SIGTERM)
	}
	program := c.Args[slices.Index(c.Args, "--")+1:]
	f.unit = exec.Command(program[0], program[1:]...)
	if err := f.unit.Start(); err != nil {
		f.t.Fatal(err)
	}
	go func() { _ = f.unit.Wait() }()
	return run.Result{}, nil
}

func TestSystemd(t *testing.T) {
	s, spec := newStore(t)
	fake := &systemd{t: t}
	spec.Systemd, spec.Runner = UserManager, fake
	r := start(t, s, spec, "job", "obey")
	unit := "calypso-task-" + r.ID + ".service"
	args := fake.calls[0].Args
	for _, want := range []string{"--user", "--unit=" + unit, "--collect", "--working-directory=" + spec.Dir, "--setenv=TAPE=vtl01:0", "--description=calypso job obey"} {
		if !slices.Contains(args, want) {
			t.Errorf("systemd-run %q lacks %q", args, want)
		}
	}
	if slices.Contains(args, "--setenv=OTHER=x") {
		t.Errorf("systemd-run %q passes too much", args)
	}
	awaitOutput(t, s, r.ID, "ready")
	if _, err := s.Cancel(ctx, fake, r.ID); err != nil {
		t.Fatal(err)
	}
	if got, want := fake.calls[1].String(), "systemctl --user kill --kill-whom=main --signal=SIGTERM -- "+unit; got != want {
		t.Errorf("Cancel calls %s; want %s", got, want)
	}
	if code, err := s.Wait(ctx, r.ID); code != 143 || err != nil {
		t.Errorf("Wait = %d, %v", code, err)
	}
}

func TestSystemdRunFails(t *testing.T) {
	s, spec := newStore(t)
	refused := errors.New("refused")
	spec.Systemd, spec.Runner = SystemManager, &systemd{t: t, err: refused}
	if _, err := s.Start(ctx, spec); !errors.Is(err, refused) {
		t.Errorf("Start = %v", err)
	}
	if got, err := s.List(); len(got) != 0 || err != nil {
		t.Errorf("left are %v, %v", got, err)
	}
	spec.Runner = &systemd{t: t, err: errcode.New(errcode.ToolMissing, "systemd-run", "not installed")}
	r := start(t, s, spec, "job", "speak")
	if code, err := s.Wait(ctx, r.ID); code != 7 || err != nil || r.Unit != "" {
		t.Errorf("without systemd-run: %+v, Wait = %d, %v", r, code, err)
	}
}

func TestDetectSystemd(t *testing.T) {
	root := t.TempDir()
	none := func(string) string { return "" }
	user := func(key string) string { return map[string]string{"XDG_RUNTIME_DIR": "/run/user/7"}[key] }
	check := func(want Systemd, euid int, getenv func(string) string) {
		t.Helper()
		if got := DetectSystemd(root, euid, getenv); got != want {
			t.Errorf("DetectSystemd = %d; want %d", got, want)
		}
	}
	check(NoSystemd, 0, none)
	if err := os.MkdirAll(filepath.Join(root, "run/systemd/system"), 0o700); err != nil {
		t.Fatal(err)
	}
	check(SystemManager, 0, none)
	check(NoSystemd, 7, none)
	check(NoSystemd, 7, user)
	if err := os.MkdirAll(filepath.Join(root, "run/user/7/systemd/private"), 0o700); err != nil {
		t.Fatal(err)
	}
	check(UserManager, 7, user)
}

func TestFirstWords(t *testing.T) {
	tests := map[string][]string{
		"lto write": {"lto", "write", "--name", "x"}, "lto": {"lto", "-f", "x"}, "": {"a b\nc"}, "media find": {"media", "find", "x"},
	}
	for want, args := range tests {
		if got := strings.Join(firstWords(args), " "); got != want {
			t.Errorf("firstWords(%q) = %q; want %q", args, got, want)
		}
	}
}
