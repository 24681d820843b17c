package task

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"calypso/sys/errcode"
	"calypso/sys/proc"
	"calypso/sys/run"
	"calypso/sys/state"
)

// Spec is a task to start.
type Spec struct {
	Program string   // absolute path of this program
	Args    []string // the command line of the task, without --detach; never a secret
	Flags   []string // for the recorder itself: --state-dir and --config as they were given
	Dir     string   // working directory: relative arguments are taken from there
	Environ []string // the environment to choose from (os.Environ()); see passed
	Systemd Systemd
	Runner  run.Runner // for systemd-run
}

// Systemd is the manager that a task can be handed to.
type Systemd int

// The managers.
const (
	NoSystemd     Systemd = iota // a session of its own
	SystemManager                // pid 1, for root
	UserManager                  // systemd --user
)

// DetectSystemd finds the manager for a user, below the root directory root ("/").
func DetectSystemd(root string, euid int, getenv func(string) string) Systemd {
	if _, err := os.Stat(filepath.Join(root, "run/systemd/system")); err != nil {
		return NoSystemd // sd_booted(3)
	}
	if euid == 0 {
		return SystemManager
	}
	if dir := getenv("XDG_RUNTIME_DIR"); dir != "" {
		if _, err := os.Stat(filepath.Join(root, dir, "systemd/private")); err == nil {
			return UserManager
		}
	}
	return NoSystemd
}

// Start starts a task and returns when it has come up, with its record. The error is that of
// writing the record or of starting the process; there is then no task.
func (s *Store) Start(ctx context.Context, spec Spec) (*Record, error) {
	r, err := s.create(spec)
	if err != nil {
		return nil, err
	}
	if err := s.launch(ctx, spec, r); err != nil {
		s.discard(r.ID)
		return nil, err
	}
	r, err = s.awaitStart(ctx, r.ID)
	if err != nil {
		return r, err
	}
	return r, s.cameUp(r)
}

// create makes the directory of a new task, which nobody else can have taken, and its first record.
func (s *Store) create(spec Spec) (*Record, error) {
	r := &Record{Command: spec.Args, Directory: spec.Dir, Created: *now(), BootID: proc.BootID()}
	for {
		r.ID = newID(r.Created)
		err := s.makeDir(r.ID)
		if errors.Is(err, os.ErrExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		break
	}
	if spec.Systemd != NoSystemd {
		r.Unit = "calypso-task-" + r.ID + ".service"
		r.UserUnit = spec.Systemd == UserManager
	}
	return r, s.update(r.ID, func(stored *Record) { *stored = *r })
}

func (s *Store) makeDir(id string) error {
	err := os.MkdirAll(s.dir, 0o750)
	if err == nil {
		err = os.Mkdir(filepath.Join(s.dir, id), 0o750)
	}
	if err != nil {
		return errcode.New(writeCode(err), s.dir, "cannot make a directory: %w", err)
	}
	return nil
}

// writeCode is the code of an error of writing below the state directory.
func writeCode(err error) errcode.Code {
	if code := errcode.Of(err); code != errcode.Failed {
		return code
	}
	return errcode.StateUnwritable
}

// newID sorts by time; the random end keeps apart what starts in the same second.
func newID(t time.Time) string {
	var b [2]byte
	_, _ = rand.Read(b[:]) // never fails, as its documentation says
	return t.Format("20060102-150405-") + hex.EncodeToString(b[:])
}

func (s *Store) discard(id string) {
	_ = os.Remove(s.recordPath(id))
	_ = os.RemoveAll(filepath.Join(s.dir, id))
}

// update changes the record of a task under its lock.
func (s *Store) update(id string, change func(*Record)) error {
	return state.Update(context.Background(), s.recordPath(id), schema, func(r *Record) error {
		change(r)
		return nil
	})
}

// recorderArgs is the hidden command that cmd answers with RunRecorded.
func recorderArgs(spec Spec, r *Record) []string {
	args := append([]string{"task", "run-recorded"}, spec.Flags...)
	return append(append(args, r.ID, "--"), r.Command...)
}

func (s *Store) launch(ctx context.Context, spec Spec, r *Record) error {
	if r.Unit == "" {
		return s.launchSession(spec, r)
	}
	_, err := spec.Runner.Run(ctx, run.Cmd{Name: "systemd-run", Package: "systemd", Args: unitArgs(spec, r)})
	if errcode.Of(err) != errcode.ToolMissing {
		return err
	}
	r.Unit, r.UserUnit = "", false
	if err := s.update(r.ID, func(stored *Record) { *stored = *r }); err != nil {
		return err
	}
	return s.launchSession(spec, r)
}

// unitArgs: --collect forgets a failed unit, its record stays here. When the machine shuts down, or
// somebody says `systemctl stop`, the recorder alone gets SIGTERM (KillMode=mixed), hands it on once,
// and a drive has the time to close its archive.
func unitArgs(spec Spec, r *Record) []string {
	args := []string{
		"--unit=" + r.Unit, "--collect", "--quiet", "--no-ask-password",
		"--description=calypso " + strings.Join(firstWords(spec.Args), " "),
		"--working-directory=" + r.Directory,
		"--property=KillMode=mixed", "--property=TimeoutStopSec=10min",
	}
	if r.UserUnit {
		args = append([]string{"--user"}, args...)
	}
	for _, e := range passed(spec.Environ) {
		args = append(args, "--setenv="+e)
	}
	return append(append(args, "--", spec.Program), recorderArgs(spec, r)...)
}

// plainWord is a group or a verb of the command tree.
var plainWord = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z-]+$`) })

// firstWords is the group and the verb: what follows may be anything, and a description is one line.
func firstWords(args []string) []string {
	n := 0
	for n < min(2, len(args)) && plainWord().MatchString(args[n]) && args[n][0] != '-' {
		n++
	}
	return args[:n]
}

// passed chooses the variables a command of calypso looks at; a unit inherits none by itself.
func passed(environ []string) []string {
	keys := []string{"TAPE", "HOME", "PATH", "TMPDIR", "SUDO_USER", "NO_COLOR"}
	var chosen []string
	for _, e := range environ {
		key, _, _ := strings.Cut(e, "=")
		if slices.Contains(keys, key) || strings.HasPrefix(key, "CALYPSO_") || strings.HasPrefix(key, "XDG_") {
			chosen = append(chosen, e)
		}
	}
	return chosen
}

// launchSession starts the recorder in a session of its own, so that the end of the terminal's does
// not reach it. What it says itself (a panic) goes to the task's stderr.
func (s *Store) launchSession(spec Spec, r *Record) error {
	stderr, err := s.openLog(r.ID, "stderr")
	if err != nil {
		return err
	}
	defer stderr.Close()
	cmd := exec.Command(spec.Program, recorderArgs(spec, r)...)
	cmd.Dir, cmd.Stderr = r.Directory, stderr
	cmd.Env = passed(spec.Environ)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return errcode.New(errcode.Of(err), spec.Program, "cannot start: %w", err)
	}
	// Reaped if this process lives long enough; else by init.
	go func() { _ = cmd.Wait() }()
	return nil
}

func (s *Store) openLog(id, stream string) (*os.File, error) {
	path := s.LogPath(id, stream)
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o640)
	if err != nil {
		return nil, errcode.New(writeCode(err), path, "cannot open: %w", err)
	}
	return file, nil
}

// awaitStart waits until the recorder has written itself into the record.
func (s *Store) awaitStart(ctx context.Context, id string) (*Record, error) {
	for {
		r, err := s.Show(id)
		if err != nil || r.State != Starting {
			return r, err
		}
		select {
		case <-ctx.Done():
			return r, errcode.New(errcode.Of(ctx.Err()), id, "waiting for the task to start: %w", ctx.Err())
		case <-time.After(pollInterval / 4):
		}
	}
}

// cameUp says why a task that was launched did not come up.
func (s *Store) cameUp(r *Record) error {
	if r.State != Lost {
		return nil
	}
	said, _ := os.ReadFile(s.LogPath(r.ID, "stderr"))
	return errcode.New(errcode.Failed, r.ID, "the task did not come up: %s", proc.Shorten(strings.TrimSpace(string(said)), 500))
}
