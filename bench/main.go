// Command bench prints what calypso promises about speed, each figure beside a peer that was measured
// in the same run: whole processes, ours and the peer's in turn, five times, medians. It judges
// nothing and asserts nothing; machines differ and are noisy, so the ratio is what counts.
//
// Usage: go run ./bench [-size BYTES] [-files N] [-archives N] [-dir DIR] [-only PART] CALYPSO
//
// DIR should be on tmpfs with room for twice the size. Peers: mbuffer, mtx, GNU tar, zstd, coreutils,
// bash. It runs in the source tree, whose text it compresses.
package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

const runs = 5

type settings struct {
	calypso         string
	dir             string
	size            int64
	files, archives int
	only            string
}

func main() {
	s := settings{}
	flag.Int64Var(&s.size, "size", 4<<30, "bytes of the streams")
	flag.IntVar(&s.files, "files", 100_000, "small files in the tree")
	flag.IntVar(&s.archives, "archives", 10_000, "archives on the long tape")
	flag.StringVar(&s.dir, "dir", "/dev/shm", "scratch directory")
	flag.StringVar(&s.only, "only", "", "the part to run: streams, encryption, compression, files, start, archives, slots")
	flag.Parse()
	if err := bench(s, flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func bench(s settings, calypso string) error {
	calypso, err := filepath.Abs(cmp.Or(calypso, "calypso"))
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(s.dir, "calypso-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s.calypso, s.dir = calypso, dir
	if err := os.Setenv("CALYPSO_STATE_DIR", filepath.Join(dir, "state")); err != nil {
		return err
	}
	for _, part := range []struct {
		name string
		run  func(settings) error
	}{
		{"streams", benchStreams}, {"encryption", benchEncryption}, {"compression", benchCompression}, {"files", benchSmallFiles},
		{"start", benchStartup}, {"archives", benchLongTape}, {"slots", benchManySlots},
	} {
		if !strings.HasPrefix(part.name, s.only) {
			continue
		}
		if err := part.run(s); err != nil {
			return err
		}
	}
	return nil
}

// sample is one finished process: how long it took and the largest its memory was.
type sample struct {
	wall time.Duration
	cpu  time.Duration
	rss  int64
}

// shell runs a command line in bash (for its process substitution) and measures its whole tree.
func shell(line string) (sample, error) {
	s, out, err := measure(exec.Command("bash", "-c", "set -o pipefail; "+line))
	if err != nil {
		return s, fmt.Errorf("%s: %w\n%s", line, err, out)
	}
	return s, nil
}

// direct runs one program without a shell, whatever its exit status: mtx --help ends with 1.
func direct(words string) (sample, error) {
	argv := strings.Fields(words)
	s, _, err := measure(exec.Command(argv[0], argv[1:]...))
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = nil
	}
	return s, err
}

func measure(cmd *exec.Cmd) (sample, []byte, error) {
	start := time.Now()
	out, err := cmd.CombinedOutput()
	s := sample{wall: time.Since(start)}
	if cmd.ProcessState == nil {
		return s, out, err
	}
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	s.rss, s.cpu = usage.Maxrss<<10, cpuTime(usage)
	return s, out, err
}

func cpuTime(u *syscall.Rusage) time.Duration { return time.Duration(u.Utime.Nano() + u.Stime.Nano()) }

// pair runs ours and the peer's in turn, one uncounted round first, and returns the medians.
// before is run before each of ours, uncounted; "" is nothing.
func pair(before, ours, peers string) (mine, peer sample, err error) {
	return pairBy(shell, before, ours, peers)
}

func pairBy(run func(string) (sample, error), before, ours, peers string) (mine, peer sample, err error) {
	var a, b []sample
	for i := range runs + 1 {
		if before != "" {
			if _, err := shell(before); err != nil {
				return mine, peer, err
			}
		}
		x, err := run(ours)
		if err != nil {
			return mine, peer, err
		}
		y, err := run(peers)
		if err != nil {
			return mine, peer, err
		}
		if i > 0 {
			a, b = append(a, x), append(b, y)
		}
	}
	return median(a), median(b), nil
}

func median(list []sample) sample {
	slices.SortFunc(list, func(x, y sample) int { return cmp.Compare(x.wall, y.wall) })
	m := list[len(list)/2]
	for _, s := range list {
		m.rss = max(m.rss, s.rss)
	}
	return m
}

// report prints a throughput or a duration beside its peer's. Above 1.00x ours is the faster.
func report(what string, bytes int64, mine, peer sample, peerName string) {
	show := func(s sample) string {
		if bytes == 0 {
			return fmt.Sprintf("%8.1f ms", float64(s.wall.Microseconds())/1000)
		}
		return fmt.Sprintf("%8.0f MB/s", float64(bytes)/1e6/s.wall.Seconds())
	}
	fmt.Printf("%-44s %s   %s %-40s %.2fx   peak %d MiB\n", what, show(mine), show(peer), peerName,
		peer.wall.Seconds()/mine.wall.Seconds(), mine.rss>>20)
}

// over prints what a command costs beyond the start of the program.
func over(what string, mine, start sample) {
	fmt.Printf("%-44s %8.1f ms   %8.1f ms over the start of calypso\n", what,
		float64(mine.wall.Microseconds())/1000, float64((mine.wall-start.wall).Microseconds())/1000)
}
