package task

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"

	"calypso/sys/errcode"
	"calypso/sys/proc"
	"calypso/sys/run"
)

// RunRecorded is the hidden command `task run-recorded ID -- ARGS`: it runs program with args as the
// task id, its output going to the task's files, and records its exit status, which it returns.
// SIGTERM and SIGINT do not end it: the first one is handed on to the command, which ends as it sees
// fit. ctx is not watched for the same reason. The error is errcode.TaskNotFound, or that of the
// record or of starting program.
func (s *Store) RunRecorded(_ context.Context, program, id string, args []string) (exitCode int, err error) {
	if _, err := s.Show(id); err != nil {
		return 0, err
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer signal.Stop(signals)
	if err := s.recordStart(id); err != nil {
		return 0, err
	}
	exitCode, err = s.runLogged(program, id, args, signals)
	return exitCode, errors.Join(err, s.update(id, func(r *Record) {
		r.Finished, r.ExitCode = now(), &exitCode
	}))
}

func (s *Store) recordStart(id string) error {
	pid := os.Getpid()
	start, err := proc.StartTime(pid)
	if err != nil {
		return errcode.New(errcode.Failed, "/proc", "cannot read: %w", err)
	}
	return s.update(id, func(r *Record) {
		r.PID, r.StartTime, r.BootID, r.Started = pid, start, proc.BootID(), now()
	})
}

// runLogged runs the command in a process group of its own. If the recorder is killed the kernel
// sends the command SIGTERM: a job that nobody can name or cancel any more must not go on. That
// signal is tied to the thread that started the command, hence the lock.
func (s *Store) runLogged(program, id string, args []string, signals <-chan os.Signal) (int, error) {
	stdout, err := s.openLog(id, "stdout")
	if err != nil {
		return int(errcode.ExitOf(err)), err
	}
	defer stdout.Close()
	stderr, err := s.openLog(id, "stderr")
	if err != nil {
		return int(errcode.ExitOf(err)), err
	}
	defer stderr.Close()
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		return int(errcode.ExitFailed), errcode.New(errcode.Of(err), program, "cannot start: %w", err)
	}
	ended := make(chan struct{})
	defer close(ended)
	go handOn(signals, cmd.Process.Pid, ended)
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
		return int(errcode.ExitFailed), errcode.New(errcode.Of(err), program, "cannot wait: %w", err)
	}
	return run.ExitStatus(cmd.ProcessState), nil
}

// handOn sends the first SIGTERM or SIGINT on to the group, and no other: a second one makes a
// command end at once, without cleaning up. SIGHUP is nothing to a detached task.
func handOn(signals <-chan os.Signal, group int, ended <-chan struct{}) {
	for {
		select {
		case <-ended:
			return
		case sig := <-signals:
			if sig != syscall.SIGHUP {
				_ = syscall.Kill(-group, syscall.SIGTERM)
				return
			}
		}
	}
}

// Cancel asks the task to end, with one SIGTERM however often it is called, and returns its record at
// once; Wait tells when it has ended. For a task that has ended it does nothing. The error is that
// of Show, or of sending the signal.
func (s *Store) Cancel(ctx context.Context, runner run.Runner, id string) (*Record, error) {
	r, err := s.awaitStart(ctx, id)
	if err != nil || r.State == Finished || r.State == Lost {
		return r, err
	}
	if err := terminate(ctx, runner, r); err != nil {
		return r, err
	}
	if err := s.update(id, func(r *Record) { r.Canceled = now() }); err != nil {
		return r, err
	}
	return s.Show(id)
}

// terminate signals the recorder, which hands it on. It was alive a moment ago by pid, start time and
// boot, so the number is not yet another's.
func terminate(ctx context.Context, runner run.Runner, r *Record) error {
	if r.Unit != "" {
		args := []string{"kill", "--kill-whom=main", "--signal=SIGTERM", "--", r.Unit}
		if r.UserUnit {
			args = append([]string{"--user"}, args...)
		}
		_, err := runner.Run(ctx, run.Cmd{Name: "systemctl", Package: "systemd", Args: args})
		return err
	}
	err := syscall.Kill(r.PID, syscall.SIGTERM)
	if err != nil && !errors.Is(err, syscall.ESRCH) {
		return errcode.New(errcode.Of(err), r.ID, "cannot signal: %w", err)
	}
	return nil
}

// Logs opens the output of a task; stream is "stdout" or "stderr". A task that has not said
// anything has an empty one.
func (s *Store) Logs(id, stream string) (io.ReadCloser, error) {
	if _, err := s.Show(id); err != nil {
		return nil, err
	}
	file, err := os.Open(s.LogPath(id, stream))
	if errors.Is(err, os.ErrNotExist) {
		return io.NopCloser(eof{}), nil
	}
	if err != nil {
		return nil, errcode.New(errcode.Of(err), s.LogPath(id, stream), "cannot read: %w", err)
	}
	return file, nil
}

type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }
