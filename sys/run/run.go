// Package run starts external tools, the one way calypso does it: argv and never a shell, LC_ALL=C,
// a deadline, a process group of its own, bounded output. Runner has the real implementation (Host)
// and those for dry runs and tests (Plan, Recorder, Replay).
//
// Limits: a child in uninterruptible sleep (state D) cannot be ended; Run then returns at its
// deadline and leaves it behind. So is a Cmd.Stdin that gives nothing: a goroutine goes on waiting for it. An *os.File as Cmd.Stdout is given to the child itself, which may then
// write to it after that; to any other writer no more is passed on once Run has returned.
package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"calypso/sys/errcode"
	"calypso/sys/proc"
)

const (
	defaultTimeout = time.Minute
	// defaultGrace is how long a child may take to end after SIGTERM before it is killed and its
	// pipes are closed; without it a grandchild that keeps a pipe open holds Run up for ever.
	defaultGrace = 5 * time.Second
	// killPatience is what a busy machine may need to bury a child that was killed. One that is still there
	// is in state D.
	killPatience = 5 * time.Second
	// keep is how much of the head, and of the tail, of an output is kept.
	keep = 256 << 10
)

// toolPath is where tools are looked for. $PATH is not: under cron and Bacula it lacks sbin.
var toolPath = []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"}

// Cmd is one call of a tool.
type Cmd struct {
	Name    string        // the tool, without a directory: "systemd-run"
	Args    []string      // without the name
	Package string        // the Debian package that has it, for the error when it is missing
	Env     []string      // KEY=VALUE, added to PATH, HOME, LC_ALL=C
	Stdin   io.Reader     // nil: /dev/null
	Stdout  io.Writer     // where the output goes as it comes, whole and without a bound; nil: to Result
	Whole   bool          // Result has all of the output, however much: for an answer that a program reads
	Timeout time.Duration // 0: one minute
}

func (c Cmd) String() string { return proc.CommandLine(append([]string{c.Name}, c.Args...)) }

// Result is what a tool said. Of an output over 512 KiB the first and the last 256 KiB are kept, with a
// line between that says how much is missing, unless it was asked for as a whole.
type Result struct {
	Stdout, Stderr []byte
	ExitCode       int // 128 + N for a death by signal N
}

// ExitError is a tool that ended with a status other than 0.
type ExitError struct {
	Cmd    Cmd
	Result Result
}

// Error shows the last line of stderr, which is where tools say why.
func (e *ExitError) Error() string {
	lines := strings.Split(strings.TrimSpace(string(e.Result.Stderr)), "\n")
	said := strings.TrimSpace(lines[len(lines)-1])
	if said == "" {
		said = "it said nothing"
	}
	return fmt.Sprintf("%s: exit status %d: %s", e.Cmd.Name, e.Result.ExitCode, proc.Shorten(said, 500))
}

// Runner runs tools. The error is *ExitError when the tool ran and failed, errcode.ToolMissing
// when it is not installed, errcode.Timeout after its deadline, or that of ctx.
type Runner interface {
	Run(ctx context.Context, c Cmd) (Result, error)
}

// Host runs tools on this machine.
type Host struct {
	Path  []string      // directories to look in; nil: the usual ones, sbin too
	Grace time.Duration // between SIGTERM and the end of waiting; 0: 5 s
}

// Run implements Runner.
func (h Host) Run(ctx context.Context, c Cmd) (Result, error) {
	file, err := h.lookup(c)
	if err != nil {
		return Result{}, err
	}
	limited, cancel := context.WithTimeout(ctx, orDefault(c.Timeout, defaultTimeout))
	defer cancel()
	stdout, stderr := output{whole: c.Whole}, output{}
	cmd := exec.CommandContext(limited, file, c.Args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	input, err := openInput(cmd, c.Stdin)
	if err != nil {
		return Result{ExitCode: -1}, fmt.Errorf("run %s: %w", c.Name, err)
	}
	if c.Stdout != nil {
		passing := &gate{to: c.Stdout}
		defer passing.closed.Store(true)
		cmd.Stdout = passing
	}
	if direct, ok := c.Stdout.(*os.File); ok {
		cmd.Stdout = direct
	}
	cmd.Env = environment(c.Env)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = orDefault(h.Grace, defaultGrace)
	if err := cmd.Start(); err != nil {
		return Result{ExitCode: -1}, runError(ctx, limited, c, Result{ExitCode: -1}, err)
	}
	input.begin()
	err, left := await(limited, cmd.WaitDelay+killPatience, cmd.Wait)
	if limited.Err() != nil {
		// What ignored SIGTERM, or outlived its parent in the group, goes too. When the tool ended
		// by itself what it left behind is left alone: it may be meant to stay.
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
	if left {
		return Result{ExitCode: -1}, runError(ctx, limited, c, Result{ExitCode: -1}, err)
	}
	r := Result{Stdout: stdout.bytes(), Stderr: stderr.bytes(), ExitCode: ExitStatus(cmd.ProcessState)}
	if err == nil {
		err = input.failure()
	}
	return r, runError(ctx, limited, c, r, err)
}

// await waits for the end of a child, but not much longer than it may take: one in state D hears no signal,
// and os/exec would wait for it for ever. What left it behind is still waiting and keeps its pipes.
func await(limited context.Context, patience time.Duration, wait func() error) (err error, left bool) {
	ended := make(chan error, 1)
	go func() { ended <- wait() }()
	select {
	case err := <-ended:
		return err, false
	case <-limited.Done():
	}
	select {
	case err := <-ended:
		return err, false
	case <-time.After(patience):
		return limited.Err(), true
	}
}

func runError(ctx, limited context.Context, c Cmd, r Result, err error) error {
	var exit *exec.ExitError
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay) && limited.Err() == nil:
		// ErrWaitDelay: the tool ended well, something it left behind keeps its output open.
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("run %s: %w", c.Name, ctx.Err())
	case limited.Err() != nil:
		return errcode.New(errcode.Timeout, c.Name, "no end after %s: %w", orDefault(c.Timeout, defaultTimeout), limited.Err()).
			WithHint("look at what it did before you try again")
	case errors.As(err, &exit):
		return &ExitError{c, r}
	}
	return fmt.Errorf("run %s: %w", c.Name, err)
}

// lookup finds the tool in the fixed path.
func (h Host) lookup(c Cmd) (string, error) {
	path := h.Path
	if path == nil {
		path = toolPath
	}
	if c.Name == "" || strings.ContainsRune(c.Name, '/') {
		return "", errcode.New(errcode.Internal, c.Name, "not the name of a tool")
	}
	for _, dir := range path {
		file := filepath.Join(dir, c.Name)
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return file, nil
		}
	}
	e := errcode.New(errcode.ToolMissing, c.Name, "this tool is not installed")
	if c.Package != "" {
		e.WithHint("install the package %s", c.Package)
	}
	return "", e
}

// environment is small and fixed, so that a tool's output does not depend on who called.
func environment(more []string) []string {
	env := []string{"PATH=" + strings.Join(toolPath, ":"), "LC_ALL=C", "LANG=C"}
	if home := os.Getenv("HOME"); home != "" {
		env = append(env, "HOME="+home)
	}
	return append(env, more...)
}

// ExitStatus is the exit status of a process that ended. It counts a death by a signal as shells do.
func ExitStatus(p *os.ProcessState) int {
	if p == nil {
		return -1
	}
	if status, ok := p.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return p.ExitCode()
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return otherwise
}
