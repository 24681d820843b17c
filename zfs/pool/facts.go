package pool

import (
	"context"
	"time"

	"calypso/sys/errcode"
	"calypso/zfs"
)

// Facts is what is known of one pool at one time.
type Facts struct {
	Name      string
	State     string // the kernel's word
	Space     *Space
	Status    *Status
	Created   *time.Time // asked for only where no scrub is known
	LastScrub *time.Time // end of the last one that finished
	Problem   error      // why Space and Status are nil
	Now       time.Time
}

// Gather asks about the pools with these names, or all. A pool that is suspended is not asked; one that does
// not answer has a Problem and does not keep the others from being asked. scrubs are the last scrubs that were
// seen before, by GUID: a resilver makes ZFS forget its last scrub.
func Gather(ctx context.Context, t zfs.Tools, now time.Time, scrubs map[string]time.Time, names ...string) ([]Facts, error) {
	imported, err := Imported(t, names...)
	if err != nil {
		return nil, err
	}
	var version zfs.Version
	var list []Facts
	for _, p := range imported {
		f := Facts{Name: p.Name, State: p.State, Now: now}
		if p.State != zfs.Suspended {
			if version == (zfs.Version{}) {
				if version, err = t.Version(ctx); err != nil {
					return nil, err
				}
			}
			f.Problem = f.gather(ctx, t, version, scrubs)
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		list = append(list, f)
	}
	return list, nil
}

func (f *Facts) gather(ctx context.Context, t zfs.Tools, v zfs.Version, scrubs map[string]time.Time) error {
	spaces, err := AskSpace(ctx, t, f.Name)
	if err != nil {
		return err
	}
	status, err := AskStatus(ctx, t, v, f.Name, f.Now)
	if err != nil {
		return err
	}
	if len(spaces) != 1 {
		return errcode.New(errcode.PoolNotFound, f.Name, "the pool has gone")
	}
	f.Space, f.Status = &spaces[0], status
	f.State = status.State
	if w := status.Scan; w != nil && w.Kind == Scrub && w.State == Finished {
		f.LastScrub = w.End
	} else if seen, ok := scrubs[f.Space.GUID]; ok {
		f.LastScrub = &seen
	}
	if f.LastScrub == nil {
		f.Created, _ = askCreated(ctx, t, f.Name) // how old the pool is tells whether a scrub is missed
	}
	return nil
}
