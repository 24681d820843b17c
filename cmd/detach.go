package cmd

import (
	"context"
	"os"
	"slices"
	"strings"
	"time"

	"calypso/sys/run"
	"calypso/sys/task"
)

// taskStartDoc is the answer of any verb with --detach, in schema calypso.task.start.
type taskStartDoc struct {
	Task    string   `json:"task"`
	Command []string `json:"command"`
	Unit    *string  `json:"unit"` // of systemd; null for a session of its own
}

// startTime bounds the wait for a task to come up; systemd-run may take a while on a busy host.
const startTime = time.Minute

// detach starts the same command line as a task and answers with its id.
func (inv *invocation) detach(ctx context.Context, req *request) error {
	if inv.readsInput(req) {
		return usageErrorf("--detach: a task has no standard input to read '-' from")
	}
	spec, err := inv.taskSpec(req)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	r, err := task.NewStore(inv.places.StateDir).Start(ctx, spec)
	if err != nil {
		return err
	}
	inv.schema = "calypso.task.start"
	inv.note("started as task %s; see 'calypso task wait %s' and 'calypso task logs %s'", r.ID, r.ID, r.ID)
	return inv.emit(taskStartDoc{r.ID, r.Command, orNull(r.Unit)}, func(p *page) { p.line("%s", r.ID) })
}

// readsInput says whether an argument or a flag names the standard input.
func (inv *invocation) readsInput(req *request) bool {
	return slices.Contains(req.args, "-") || slices.ContainsFunc(req.given, func(g given) bool { return g.text == "-" })
}

// taskSpec is the command line of the task: this one without --detach, in the canonical form. The
// state directory goes by the environment too, so that the task's recorder finds its record.
func (inv *invocation) taskSpec(req *request) (task.Spec, error) {
	program, err := os.Executable()
	if err != nil {
		return task.Spec{}, err
	}
	dir, err := os.Getwd()
	if err != nil {
		return task.Spec{}, err
	}
	environ := os.Environ()
	if inv.isSet("state-dir") {
		environ = append(without(environ, "CALYPSO_STATE_DIR="), "CALYPSO_STATE_DIR="+inv.places.StateDir)
	}
	return task.Spec{
		Program: program, Args: detachedLine(req), Dir: dir, Environ: environ,
		Systemd: task.DetectSystemd("/", os.Geteuid(), inv.getenv), Runner: run.Host{},
	}, nil
}

func without(environ []string, prefix string) []string {
	return slices.DeleteFunc(environ, func(e string) bool { return strings.HasPrefix(e, prefix) })
}

// detachedLine is the canonical line without argv[0] and --detach.
func detachedLine(req *request) []string {
	rest := *req
	rest.given = slices.DeleteFunc(slices.Clone(req.given), func(g given) bool { return g.flag.name == "detach" })
	line := canonical(&rest)[1:]
	if len(req.args) == 0 {
		line = line[:len(line)-1] // an empty "--" at the end
	}
	return line
}
