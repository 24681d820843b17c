package cmd

import (
	"bytes"
	"encoding/json"
	"errors"
	stdflag "flag"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The crash tests run the whole program as processes that are stopped, killed, starved of space and
// set against each other, and then ask it what is left. Their verdict does not hang on when a signal
// arrives: what is checked holds at every moment.

var (
	crashSeed  = stdflag.Uint64("crash.seed", 0, "seed of the random moments of the crash tests; 0: a new one, which is logged")
	crashKills = stdflag.Int("crash.kills", 16, "how often the crash tests kill a process at a random moment")
)

// hangs is what a process gets to end, on however slow a machine. It only tells a hang.
const hangs = time.Minute

// newRandom gives random moments that can be had again.
func newRandom(t *testing.T) *rand.Rand {
	seed := *crashSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("run again with -crash.seed=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// appliance is a state directory and the program on it.
type appliance struct {
	t       *testing.T
	dir     string
	program []string // with a wrapper in front, if there is one
	environ []string
}

func newAppliance(t *testing.T) *appliance {
	t.Helper()
	return applianceIn(t, t.TempDir())
}

func applianceIn(t *testing.T, dir string) *appliance {
	t.Helper()
	program, err := exec.LookPath("calypso")
	if err != nil {
		t.Fatal(err)
	}
	state := filepath.Join(dir, "state")
	environ := append(os.Environ(), "CALYPSO_STATE_DIR="+state, "HOME="+dir, "GORACE=atexit_sleep_ms=10")
	return &appliance{t: t, dir: dir, program: []string{program}, environ: environ}
}

// answer is how a process ended.
type answer struct {
	args           []string
	exit           int // -1: killed
	stdout, stderr string
	took           time.Duration // from the signal, if there was one
}

// failure is the JSON object on standard error.
func (a answer) failure(t *testing.T) errorDoc {
	t.Helper()
	var doc errorDoc
	if err := json.Unmarshal([]byte(a.stderr), &doc); err != nil {
		t.Fatalf("%q: standard error is no JSON object: %v\n%s", a.args, err, a.stderr)
	}
	return doc
}

func (a answer) into(t *testing.T, doc any) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.stdout), doc); err != nil {
		t.Fatalf("%q: standard output is no JSON object: %v\n%s%s", a.args, err, a.stdout, a.stderr)
	}
}

// running is a process that was started.
type running struct {
	t        *testing.T
	cmd      *exec.Cmd
	stdin    io.WriteCloser
	out, err bytes.Buffer
	ended    chan error
	signaled time.Time
}

// start starts the program in a process group of its own. in nil: a pipe that gives nothing and does
// not end, for the test to write to.
func (a *appliance) start(in io.Reader, args ...string) *running {
	a.t.Helper()
	r := a.prepare(args...)
	r.cmd.Stdout, r.cmd.Stdin = &r.out, in
	if in == nil {
		var err error
		if r.stdin, err = r.cmd.StdinPipe(); err != nil {
			a.t.Fatal(err)
		}
	}
	return r.begin()
}

// startInto starts the program with out for its standard output.
func (a *appliance) startInto(out *os.File, args ...string) *running {
	a.t.Helper()
	r := a.prepare(args...)
	r.cmd.Stdout = out
	return r.begin()
}

func (a *appliance) prepare(args ...string) *running {
	line := append(slices.Clone(a.program), args...)
	r := &running{t: a.t, cmd: exec.Command(line[0], line[1:]...), ended: make(chan error, 1)}
	r.cmd.Env, r.cmd.Dir, r.cmd.Stderr = a.environ, a.dir, &r.err
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return r
}

func (r *running) begin() *running {
	r.t.Helper()
	if err := r.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	go func() { r.ended <- r.cmd.Wait() }()
	return r
}

func (r *running) signal(s os.Signal) {
	r.signaled = time.Now()
	_ = r.cmd.Process.Signal(s) // one that has ended is found out by wait
}

// wait waits for the end; a process that hangs fails the test.
func (r *running) wait() answer {
	r.t.Helper()
	select {
	case err := <-r.ended:
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) && !errors.Is(err, syscall.EPIPE) {
			r.t.Fatalf("%q: %v", r.cmd.Args, err)
		}
	case <-time.After(hangs):
		_ = r.cmd.Process.Signal(syscall.SIGQUIT)
		select {
		case <-r.ended:
		case <-time.After(hangs / 10):
			_ = r.cmd.Process.Kill()
			<-r.ended
		}
		r.t.Fatalf("%q: hangs\n%s", r.cmd.Args, r.err.String())
	}
	a := answer{args: r.cmd.Args[1:], exit: r.cmd.ProcessState.ExitCode(), stdout: r.out.String(), stderr: r.err.String()}
	if !r.signaled.IsZero() {
		a.took = time.Since(r.signaled)
	}
	return a
}

// run runs the program to its end.
func (a *appliance) run(args ...string) answer {
	a.t.Helper()
	return a.start(strings.NewReader(""), args...).wait()
}

// must runs the program; any other exit status fails the test.
func (a *appliance) must(exit int, args ...string) answer {
	a.t.Helper()
	return a.mustFrom(exit, strings.NewReader(""), args...)
}

func (a *appliance) mustFrom(exit int, in io.Reader, args ...string) answer {
	a.t.Helper()
	got := a.start(in, args...).wait()
	if got.exit != exit {
		a.t.Fatalf("%q: exit status %d; want %d\n%s%s", args, got.exit, exit, got.stdout, got.stderr)
	}
	return got
}

// library makes vtl01 with a labelled tape in drive 0.
func (a *appliance) library(flags ...string) {
	a.t.Helper()
	a.must(0, append([]string{"vtl", "create", "vtl01", "--drives", "2", "--slots", "4"}, flags...)...)
	a.must(0, "library", "load", "vtl01", "--slot", "1", "--drive", "0")
	a.must(0, "lto", "label", "-f", "vtl01:0", "V00001L8")
}

func (a *appliance) imageFile() string {
	return filepath.Join(a.dir, "state/vtl/vtl01/tapes/V00001L8/partition-0.tap")
}

// awaitGrowth waits until the image is larger than so many bytes: blocks of the archive are on the tape.
func (a *appliance) awaitGrowth(r *running, than int64) {
	a.t.Helper()
	a.await(r, "the image grows", func() bool { return a.imageBytes() > than })
}

func (a *appliance) imageBytes() int64 {
	info, err := os.Stat(a.imageFile())
	if err != nil {
		a.t.Fatal(err)
	}
	return info.Size()
}

// await waits for a condition; a process that ends before, or a minute, is a failure.
func (a *appliance) await(r *running, what string, is func() bool) {
	a.t.Helper()
	for end := time.Now().Add(hangs); !is(); time.Sleep(time.Millisecond) {
		select {
		case err := <-r.ended:
			a.t.Fatalf("%q ended before %s: %v\n%s", r.cmd.Args, what, err, r.err.String())
		default:
		}
		if time.Now().After(end) {
			a.t.Fatalf("%q: it never came to it that %s", r.cmd.Args, what)
		}
	}
}

// awaitWriting waits until the catalog announces an archive.
func (a *appliance) awaitWriting(r *running) {
	a.t.Helper()
	a.await(r, "the archive is announced", func() bool {
		text, err := os.ReadFile(filepath.Join(a.dir, "state/media/V00001L8.yaml"))
		return err == nil && bytes.Contains(text, []byte("writing:"))
	})
}

// awaitHeld waits until somebody holds a lock of which the name begins so.
func (a *appliance) awaitHeld(r *running, lock string) {
	a.t.Helper()
	a.await(r, lock+" is held", func() bool {
		names, _ := filepath.Glob(filepath.Join(a.dir, "state/run", lock+"*.lock"))
		for _, name := range names {
			if info, err := os.Stat(name); err == nil && info.Size() > 0 {
				return true
			}
		}
		return false
	})
}

func (a *appliance) status() statusDoc {
	a.t.Helper()
	var doc statusDoc
	a.must(0, "lto", "status", "-f", "vtl01:0", "--json").into(a.t, &doc)
	return doc
}

func (a *appliance) list(flags ...string) listDoc {
	a.t.Helper()
	var doc listDoc
	a.must(0, append([]string{"lto", "list", "-f", "vtl01:0", "--json"}, flags...)...).into(a.t, &doc)
	return doc
}

// agreed checks that the catalog has what is on the tape, and status names what is not whole. It
// gives the archives.
func (a *appliance) agreed() []archiveDoc {
	a.t.Helper()
	known, onTape := a.list(), a.list("--from-tape")
	if diff := cmp.Diff(onTape.Archives, known.Archives); diff != "" {
		a.t.Fatalf("the tape (-) and the catalog (+) differ:\n%s", diff)
	}
	status := a.status()
	for _, u := range onTape.Incomplete {
		if !slices.ContainsFunc(status.Incomplete, func(s unfinishedDoc) bool { return s.File == u.File }) {
			a.t.Fatalf("file %d is incomplete (%s), status names %+v", u.File, u.Reason, status.Incomplete)
		}
	}
	if status.HeldBy != nil {
		a.t.Fatalf("nothing runs, but the drive is held by %+v", status.HeldBy)
	}
	return known.Archives
}

// verified checks that every archive can be read, but for those that are known to be incomplete.
func (a *appliance) verified() {
	a.t.Helper()
	got := a.run("lto", "verify", "-f", "vtl01:0", "--json")
	var doc verifyDoc
	got.into(a.t, &doc)
	archives := a.list().Archives
	if len(doc.Archives) != len(archives) {
		a.t.Fatalf("%d archives of %d were verified", len(doc.Archives), len(archives))
	}
	for i, v := range doc.Archives {
		if !v.OK && (archives[i].Complete || v.Error.ExitCode != 3) {
			a.t.Fatalf("file %d: %+v", v.File, v.Error)
		}
	}
	if got.exit != 0 && got.exit != 3 {
		a.t.Fatalf("verify: exit status %d\n%s", got.exit, got.stderr)
	}
}

// tidy checks that no temporary files are left.
func (a *appliance) tidy() {
	a.t.Helper()
	for _, path := range a.leftovers() {
		a.t.Errorf("left over: %s", path)
	}
}

func (a *appliance) leftovers() (list []string) {
	_ = filepath.WalkDir(filepath.Join(a.dir, "state"), func(path string, e fs.DirEntry, err error) error {
		if err == nil && path != filepath.Join(a.dir, "state/keys/.lock") && (strings.HasPrefix(e.Name(), ".") || strings.HasSuffix(e.Name(), ".new") || strings.HasSuffix(e.Name(), ".deleting")) {
			list = append(list, path)
		}
		return nil
	})
	return list
}

// endless gives pseudorandom bytes without end.
type endless struct{ r *rand.ChaCha8 }

func newEndless() endless { return endless{rand.NewChaCha8([32]byte{})} }

func (e endless) Read(p []byte) (int, error) { return e.r.Read(p) }

func someBytes(n int64) io.Reader { return io.LimitReader(newEndless(), n) }
