package cmd

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// update rewrites what the tests hold against the tree: scripts, manual pages, docs/exit-codes.md.
// See update_test.go for the flag itself: flag is a type of this package.
var update = flagUpdate()

func TestMain(m *testing.M) {
	run := func() {
		os.Exit(withTools(func() int { return mainOf(testTree(), os.Args, os.Stdin, os.Stdout, os.Stderr) }, os.Stderr))
	}
	programs := map[string]func(){"calypso": run}
	for _, name := range linkNames(testTree()) {
		programs[name] = run
	}
	testscript.Main(m, programs)
}

// TestScript runs the whole program as the scripts of testdata/script say.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("..", "testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       *update,
		Setup: func(e *testscript.Env) error {
			home := filepath.Join(e.WorkDir, "home")
			e.Setenv("HOME", home)
			e.Setenv("CALYPSO_STATE_DIR", filepath.Join(e.WorkDir, "state"))
			e.Setenv("TERM", "dumb")
			recorded, err := filepath.Abs(filepath.Join("..", "zfs", "testdata"))
			if err != nil {
				return err
			}
			e.Setenv("ZFS", recorded)                // transcripts for $TEST_TOOLS; see tools_test.go
			e.Setenv("GORACE", "atexit_sleep_ms=10") // it is 1 s a process otherwise
			return os.MkdirAll(home, 0o755)
		},
		Condition: func(name string) (bool, error) {
			if name == "root" {
				return os.Geteuid() == 0, nil
			}
			return false, fmt.Errorf("unknown condition %q", name)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exitcode": scriptExitCode,
			"json":     scriptJSON,
			"jsonhas":  scriptJSONHas,
		},
	})
}

// scriptExitCode is "exitcode N PROGRAM ARGS...": run it and hold its exit status to N. What it
// printed is there for stdout and stderr.
func scriptExitCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exitcode N program [args...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit status of %q = %d; want %d", args[1:], got, want)
	}
}

// scriptJSON is "[!] json FILE PATH VALUE": FILE (stdout and stderr too) must be exactly one JSON
// object with VALUE at PATH. Keys and indices in PATH are parted by dots, length is the length of a list;
// VALUE is a string as it is or any JSON.
func scriptJSON(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: [!] json FILE PATH VALUE")
	}
	got, ok := lookup(decodeOne(ts, args[0]), strings.Split(args[1], "."))
	text := compact(got)
	if s, isString := got.(string); isString {
		text = s
	}
	match := ok && (text == args[2] || compact(got) == args[2])
	if match == neg {
		ts.Fatalf("%s: %s = %s; want %s (not: %v)", args[0], args[1], text, args[2], neg)
	}
}

// scriptJSONHas is "[!] jsonhas FILE PATH".
func scriptJSONHas(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: [!] jsonhas FILE PATH")
	}
	if _, ok := lookup(decodeOne(ts, args[0]), strings.Split(args[1], ".")); ok == neg {
		ts.Fatalf("%s: has %s = %v", args[0], args[1], ok)
	}
}

// decodeOne reads a file that must be one JSON object and nothing else.
func decodeOne(ts *testscript.TestScript, file string) any {
	text := ts.ReadFile(file)
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var v map[string]any
	if err := dec.Decode(&v); err != nil {
		ts.Fatalf("%s is no JSON object: %v\n%s", file, err, text)
	}
	if dec.More() {
		ts.Fatalf("%s holds more than one JSON object:\n%s", file, text)
	}
	return v
}

func lookup(v any, path []string) (any, bool) {
	if len(path) == 0 {
		return v, true
	}
	switch x := v.(type) {
	case map[string]any:
		sub, ok := x[path[0]]
		if !ok {
			return nil, false
		}
		return lookup(sub, path[1:])
	case []any:
		if path[0] == "length" {
			return json.Number(strconv.Itoa(len(x))), true
		}
		i, err := strconv.Atoi(path[0])
		if err != nil || i < 0 || i >= len(x) {
			return nil, false
		}
		return lookup(x[i], path[1:])
	}
	return nil, false
}

func compact(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}
