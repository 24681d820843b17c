package zfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"calypso/sys/errcode"
	"calypso/sys/run"
)

// What to install, for who has not.
const (
	toolsPackage  = "zfsutils-linux"
	modulePackage = "zfs-dkms"
)

// LockDisks is the lock of every change of which disks belong to a pool: create, add, attach, replace,
// labelclear. Two of these at a time can damage pools (zpool-create(8)). It is taken before LockPool.
const LockDisks = "zfs-disks"

// LockPool is the lock of every other change of a pool; its datasets have locks of their own (package dataset).
func LockPool(pool string) string { return "pool-" + pool }

// Tools runs zfs(8) and zpool(8).
type Tools struct {
	Runner run.Runner
	Proc   string // where proc(5) is mounted: "/proc"
}

// Zpool runs zpool with arguments. Its errors have a code of ours and name object.
func (t Tools) Zpool(ctx context.Context, object string, args ...string) (run.Result, error) {
	return t.Cmd(ctx, object, run.Cmd{Name: "zpool", Args: args})
}

// Zfs runs zfs with arguments. Its errors have a code of ours and name object.
func (t Tools) Zfs(ctx context.Context, object string, args ...string) (run.Result, error) {
	return t.Cmd(ctx, object, run.Cmd{Name: "zfs", Args: args})
}

// Cmd runs zpool or zfs with an input, an output or a deadline of its own. A failure that the tool does not
// explain, on a pool that is suspended, is explained by that. No part of an answer is left out: the plan of a
// destruction can be megabytes.
func (t Tools) Cmd(ctx context.Context, object string, c run.Cmd) (run.Result, error) {
	c.Package, c.Whole = toolsPackage, true
	result, err := t.Runner.Run(ctx, c)
	if err == nil {
		return result, nil
	}
	err = classify(object, err)
	switch errcode.Of(err) {
	case errcode.Failed, errcode.DeviceError, errcode.DatasetBusy, errcode.Timeout:
		if suspended := t.NotSuspended(PoolOf(object)); errcode.Of(suspended) == errcode.PoolSuspended {
			return result, errcode.New(errcode.PoolSuspended, object, "the pool is suspended: %w", err)
		}
	}
	return result, err
}

// Version is that of the tools.
type Version struct{ Major, Minor, Patch int }

// JSON says whether the tools can answer in JSON.
func (v Version) JSON() bool { return v.Major > 2 || v.Major == 2 && v.Minor >= 3 }

func (v Version) String() string { return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch) }

// versionLine is the first of `zfs version`: zfs-2.3.9-1, zfs-2.1.11-1+deb12u1, zfs-2.4.0-rc1.
var versionLine = regexp.MustCompile(`(?m)^zfs-(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?`)

// Version asks the tools. The module may be of another version: what counts here is who answers.
func (t Tools) Version(ctx context.Context) (Version, error) {
	r, err := t.Cmd(ctx, "zfs", run.Cmd{Name: "zfs", Args: []string{"version"}, Timeout: 20 * time.Second})
	if err != nil {
		return Version{}, err
	}
	return parseVersion(string(r.Stdout))
}

func parseVersion(text string) (Version, error) {
	m := versionLine.FindStringSubmatch(text)
	if m == nil {
		return Version{}, errcode.New(errcode.StorageUnsupported, "zfs", "no version in the answer of 'zfs version': %q", shorten(text))
	}
	number := func(s string) int { n, _ := strconv.Atoi(s); return n }
	return Version{number(m[1]), number(m[2]), number(m[3])}, nil
}

// States gives the state of each imported pool as the kernel has it: ONLINE, DEGRADED, FAULTED, UNAVAIL,
// REMOVED, OFFLINE, SUSPENDED. It takes no lock in the kernel, so it never waits for a pool.
func (t Tools) States() (map[string]string, error) {
	dir := filepath.Join(t.Proc, "spl", "kstat", "zfs")
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, moduleMissing(nil)
	}
	if err != nil {
		return nil, err
	}
	states := map[string]string{}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name(), "state"))
		if errors.Is(err, fs.ErrNotExist) {
			continue // exported just now
		}
		if err != nil {
			return nil, err
		}
		states[e.Name()] = strings.TrimSpace(string(text))
	}
	return states, nil
}

// Suspended is the state of a pool that answers nothing that has to read or write.
const Suspended = "SUSPENDED"

// NotSuspended is an error when the pool is suspended, or the module is not there. A pool that does not
// exist is none: the tool itself says so best.
func (t Tools) NotSuspended(pool string) error {
	states, err := t.States()
	if err != nil {
		return err
	}
	if states[pool] == Suspended {
		return errcode.New(errcode.PoolSuspended, pool, "the pool is suspended: its devices are gone, and commands to it wait for ever").
			WithState("nothing was asked of it")
	}
	return nil
}

func moduleMissing(cause error) error {
	e := errcode.New(errcode.ModuleMissing, "zfs", "the ZFS module of the kernel is not loaded").
		WithHint("'modprobe zfs'; install %s and %s (Debian: contrib) when there is no such module", toolsPackage, modulePackage)
	e.Err = cause
	return e
}
