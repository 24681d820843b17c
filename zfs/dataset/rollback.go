package dataset

import (
	"context"
	"slices"
	"strings"

	"calypso/sys/errcode"
	"calypso/zfs"
)

// Rollback is what rolling back to a snapshot would take away.
type Rollback struct {
	Snapshot  string
	Newer     []string // snapshots and bookmarks that came after it
	Clones    []Plan   // of the newer ones
	Written   int64    // bytes written since
	inTheWay  []string // newer snapshots that are held
	cloneSeed []string
}

// AllClones is all that goes with the clones, in order.
func (r Rollback) AllClones() []string {
	var all []string
	for _, c := range r.Clones {
		all = append(all, c.Destroy...)
	}
	return all
}

// PlanRollback tells what rolling back to a snapshot would take away. What is below the dataset stays as it is.
func (s Store) PlanRollback(ctx context.Context, snapshot string) (Rollback, error) {
	r := Rollback{Snapshot: snapshot}
	if err := zfs.CheckSnapshot(snapshot); err != nil {
		return r, err
	}
	dataset, short, _ := strings.Cut(snapshot, "@")
	if err := s.newer(ctx, dataset, &r); err != nil {
		return r, err
	}
	if err := s.heldError(ctx, snapshot, r.inTheWay); err != nil {
		return r, err
	}
	d, err := s.Get(ctx, dataset)
	if err != nil {
		return r, err
	}
	if d.Type == Volume { // zfs would change it under whoever reads it
		if err := s.unused(ctx, d); err != nil {
			return r, err
		}
	}
	list, err := s.Properties(ctx, dataset, "written@"+short)
	if err == nil && len(list) == 1 {
		r.Written, err = count(list[0].Value)
	}
	if err == nil {
		r.Clones, err = s.planClones(ctx, snapshot, r.cloneSeed)
	}
	return r, err
}

// mark is a snapshot or bookmark with what rolling back asks of it.
type mark struct {
	name   string
	txg    int64
	held   bool
	clones []string
}

var markColumns = []string{"name", "createtxg", "userrefs", "clones"}

func decodeMarks(each func(mark)) *rows {
	return &rows{columns: len(markColumns), each: func(f []string) error {
		txg, err := count(f[1])
		if err == nil {
			each(mark{name: f[0], txg: txg, held: f[2] != "-" && f[2] != "0", clones: names(f[3])})
		}
		return err
	}}
}

// newer finds the snapshots and bookmarks that came after the one of r. A bookmark of it, or of one before it,
// has that one's place and stays.
func (s Store) newer(ctx context.Context, dataset string, r *Rollback) error {
	var marks []mark
	err := s.read(ctx, dataset, decodeMarks(func(m mark) { marks = append(marks, m) }), "list", "-Hp", "-t", SnapshotType+","+Bookmark,
		"-d", "1", "-o", strings.Join(markColumns, ","), dataset)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(marks, func(m mark) bool { return m.name == r.Snapshot })
	if at < 0 {
		return errcode.New(errcode.DatasetNotFound, r.Snapshot, "dataset does not exist")
	}
	for _, m := range marks {
		if m.txg <= marks[at].txg {
			continue
		}
		r.Newer = append(r.Newer, m.name)
		r.cloneSeed = append(r.cloneSeed, m.clones...)
		if m.held {
			r.inTheWay = append(r.inTheWay, m.name)
		}
	}
	return nil
}

// Roll carries out a rollback. Its clones are destroyed first; then zfs destroys the newer snapshots and
// bookmarks itself. It is refused when newer ones have come since the plan.
func (s Store) Roll(ctx context.Context, r Rollback) error {
	dataset, _, _ := strings.Cut(r.Snapshot, "@")
	now := Rollback{Snapshot: r.Snapshot}
	if err := s.newer(ctx, dataset, &now); err != nil {
		return err
	}
	if err := notPlanned(r.Snapshot, now.Newer, r.Newer); err != nil {
		return err
	}
	if err := s.rollTo(ctx, r); err != nil {
		return s.half(ctx, Plan{Name: r.Snapshot, Destroy: append(r.AllClones(), r.Newer...)}, s.explain(ctx, r.Snapshot, err))
	}
	return nil
}

func (s Store) rollTo(ctx context.Context, r Rollback) error {
	if err := s.destroyClones(ctx, r.Clones); err != nil {
		return err
	}
	args := []string{"rollback"}
	if len(r.Newer) > 0 {
		args = append(args, "-r")
	}
	_, err := s.zfs(ctx, r.Snapshot, append(args, r.Snapshot)...)
	return err
}
