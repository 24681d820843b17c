package state

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"calypso/sys/errcode"
)

type counter struct {
	SchemaVersion int    `yaml:"schema_version"`
	N             int    `yaml:"n"`
	Padding       string `yaml:"padding"`
}

// roles are what the test binary does when it is started as a second process.
var roles = map[string]func(path, arg string) error{
	// die kills itself at the step arg of an update.
	"die": func(path, arg string) error {
		step = func(name string) {
			if name == arg {
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {}
			}
		}
		return Update(context.Background(), path, 1, func(c *counter) error {
			c.N, c.Padding = 2, strings.Repeat("new", 5000)
			return nil
		})
	},
	"count": func(path, arg string) error {
		times, err := strconv.Atoi(arg)
		for range times {
			err = errors.Join(err, Update(context.Background(), path, 1, func(c *counter) error { c.N++; return nil }))
		}
		return err
	},
	"append": func(path, arg string) error {
		var err error
		for i := range 50 {
			err = errors.Join(err, AppendLine(path, fmt.Appendf(nil, "%s %d %s", arg, i, strings.Repeat(arg, 3000))))
		}
		return err
	},
}

func TestMain(m *testing.M) {
	if role := os.Getenv("STATE_TEST_ROLE"); role != "" {
		if err := roles[role](os.Args[1], os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func process(role, path, arg string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], path, arg)
	cmd.Env = append(os.Environ(), "STATE_TEST_ROLE="+role)
	cmd.Stderr = os.Stderr
	return cmd
}

// A kill at any step of an update leaves the old state or the new one, and the next update cleans up.
func TestUpdateKilled(t *testing.T) {
	steps := []struct {
		name string
		want int
	}{{"begin", 1}, {"created", 1}, {"half written", 1}, {"written", 1}, {"renamed", 2}, {"durable", 2}}
	for _, s := range steps {
		t.Run(s.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "o.yaml")
			if err := WriteYAML(path, counter{1, 1, strings.Repeat("old", 5000)}); err != nil {
				t.Fatal(err)
			}
			err := process("die", path, s.name).Run()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
				t.Fatalf("the process ended with %v; want it killed", err)
			}
			var got counter
			if err := ReadYAML(path, 1, &got); err != nil || got.N != s.want {
				t.Fatalf("after the kill: %d, %v; want %d", got.N, err, s.want)
			}
			if err := Update(context.Background(), path, 1, func(c *counter) error { c.N += 10; return nil }); err != nil {
				t.Fatal(err)
			}
			if got := names(t, dir); !slices.Equal(got, []string{"o.yaml", "o.yaml.lock"}) {
				t.Errorf("left are %v", got)
			}
		})
	}
}

// No update of several processes is lost.
func TestUpdateRace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "o.yaml")
	const processes, times = 4, 25
	var started []*exec.Cmd
	for range processes {
		cmd := process("count", path, strconv.Itoa(times))
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		started = append(started, cmd)
	}
	for _, cmd := range started {
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
	var got counter
	if err := ReadYAML(path, 1, &got); err != nil || got.N != processes*times {
		t.Errorf("%d processes counting %d times each give %d, %v", processes, times, got.N, err)
	}
}

func TestUpdateRaceInProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "o.yaml")
	var wg sync.WaitGroup
	for range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			if err := Update(context.Background(), path, 1, func(c *counter) error { c.N++; return nil }); err != nil {
				t.Error(err)
			}
		}()
	}
	wg.Wait()
	var got counter
	if err := ReadYAML(path, 1, &got); err != nil || got.N != 8 {
		t.Errorf("8 updates give %d, %v", got.N, err)
	}
}

// The lines of several processes are all there, whole and in the order of each.
func TestAppendLineRace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "l.jsonl")
	var started []*exec.Cmd
	for _, name := range []string{"a", "b", "c"} {
		cmd := process("append", path, name)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		started = append(started, cmd)
	}
	for _, cmd := range started {
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	next := map[string]int{}
	for _, line := range strings.Split(strings.TrimSuffix(string(data), "\n"), "\n") {
		name, _, _ := strings.Cut(line, " ")
		if want := fmt.Sprintf("%s %d %s", name, next[name], strings.Repeat(name, 3000)); line != want {
			t.Fatalf("line %.20q; want %.20q", line, want)
		}
		next[name]++
	}
	if next["a"] != 50 || next["b"] != 50 || next["c"] != 50 {
		t.Errorf("lines: %v", next)
	}
}

func TestUpdateOutcomes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "o.yaml")
	ctx := context.Background()
	if err := Update(ctx, path, 3, func(c *counter) error { return ErrUnchanged }); err != nil {
		t.Errorf("an unchanged update gives %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an unchanged update wrote the file")
	}
	if err := Update(ctx, path, 3, func(c *counter) error { c.N = 1; return nil }); err != nil {
		t.Fatal(err)
	}
	stop := errors.New("stop")
	if err := Update(ctx, path, 3, func(c *counter) error { c.N = 9; return stop }); !errors.Is(err, stop) {
		t.Errorf("a failed update gives %v", err)
	}
	var got counter
	if err := ReadYAML(path, 3, &got); err != nil || got != (counter{3, 1, ""}) {
		t.Errorf("the file holds %v, %v", got, err)
	}
	if code := errcode.Of(Update(ctx, path, 2, func(c *counter) error { return nil })); code != errcode.StateNewer {
		t.Errorf("an update of a newer file gives %q", code)
	}
	done, cancel := context.WithCancel(ctx)
	cancel()
	if code := errcode.Of(Update(done, path, 3, func(c *counter) error { return nil })); code != errcode.Interrupted {
		t.Errorf("a cancelled update gives %q", code)
	}
}
