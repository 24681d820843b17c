package pool

import (
	"context"
	"time"

	"calypso/sys/run"
	"calypso/zfs"
)

// patience is how long a question to a pool may take.
const patience = 30 * time.Second

// Status is what 'zpool status' tells of one pool.
type Status struct {
	Name       string
	GUID       string // "" unknown
	State      string // ONLINE, DEGRADED, FAULTED, UNAVAIL, REMOVED, OFFLINE, SUSPENDED
	Message    string // what is wrong, in the tool's words; "" nothing
	Action     string // what the tool says to do
	MessageID  string // ZFS-8000-8A
	Scan       *Work  // the last scrub or resilver, or the one at work
	Removal    *Work  // of a device
	Expansion  *Work  // of a raidz
	Checkpoint *Checkpoint
	Vdevs      []Vdev  // the top level, then those of other classes
	DataErrors *uint64 // files and objects that are lost
}

// The states of a Work.
const (
	Running  = "running"
	Paused   = "paused"
	Finished = "finished"
	Canceled = "canceled"
)

// The kinds of Work.
const (
	Scrub     = "scrub"
	Resilver  = "resilver"
	Removal   = "removal"
	Expansion = "expansion"
)

// Work is something that ZFS does in the background, or did.
type Work struct {
	Kind     string
	State    string
	Start    *time.Time
	PausedAt *time.Time // of one that is paused
	End      *time.Time // of one that ended
	Percent  *float64   // of one that has not ended
	Left     *time.Duration
	Errors   *uint64 // of a scan that finished: what it could not repair
}

// Checkpoint is a state of the pool that it can be taken back to, and that keeps space from being freed.
type Checkpoint struct {
	Created *time.Time
	Bytes   *uint64
}

// The classes of a Vdev.
const (
	Data    = "data"
	Dedup   = "dedup"
	Special = "special"
	Log     = "log"
	Cache   = "cache"
	Spare   = "spare"
)

// Vdev is a device, or a group of them.
type Vdev struct {
	Name                  string
	Type                  string // disk, file, mirror, raidz, draid, replacing, spare, dspare, ...
	Class                 string
	State                 string // ONLINE, DEGRADED, FAULTED, UNAVAIL, REMOVED, OFFLINE; of a spare AVAIL, INUSE
	GUID, Path            string // "" unknown
	Was                   string // where a device that is missing was
	Note                  string // why it is in this state
	Read, Write, Checksum *uint64
	SlowIOs               *uint64
	Children              []Vdev
}

// Leaves are the devices of a tree.
func (v Vdev) Leaves() []Vdev {
	if len(v.Children) == 0 {
		return []Vdev{v}
	}
	var list []Vdev
	for _, c := range v.Children {
		list = append(list, c.Leaves()...)
	}
	return list
}

// AskStatus asks about one pool, which must not be suspended.
func AskStatus(ctx context.Context, t zfs.Tools, v zfs.Version, name string, now time.Time) (*Status, error) {
	if v.JSON() {
		r, err := ask(ctx, t, name, "zpool", "status", "-j", "--json-int", name)
		if err != nil {
			return nil, err
		}
		return decodeStatusJSON(r.Stdout, name, now)
	}
	r, err := ask(ctx, t, name, "zpool", "status", "-p", "-s", name)
	if err != nil {
		return nil, err
	}
	return decodeStatusText(string(r.Stdout), name)
}

// ask runs a question: with a deadline, and times in UTC.
func ask(ctx context.Context, t zfs.Tools, object, tool string, args ...string) (run.Result, error) {
	return t.Cmd(ctx, object, run.Cmd{Name: tool, Args: args, Env: []string{"TZ=UTC"}, Timeout: patience})
}
