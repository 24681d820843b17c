package run

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
)

// Plan is the Runner of --dry-run: it runs nothing, answers every call with an empty success and keeps what
// would have been run. Use it for calls that change something only.
type Plan struct {
	mu       sync.Mutex
	commands []Cmd
}

// Run implements Runner.
func (p *Plan) Run(ctx context.Context, c Cmd) (Result, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.commands = append(p.commands, c)
	return Result{}, ctx.Err()
}

// Commands gives what would have been run, in order.
func (p *Plan) Commands() []Cmd {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.commands)
}

// Exchange is one call and its answer, as Recorder writes and Replay reads them.
type Exchange struct {
	Argv     []string `json:"argv"`
	Stdout   string   `json:"stdout"`
	Stderr   string   `json:"stderr"`
	ExitCode int      `json:"exit_code"`
}

// Recorder runs tools through another Runner and keeps each exchange that had an answer.
type Recorder struct {
	Runner    Runner
	Exchanges []Exchange
}

// Run implements Runner.
func (r *Recorder) Run(ctx context.Context, c Cmd) (Result, error) {
	var streamed bytes.Buffer
	if c.Stdout != nil {
		c.Stdout = io.MultiWriter(c.Stdout, &streamed)
	}
	result, err := r.Runner.Run(ctx, c)
	r.Exchanges = append(r.Exchanges, Exchange{argv(c), string(result.Stdout) + streamed.String(), string(result.Stderr), result.ExitCode})
	return result, err
}

// Replay answers calls from recorded exchanges, strictly: the same argv in the same order. Like most tools it
// reads its input to the end.
type Replay struct {
	Exchanges []Exchange
}

// Run implements Runner.
func (r *Replay) Run(ctx context.Context, c Cmd) (Result, error) {
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	if len(r.Exchanges) == 0 {
		return Result{}, fmt.Errorf("replay: %q was called after the last recorded exchange", argv(c))
	}
	next := r.Exchanges[0]
	if !slices.Equal(next.Argv, argv(c)) {
		return Result{}, fmt.Errorf("replay: called %q; recorded is %q", argv(c), next.Argv)
	}
	r.Exchanges = r.Exchanges[1:]
	if c.Stdin != nil {
		if _, err := io.Copy(io.Discard, c.Stdin); err != nil {
			return Result{}, err
		}
	}
	result := Result{[]byte(next.Stdout), []byte(next.Stderr), next.ExitCode}
	if c.Stdout != nil {
		if _, err := io.WriteString(c.Stdout, next.Stdout); err != nil {
			return Result{}, err
		}
		result.Stdout = nil
	}
	if next.ExitCode != 0 {
		return result, &ExitError{c, result}
	}
	return result, nil
}

func argv(c Cmd) []string { return append([]string{c.Name}, c.Args...) }
