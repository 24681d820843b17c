package cmd

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"calypso/sys/errcode"
	"calypso/sys/place"
)

// Main runs one command line and returns the exit status.
func Main(argv []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return mainOf(root(), argv, stdin, stdout, stderr)
}

// mainOf is Main for any tree.
func mainOf(top *command, argv []string, stdin io.Reader, stdout, stderr io.Writer) int {
	m := &process{ctx: context.Background(), top: top, argv: argv, streams: newStreams(stdin, stdout, stderr), getenv: os.Getenv}
	return int(m.main())
}

// process is one command line on its way through parsing, running and reporting.
type process struct {
	streams
	top    *command
	ctx    context.Context
	argv   []string
	getenv func(string) string

	req *request
	inv *invocation // nil until the verb and its flags are known
}

// stopping tells the person at the terminal that the signal was heard, as cleaning up may take a while.
func (m *process) stopping() {
	if m.ErrTTY && !slices.Contains(m.argv, "--json") {
		io.WriteString(m.Err, "\ncalypso: stopping; a second signal ends it at once\n")
	}
}

// cutOff says that the verb did not come to its end. What it works on by now is another goroutine's to know.
func (m *process) cutOff(cause *errcode.Error) {
	const state = "it had not cleaned up: look at the state of what it worked on before you go on"
	f := failure{code: cause.Code, exit: exitOf(cause.Code), verb: strings.Join(m.req.path, " "), text: cause.Msg + " again; " + state, state: state}
	f.write(m.Err, m.req.json)
}

func (m *process) main() (exit errcode.Exit) {
	defer func() {
		if p := recover(); p != nil {
			exit = m.report(panicked(p, m.Err))
		}
	}()
	req, err := resolve(m.top, callNames(m.top, m.argv))
	m.req = req
	switch {
	case req.help:
		err = m.help()
	case err != nil:
		m.synopsis()
	default:
		err = m.verb()
	}
	if m.inv != nil {
		m.inv.close()
	}
	return m.report(err)
}

// callNames is the command line without argv[0], with the group in front when the program was called
// by the name of one (busybox style). An unknown name is as good as calypso.
func callNames(top *command, argv []string) []string {
	if len(argv) == 0 {
		return nil
	}
	base := filepath.Base(argv[0])
	if group, ok := strings.CutPrefix(base, "calypso-"); ok && top.child(group) != nil {
		return append([]string{group}, argv[1:]...)
	}
	if slices.Contains(bareNames, base) {
		return append([]string{base}, argv[1:]...)
	}
	return argv[1:]
}

// help prints the help of the command that was named.
func (m *process) help() error {
	p := &page{}
	writeHelp(p, m.req.path, m.req.cmd)
	m.Out.Write(p.b.Bytes()) // Out remembers a failure
	return nil
}

// synopsis shows a person who typed no command at all, or a group without a verb, what there is.
func (m *process) synopsis() {
	if m.req.json || !m.req.cmd.isGroup() || len(m.req.given) > 0 || len(callNames(m.top, m.argv)) != len(m.req.path) {
		return
	}
	p := &page{}
	writeHelp(p, m.req.path, m.req.cmd)
	m.Err.Write(p.b.Bytes())
}

// verb gives the flags their values and runs the verb.
func (m *process) verb() error {
	m.inv = &invocation{
		streams: m.streams, getenv: m.getenv, cmd: m.req.cmd, path: m.req.path, argv: m.argv,
		args: m.req.args, values: newValues(m.req.cmd), json: m.req.json,
	}
	if !m.req.cmd.Stateless { // those have nothing to clean up, and starting at once is all they do
		ctx, stop := withSignals(m.ctx, m.stopping, m.cutOff)
		defer stop()
		m.ctx = ctx
	}
	return runApp(m.ctx, m.inv, m.req)
}

// report shows err, or that the answer could not be delivered, and gives the exit status.
func (m *process) report(err error) errcode.Exit {
	if out := m.Out.err; out != nil && (err == nil || errors.Is(err, out)) {
		err = errcode.New(errcode.OutputFailed, "", "standard output: %w", bareCause(out))
	}
	if err == nil {
		return errcode.ExitOK
	}
	var answered *statusOnly
	if errors.As(err, &answered) {
		return answered.exit
	}
	f := m.failure(err)
	f.write(m.Err, m.req != nil && m.req.json)
	return f.exit
}

func (m *process) failure(err error) failure {
	ctx, verb, object := m.ctx, "", ""
	if m.req != nil {
		verb = strings.Join(m.req.path, " ")
	}
	if m.inv != nil {
		object = m.inv.object
		if m.inv.ctx != nil {
			ctx = m.inv.ctx
		}
	}
	return newFailure(ctx, err, verb, object)
}

// bareCause leaves the system's words of an error: "no space left on device".
func bareCause(err error) error {
	if e, ok := err.(*os.PathError); ok {
		return e.Err
	}
	return err
}

// findPlaces resolves where files live.
func (inv *invocation) findPlaces() error {
	p, err := place.Resolve(inv.getenv, os.Geteuid(), inv.str("state-dir"), inv.str("config"))
	inv.places = p
	if inv.cmd.Stateless && !inv.flag("detach") { // a task has a record
		return nil
	}
	return err
}
