package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// The judges: what calypso makes is held against tools that are not its own, and what such tools make
// is given to calypso. They see the binary as it is shipped, an image as a file, and nothing else.

// judgeTime bounds every program that a judge runs.
const judgeTime = 60 * time.Second

func TestMain(m *testing.M) {
	status := m.Run()
	if dir := built.dir; dir != "" {
		os.RemoveAll(dir)
	}
	os.Exit(status)
}

// built is calypso, built once for all judges.
var built struct {
	sync.Once
	dir, path string
	err       error
}

func buildBinary() {
	if built.dir, built.err = os.MkdirTemp("", "calypso-judged"); built.err != nil {
		return
	}
	built.path = filepath.Join(built.dir, "calypso")
	cmd := exec.Command("go", "build", "-buildvcs=false", "-tags", "urfave_cli_no_docs", "-o", built.path, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		built.err = errors.New(err.Error() + "\n" + string(out))
	}
}

// need skips the test unless all the tools that judge it are there.
func need(t *testing.T, tools ...string) {
	t.Helper()
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed: it is a judge of this test", tool)
		}
	}
}

// appliance is a place where calypso runs: state, locks and audit log below one directory.
type appliance struct {
	t     *testing.T
	state string
	work  string // working directory of what runs
}

func newAppliance(t *testing.T) *appliance {
	t.Helper()
	built.Do(buildBinary)
	if built.err != nil {
		t.Fatalf("go build: %v", built.err)
	}
	return &appliance{t: t, state: filepath.Join(t.TempDir(), "state"), work: t.TempDir()}
}

// answer is what a program left behind.
type answer struct {
	out, err string
	status   int
}

// run runs a program with the given standard input.
func (a *appliance) run(stdin []byte, program string, args ...string) answer {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(a.t.Context(), judgeTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Stdin = a.work, bytes.NewReader(stdin)
	cmd.Env = append(os.Environ(), "CALYPSO_STATE_DIR="+a.state, "LC_ALL=C", "TZ=UTC", "TAPE=vtl01:0")
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		a.t.Fatalf("%s: %v", program, err)
	}
	return answer{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// tool runs a judge, which must not fail, and gives its output.
func (a *appliance) tool(program string, args ...string) string {
	a.t.Helper()
	got := a.run(nil, program, args...)
	if got.status != 0 {
		a.t.Fatalf("%s %q: status %d\n%s%s", program, args, got.status, got.out, got.err)
	}
	return got.out
}

// sh runs a line of shell, which must not fail.
func (a *appliance) sh(line string) string {
	a.t.Helper()
	return a.tool("sh", "-euc", line)
}

// calypso runs calypso and holds its exit status to want.
func (a *appliance) calypso(want int, args ...string) answer {
	a.t.Helper()
	return a.feed(want, nil, args...)
}

func (a *appliance) feed(want int, stdin []byte, args ...string) answer {
	a.t.Helper()
	got := a.run(stdin, built.path, args...)
	if got.status != want {
		a.t.Fatalf("calypso %q: status %d; want %d\n%s%s", args, got.status, want, got.out, got.err)
	}
	return got
}

// cartridge is the directory of a virtual tape.
func (a *appliance) cartridge(barcode string) string {
	return filepath.Join(a.state, "vtl", "vtl01", "tapes", barcode)
}

// image is the file that holds what is on a virtual tape.
func (a *appliance) image(barcode string) string {
	return filepath.Join(a.cartridge(barcode), "partition-0.tap")
}

// script is the path of a shell script of testdata/judges.
func script(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("testdata", "judges", name))
	check(t, err)
	return path
}

// describe is a tree as findutils, coreutils, attr and acl see it.
func (a *appliance) describe(dir string) []string {
	a.t.Helper()
	return strings.Split(a.tool("sh", script(a.t, "describe.sh"), dir), "\n")
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// path is a new file or directory below the working directory.
func (a *appliance) path(name string) string { return filepath.Join(a.work, name) }

func (a *appliance) write(name string, data []byte) string {
	a.t.Helper()
	check(a.t, os.WriteFile(a.path(name), data, 0o600))
	return a.path(name)
}

func (a *appliance) read(path string) []byte {
	a.t.Helper()
	data, err := os.ReadFile(path)
	check(a.t, err)
	return data
}
