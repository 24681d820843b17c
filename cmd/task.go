package cmd

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"calypso/sys/errcode"
	"calypso/sys/run"
	"calypso/sys/task"
)

func taskGroup() *command {
	return &command{
		Name: "task", Summary: "follow commands that were started with --detach",
		Description: `A command with --detach runs on as a task when the terminal goes: as a unit of systemd where that runs, else in a
session of its own. Its output and exit status are kept.

A task has no terminal to ask on: give --yes or --confirm where the command would ask.`,
		Commands: []*command{taskListVerb(), taskShowVerb(), taskWaitVerb(), taskCancelVerb(), taskLogsVerb(), taskRunVerb()},
	}
}

func taskArg() []arg { return []arg{{Name: "TASK", Usage: "id of the task"}} }

// taskDoc is one task.
type taskDoc struct {
	ID         string     `json:"id"`
	State      string     `json:"state"` // starting, running, finished, lost
	Command    []string   `json:"command"`
	Directory  string     `json:"directory"`
	Unit       *string    `json:"unit"`
	PID        *int       `json:"pid"`
	CreatedAt  time.Time  `json:"created"`
	StartedAt  *time.Time `json:"started"`
	CanceledAt *time.Time `json:"canceled"`
	FinishedAt *time.Time `json:"finished"`
	ExitCode   *int       `json:"exit_code"`
	Stdout     string     `json:"stdout_file"`
	Stderr     string     `json:"stderr_file"`
}

func (inv *invocation) tasks() *task.Store { return task.NewStore(inv.places.StateDir) }

func taskDocOf(s *task.Store, r task.Record) taskDoc {
	d := taskDoc{
		ID: r.ID, State: r.State, Command: r.Command, Directory: r.Directory, Unit: orNull(r.Unit), CreatedAt: r.Created,
		StartedAt: r.Started, CanceledAt: r.Canceled, FinishedAt: r.Finished, ExitCode: r.ExitCode,
		Stdout: s.LogPath(r.ID, "stdout"), Stderr: s.LogPath(r.ID, "stderr"),
	}
	if r.PID > 0 {
		d.PID = &r.PID
	}
	return d
}

func taskListVerb() *command {
	return &command{
		Name: "list", Summary: "list the tasks",
		Description: "Lists the tasks, oldest first. A task that ended without an exit status (killed, or the machine went down) is lost.",
		Examples:    []example{{"calypso task list", "list the tasks"}},
		Exits:       []errcode.Exit{errcode.ExitPartial},
		Run:         runTaskList,
	}
}

// taskListDoc is `calypso task list --json`.
type taskListDoc struct {
	Tasks []taskDoc `json:"tasks"`
}

func runTaskList(_ context.Context, inv *invocation) error {
	s := inv.tasks()
	records, problems := s.List()
	var doc taskListDoc
	t := newTable("task", "state", "created", ">exit", "command")
	for _, r := range records {
		doc.Tasks = append(doc.Tasks, taskDocOf(s, r))
		t.row(r.ID, r.State, r.Created, r.ExitCode, strings.Join(quoteAll(r.Command), " "))
	}
	if err := inv.emit(doc, func(p *page) { p.table(t, "no tasks") }); err != nil || problems == nil {
		return err
	}
	return problems
}

func taskShowVerb() *command {
	return &command{
		Name: "show", Summary: "show a task",
		Description: "Shows what is known of a task: its command, when it ran, its exit status and where its output is.",
		Args:        taskArg(),
		Examples:    []example{{"calypso task show 20260131-120000-1a2b", "show a task"}},
		Exits:       []errcode.Exit{errcode.ExitNotFound},
		Run: func(_ context.Context, inv *invocation) error {
			r, err := inv.tasks().Show(inv.arg("TASK"))
			if err != nil {
				return err
			}
			return inv.emitTask(r)
		},
	}
}

// emitTask answers with one task.
func (inv *invocation) emitTask(r *task.Record) error {
	d := taskDocOf(inv.tasks(), *r)
	return inv.emit(d, func(p *page) {
		p.pairs("task", d.ID, "state", d.State, "command", strings.Join(quoteAll(d.Command), " "), "directory", d.Directory,
			"unit", d.Unit, "pid", d.PID, "created", d.CreatedAt, "started", d.StartedAt, "canceled", d.CanceledAt,
			"finished", d.FinishedAt, "exit status", d.ExitCode, "stdout", d.Stdout, "stderr", d.Stderr)
	})
}

func taskWaitVerb() *command {
	return &command{
		Name: "wait", Summary: "wait for a task and end with its exit status",
		Description: `Waits until the task has ended, then ends with the task's own exit status, whichever that is. With --timeout it
gives up after that time; the task goes on.`,
		Args:     taskArg(),
		Examples: []example{{"calypso task wait 20260131-120000-1a2b --timeout 8h", "wait for a task, at most eight hours"}},
		Exits:    []errcode.Exit{errcode.ExitNotFound},
		Run:      runTaskWait,
	}
}

func runTaskWait(ctx context.Context, inv *invocation) error {
	status, err := inv.tasks().Wait(ctx, inv.arg("TASK"))
	if err != nil {
		return err
	}
	r, err := inv.tasks().Show(inv.arg("TASK"))
	if err != nil {
		return err
	}
	if err := inv.emitTask(r); err != nil || status == 0 {
		return err
	}
	return &taskFailure{id: r.ID, status: errcode.Exit(status)}
}

// taskFailure gives the exit status of a task to the verb that waited for it.
type taskFailure struct {
	id     string
	status errcode.Exit
}

func (f *taskFailure) Error() string {
	return fmt.Sprintf("the task ended with exit status %d", f.status)
}

// Unwrap gives the code; the exit status is the task's own instead of the code's.
func (f *taskFailure) Unwrap() error {
	return errcode.New(errcode.TaskFailed, f.id, "%s", f.Error()).WithHint("see 'calypso task logs %s'", f.id)
}

func taskCancelVerb() *command {
	return &command{
		Name: "cancel", Summary: "ask a task to end", Mutates: true,
		Description: `Sends SIGTERM to the task, which then cleans up and ends as at a prompt. It does not wait for that: see 'calypso
task wait'. A task that has ended already is left as it is.`,
		Args:     taskArg(),
		Examples: []example{{"calypso task cancel 20260131-120000-1a2b", "ask a task to end"}},
		Exits:    []errcode.Exit{errcode.ExitNotFound},
		Run:      runTaskCancel,
	}
}

func runTaskCancel(ctx context.Context, inv *invocation) error {
	if inv.dryRun {
		r, err := inv.tasks().Show(inv.arg("TASK"))
		if err != nil {
			return err
		}
		return inv.emitTask(r)
	}
	r, err := inv.tasks().Cancel(ctx, run.Host{}, inv.arg("TASK"))
	if err != nil {
		return err
	}
	return inv.emitTask(r)
}

func taskLogsVerb() *command {
	return &command{
		Name: "logs", Summary: "print what a task has said",
		Description: `Prints the task's standard output on standard output and its standard error on standard error, as far as they
have come.`,
		Args:     taskArg(),
		Flags:    []flag{stringFlag("stream", "STREAM", "which of the two").Choices("both", "stdout", "stderr").Default("both")},
		Examples: []example{{"calypso task logs 20260131-120000-1a2b --stream stderr", "print the messages of a task"}},
		Exits:    []errcode.Exit{errcode.ExitNotFound},
		Run:      runTaskLogs,
	}
}

// taskLogsDoc is `calypso task logs --json`; a stream that was not asked for is null.
type taskLogsDoc struct {
	ID     string  `json:"id"`
	Stdout *string `json:"stdout"`
	Stderr *string `json:"stderr"`
}

func runTaskLogs(_ context.Context, inv *invocation) error {
	doc := taskLogsDoc{ID: inv.arg("TASK")}
	streams := []struct {
		name string
		to   io.Writer
		doc  **string
	}{{"stdout", inv.Out, &doc.Stdout}, {"stderr", inv.Err, &doc.Stderr}}
	for _, s := range streams {
		if which := inv.str("stream"); which != "both" && which != s.name {
			continue
		}
		var text strings.Builder
		to := s.to
		if inv.json {
			to = &text
		}
		if err := copyLog(to, inv.tasks(), doc.ID, s.name); err != nil {
			return err
		}
		said := text.String()
		*s.doc = &said
	}
	if !inv.json {
		return nil
	}
	return inv.emit(doc, nil)
}

func copyLog(w io.Writer, s *task.Store, id, stream string) error {
	r, err := s.Logs(id, stream)
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.Copy(w, r)
	return err
}

// taskRunVerb is the process of a task itself: it runs the command and writes down how it ended.
func taskRunVerb() *command {
	return &command{
		Name: "run-recorded", Summary: "run a command as a task", Hidden: true,
		Description: "Started by --detach: runs the command as the task and records how it ended.",
		Args: []arg{
			{Name: "TASK", Usage: "id of the task"},
			{Name: "WORD", Usage: "command line of the task", Repeated: true},
		},
		Examples: []example{{"calypso task run-recorded 20260131-120000-1a2b -- version", "run 'version' as the task"}},
		Run:      runTaskRun,
	}
}

func runTaskRun(ctx context.Context, inv *invocation) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	status, err := inv.tasks().RunRecorded(ctx, program, inv.arg("TASK"), inv.argList("WORD"))
	if err != nil || status == 0 {
		return err
	}
	return &taskFailure{id: inv.arg("TASK"), status: errcode.Exit(status)}
}
