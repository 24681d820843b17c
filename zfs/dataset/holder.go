package dataset

import (
	"context"
	"errors"
	"regexp"
	"strings"

	"calypso/sys/errcode"
)

// The kinds of holders that only snapshots have; others are those of package sys/disk.
const (
	KindHold  = "hold"
	KindClone = "clone"
)

// Holder is what keeps a dataset, volume or snapshot.
type Holder struct {
	Kind    string
	Name    string // the tag of a hold, a clone, where it is mounted, …
	PID     int    // of a process, else 0
	Command string // of a process
	Text    string // reads on from "in use: "
}

func describe(list []Holder) string {
	var words []string
	for _, h := range list {
		words = append(words, h.Text)
	}
	return strings.Join(words, ", ")
}

// Holders tells who keeps a dataset: of a file system who uses what is mounted, of a volume who uses its
// device, of a snapshot its holds and clones.
func (s Store) Holders(ctx context.Context, d Dataset) ([]Holder, error) {
	switch {
	case d.Type == SnapshotType:
		return s.snapshotHolders(ctx, d.Name)
	case d.Type == Volume:
		return s.users(ctx, s.Device(d.Name))
	case d.Mounted != nil && *d.Mounted && strings.HasPrefix(d.Mountpoint, "/"):
		return s.users(ctx, d.Mountpoint)
	}
	return nil, nil
}

// users are none of what is not to be seen from here: a volume with volmode=none, or that udev has not made
// yet, a file system that is mounted for others only.
func (s Store) users(ctx context.Context, path string) ([]Holder, error) {
	list, err := s.Users(ctx, path)
	if errcode.Of(err) == errcode.DeviceNotFound {
		return nil, nil
	}
	return list, err
}

func (s Store) snapshotHolders(ctx context.Context, name string) ([]Holder, error) {
	var list []Holder
	tags, err := s.Holds(ctx, name)
	for _, h := range tags {
		list = append(list, Holder{Kind: KindHold, Name: h.Tag, Text: "held by the tag " + h.Tag})
	}
	if err != nil {
		return list, err
	}
	err = s.Snapshots(ctx, name, false, func(snap Snapshot) {
		for _, c := range snap.Clones {
			list = append(list, Holder{Kind: KindClone, Name: c, Text: "origin of the clone " + c})
		}
	})
	return list, err
}

// unused refuses a volume that somebody uses.
func (s Store) unused(ctx context.Context, d Dataset) error {
	list, err := s.Holders(ctx, d)
	if err == nil && len(list) > 0 {
		err = errcode.New(errcode.DatasetBusy, d.Name, "in use: %s", describe(list)).WithState("nothing was touched")
	}
	return err
}

// unusedBelow refuses when somebody uses one of the volumes that are root or below it, of those that count.
func (s Store) unusedBelow(ctx context.Context, root string, counts func(name string) bool) error {
	var volumes []Dataset
	err := s.List(ctx, root, true, []string{Volume}, func(d Dataset) {
		if counts(d.Name) {
			volumes = append(volumes, d)
		}
	})
	for _, d := range volumes {
		if err == nil {
			err = s.unused(ctx, d)
		}
	}
	return err
}

// named is what zfs complains of: "cannot unmount '/tank/a': pool or dataset is busy".
var named = regexp.MustCompile(`^cannot [a-z ]+ '([^']+)': `)

// explain adds to an error that says "busy" who it is that keeps it so.
func (s Store) explain(ctx context.Context, name string, err error) error {
	if errcode.Of(err) != errcode.DatasetBusy {
		return err
	}
	what := name
	if m := named.FindStringSubmatch(said(err)); m != nil {
		what = m[1]
	}
	var list []Holder
	var look error
	if strings.HasPrefix(what, "/") {
		list, look = s.Users(ctx, what)
	} else if d, e := s.Get(ctx, what); e == nil {
		list, look = s.Holders(ctx, d)
	}
	if len(list) == 0 {
		return errors.Join(err, look)
	}
	var e *errcode.Error
	errors.As(err, &e)
	return &errcode.Error{Code: e.Code, Op: e.Op, Object: e.Object, Msg: e.Msg + "; in use: " + describe(list), Hint: e.Hint, State: e.State, Err: err}
}
