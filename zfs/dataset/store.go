// Package dataset is ZFS file systems, volumes and snapshots: what there is, changes to them, what destroying
// or rolling back would take with it, who keeps one busy, and which snapshots a retention keeps.
//
// Every answer is taken from `zfs … -Hp` with the columns asked for by name, in all versions (OpenZFS 2.1 to 2.4).
// The JSON of 2.3 would tell less: with --json-int it clamps GUIDs above 2^63 and drops the leading zeros of user
// properties, without it sizes and times come as text for people. What a column may hold freely (a mountpoint, a
// value) stands last, where its tabs and newlines do no harm.
//
// Limits: `zfs destroy -n` and `zfs create -n` promise too much. The plan of a snapshot with -R leaves out its
// clones, holds are not looked at, and a name that is taken or a size that does not fit is no error. So the plans
// of this package are made from both, the tool's and the lists. Between a plan and what is done to it others may
// change things; where zfs takes names, the names of the plan are given to it and nothing else goes.
package dataset

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"calypso/sys/errcode"
	"calypso/sys/run"
	"calypso/zfs"
)

// longest is the deadline of what frees much: zfs destroy of a large tree, listing 100,000 snapshots.
const longest = time.Hour

// Store is the datasets of this host.
type Store struct {
	Tools zfs.Tools
	Dev   string // where device nodes are: "/dev"
	// Users finds who uses a block device or the file system that is mounted somewhere.
	Users func(ctx context.Context, path string) ([]Holder, error)
}

// zfs runs one command about name, unless its pool is suspended: then it would wait for ever.
func (s Store) zfs(ctx context.Context, name string, args ...string) (run.Result, error) {
	return s.command(ctx, name, run.Cmd{Name: "zfs", Args: args, Timeout: longest})
}

func (s Store) command(ctx context.Context, name string, c run.Cmd) (run.Result, error) {
	if err := s.Tools.NotSuspended(zfs.PoolOf(name)); err != nil {
		return run.Result{}, err
	}
	return s.Tools.Cmd(ctx, name, c)
}

// read gives the output of a command to r as it comes.
func (s Store) read(ctx context.Context, name string, r *rows, args ...string) error {
	_, err := s.command(ctx, name, run.Cmd{Name: "zfs", Args: args, Stdout: r, Timeout: longest})
	if r.err != nil {
		return errcode.New(errcode.StorageUnsupported, name, "%w", r.err)
	}
	if err != nil {
		return err
	}
	if err := r.Close(); err != nil {
		return errcode.New(errcode.StorageUnsupported, name, "%w", err)
	}
	return nil
}

// Suspended lists the pools that are suspended: zfs leaves them out of its lists without a word.
func (s Store) Suspended() ([]string, error) {
	states, err := s.Tools.States()
	var pools []string
	for pool, state := range states {
		if state == zfs.Suspended {
			pools = append(pools, pool)
		}
	}
	slices.Sort(pools)
	return pools, err
}

// List gives the datasets of some types, in the order of their names: name itself or with all that is below it,
// or everything when name is "".
func (s Store) List(ctx context.Context, name string, recursive bool, types []string, each func(Dataset)) error {
	args := []string{"list", "-Hp", "-t", strings.Join(types, ",")}
	if recursive && name != "" {
		args = append(args, "-r")
	}
	args = append(args, "-o", strings.Join(datasetColumns, ","))
	if name != "" {
		if err := zfs.CheckDataset(name); err != nil {
			return err
		}
		args = append(args, name)
	}
	return s.read(ctx, name, decodeDatasets(each), args...)
}

// Get gives one dataset, snapshot or bookmark.
func (s Store) Get(ctx context.Context, name string) (Dataset, error) {
	if err := check(name); err != nil {
		return Dataset{}, err
	}
	var found []Dataset
	err := s.read(ctx, name, decodeDatasets(func(d Dataset) { found = append(found, d) }),
		"list", "-Hp", "-t", typeOf(name), "-o", strings.Join(datasetColumns, ","), name)
	if err == nil && len(found) != 1 {
		err = errcode.New(errcode.DatasetNotFound, name, "zfs tells of %d datasets of this name", len(found))
	}
	if err != nil {
		return Dataset{}, err
	}
	return found[0], nil
}

// typeOf is what zfs list is to look for by a name. Asked for all types it would list the snapshots of it too.
func typeOf(name string) string {
	switch {
	case strings.Contains(name, "@"):
		return SnapshotType
	case strings.Contains(name, "#"):
		return Bookmark
	}
	return Filesystem + "," + Volume
}

// Properties gives all properties of a dataset, or those that are named.
func (s Store) Properties(ctx context.Context, name string, only ...string) ([]Property, error) {
	what := "all"
	if len(only) > 0 {
		what = strings.Join(only, ",")
	}
	var list []Property
	err := s.read(ctx, name, decodeProperties(name, func(p Property) { list = append(list, p) }),
		"get", "-Hp", "-o", strings.Join(propertyColumns, ","), what, name)
	return list, err
}

// exists says whether there is a dataset, snapshot or bookmark of this name.
func (s Store) exists(ctx context.Context, name string) (bool, error) {
	_, err := s.zfs(ctx, name, "list", "-H", "-o", "name", "-t", typeOf(name), name)
	if errcode.Of(err) == errcode.DatasetNotFound {
		return false, nil
	}
	return err == nil, err
}

// Device is the node of a volume. udev makes it in its own time, and writes a blank as '+'.
func (s Store) Device(volume string) string {
	return filepath.Join(s.Dev, "zvol", strings.ReplaceAll(volume, " ", "+"))
}

// WaitDevice waits for the node of a new volume.
func (s Store) WaitDevice(ctx context.Context, volume string, patience time.Duration) error {
	path := s.Device(volume)
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		if _, err := os.Stat(path); err == nil {
			return nil
		}
		select {
		case <-limited.Done():
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return errcode.New(errcode.DeviceNotFound, path, "the volume is there, its device node is not after %s", patience).
				WithHint("udev makes it: see 'udevadm settle' and 'journalctl -u systemd-udevd'")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// said is what a tool wrote to standard error when it failed.
func said(err error) string {
	var exit *run.ExitError
	if errors.As(err, &exit) {
		return string(exit.Result.Stderr)
	}
	return ""
}

// listed are the names that zfs puts below a complaint, one a line.
func listed(err error) []string {
	var list []string
	_, after, _ := strings.Cut(said(err), "following ")
	for i, line := range strings.Split(strings.TrimSpace(after), "\n") {
		if i > 0 && line != "" && !slices.Contains(list, line) {
			list = append(list, line)
		}
	}
	return list
}
