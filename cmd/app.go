package cmd

import (
	"context"
	"io"
	"time"

	"github.com/urfave/cli/v2"
)

// newValues makes the empty values of a verb's flags.
func newValues(c *command) map[string]*value {
	values := map[string]*value{}
	for _, f := range flagsOf(c) {
		values[f.name] = &value{flag: f}
	}
	return values
}

// runApp hands the resolved command line to urfave/cli in the one form it reads without surprises:
// flags as --name=value before "--", then the arguments. The app holds only the way to this verb and is
// made anew for each run.
func runApp(ctx context.Context, inv *invocation, req *request) error {
	leaf := bareCommand(inv.cmd)
	leaf.Flags = givenFlags(inv, req)
	leaf.Action = func(c *cli.Context) error { return inv.start(ctx, req) }
	app := &cli.App{
		Name: "calypso", HideHelp: true, HideHelpCommand: true, HideVersion: true,
		Writer: io.Discard, ErrWriter: io.Discard, DisableSliceFlagSeparator: true,
		OnUsageError: usageUnchanged, ExitErrHandler: func(*cli.Context, error) {},
		Commands: []*cli.Command{nest(req.path, leaf)},
	}
	return app.RunContext(ctx, canonical(req))
}

// givenFlags are the flags on the command line. urfave/cli need not know the others, which is a good
// part of its work at each start.
func givenFlags(inv *invocation, req *request) []cli.Flag {
	var flags []cli.Flag
	seen := map[string]bool{}
	for _, g := range req.given {
		if name := g.flag.name; !seen[name] {
			seen[name] = true
			flags = append(flags, &cli.GenericFlag{Name: name, Usage: g.flag.usage, Value: inv.values[name]})
		}
	}
	return flags
}

// nest wraps the leaf in the groups that lead to it.
func nest(path []string, leaf *cli.Command) *cli.Command {
	for i := len(path) - 2; i >= 0; i-- {
		leaf = &cli.Command{
			Name: path[i], HideHelp: true, HideHelpCommand: true, OnUsageError: usageUnchanged,
			Subcommands: []*cli.Command{leaf},
		}
	}
	return leaf
}

func bareCommand(c *command) *cli.Command {
	return &cli.Command{Name: c.Name, Usage: c.Summary, HideHelp: true, HideHelpCommand: true, OnUsageError: usageUnchanged}
}

func usageUnchanged(_ *cli.Context, err error, _ bool) error { return err }

// canonical is the command line as urfave/cli gets it.
func canonical(req *request) []string {
	words := append([]string{"calypso"}, req.path...)
	for _, g := range req.given {
		words = append(words, "--"+g.flag.name+"="+g.text)
	}
	return append(append(words, "--"), req.args...)
}

// start fills in what the command line left open, then runs the verb within its deadline.
func (inv *invocation) start(ctx context.Context, req *request) error {
	inv.dryRun, inv.quiet, inv.verbose = inv.flag("dry-run"), inv.flag("quiet"), inv.flag("verbose")
	inv.json = inv.flag("json")
	inv.ctx = ctx
	if err := inv.findPlaces(); err != nil {
		return err
	}
	if err := inv.fillValues(); err != nil {
		return err
	}
	inv.object = inv.defaultObject()
	if inv.flag("detach") && !inv.dryRun {
		return inv.detach(ctx, req)
	}
	ctx, cancel := inv.withDeadline(ctx)
	defer cancel()
	inv.ctx = ctx
	return inv.audited(ctx, func() error { return inv.supervise(ctx) })
}

// withDeadline applies --timeout.
func (inv *invocation) withDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	limit := inv.duration("timeout")
	if limit == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, min(limit, 1000*time.Hour))
}

// defaultObject is what the verb works on as far as the command line tells.
func (inv *invocation) defaultObject() string {
	if inv.cmd.ObjectFlag != "" {
		return inv.str(inv.cmd.ObjectFlag)
	}
	if len(inv.args) > 0 {
		return inv.args[0]
	}
	return ""
}
