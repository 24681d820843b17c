package dataset

import (
	"context"
	"maps"
	"slices"
	"strings"

	"calypso/sys/errcode"
	"calypso/zfs"
)

// Snapshots gives snapshots in the order of their datasets and of their making: those of a dataset, with
// recursive of all below it too, one by its own name, or all when name is "".
func (s Store) Snapshots(ctx context.Context, name string, recursive bool, each func(Snapshot)) error {
	args := []string{"list", "-Hp", "-t", SnapshotType}
	columns := []string{"-o", strings.Join(snapshotColumns, ",")}
	if name != "" {
		if err := check(name); err != nil {
			return err
		}
		columns = append(columns, name)
	}
	switch {
	case name == "" || strings.Contains(name, "@"):
	case recursive:
		args = append(args, "-r")
	default:
		args = append(args, "-d", "1")
	}
	args = append(args, columns...)
	return s.read(ctx, name, decodeSnapshots(each), args...)
}

// Snap makes snapshots, all in one moment when they are of one pool; with recursive also of all that is below.
func (s Store) Snap(ctx context.Context, names []string, recursive, dryRun bool) error {
	for _, name := range names {
		if err := zfs.CheckSnapshot(name); err != nil {
			return err
		}
	}
	for _, name := range names {
		of, _, _ := strings.Cut(name, "@")
		if err := s.snappable(ctx, of, name); err != nil {
			return err
		}
	}
	if dryRun {
		return nil
	}
	args := []string{"snapshot"}
	if recursive {
		args = append(args, "-r")
	}
	_, err := s.zfs(ctx, names[0], append(args, names...)...)
	return err
}

// snappable tells first what zfs tells with its usage, and what its dry run would.
func (s Store) snappable(ctx context.Context, of, name string) error {
	there, err := s.exists(ctx, of)
	if err == nil && !there {
		err = errcode.New(errcode.DatasetNotFound, of, "dataset does not exist")
	}
	if err != nil {
		return err
	}
	there, err = s.exists(ctx, name)
	if err == nil && there {
		err = errcode.New(errcode.DatasetExists, name, "a snapshot of this name exists already")
	}
	return err
}

// CheckSpec refuses what names no snapshots: "tank/a@x", "tank/a@x%y", "tank/a@%y", "tank/a@x,y".
func CheckSpec(spec string) error {
	of, short, found := strings.Cut(spec, "@")
	if !found || short == "" {
		return zfs.CheckSnapshot(spec)
	}
	for part := range strings.SplitSeq(short, ",") {
		from, to, isRange := strings.Cut(part, "%")
		for i, end := range []string{from, to} {
			if end == "" && (isRange || i == 1) {
				continue
			}
			if err := zfs.CheckSnapshot(of + "@" + end); err != nil {
				return err
			}
		}
	}
	return nil
}

// IsRange says whether a spec takes snapshots along that it does not name.
func IsRange(spec string) bool { return strings.Contains(spec, "%") }

// SnapshotPlan is what destroying snapshots would do.
type SnapshotPlan struct {
	Spec      string
	Snapshots []string // those that were asked for
	Clones    []Plan   // what goes before them
	Reclaim   int64    // bytes, as zfs estimates them; with clones only what these take
}

// All is everything that goes, in order.
func (p SnapshotPlan) All() []string {
	var all []string
	for _, c := range p.Clones {
		all = append(all, c.Destroy...)
	}
	return append(all, p.Snapshots...)
}

// PlanSnapshots tells what destroying snapshots would do. It is refused when one of them is held, and when one
// has clones that may not go.
func (s Store) PlanSnapshots(ctx context.Context, spec string, reach Reach) (SnapshotPlan, error) {
	if err := CheckSpec(spec); err != nil {
		return SnapshotPlan{}, err
	}
	// Not -R: its plan leaves the clones out, and it takes snapshots below along that were not asked for.
	args := append(append([]string{"destroy", "-nvp"}, Reach{Recursive: reach.Recursive}.flags()...), spec)
	r, err := s.zfs(ctx, spec, args...)
	if err != nil && !strings.Contains(said(err), "has dependent clones") {
		return SnapshotPlan{}, err
	}
	expanded, err := decodePlan(string(r.Stdout))
	if err == nil && len(expanded.Destroy) == 0 {
		err = errcode.New(errcode.DatasetNotFound, spec, "no such snapshots")
	}
	if err != nil {
		return SnapshotPlan{}, err
	}
	p := SnapshotPlan{Spec: spec, Snapshots: expanded.Destroy, Reclaim: expanded.Reclaim}
	return p, s.inTheWay(ctx, &p, reach)
}

// inTheWay finds the holds and clones of the snapshots of a plan.
func (s Store) inTheWay(ctx context.Context, p *SnapshotPlan, reach Reach) error {
	planned := map[string]bool{}
	for _, name := range p.Snapshots {
		planned[name] = true
	}
	var held, clones []string
	of, _, _ := strings.Cut(p.Spec, "@")
	err := s.Snapshots(ctx, of, reach.Recursive, func(snap Snapshot) {
		if !planned[snap.Name] {
			return
		}
		if snap.Holds > 0 {
			held = append(held, snap.Name)
		}
		clones = append(clones, snap.Clones...)
	})
	if err == nil {
		err = s.heldError(ctx, p.Spec, held)
	}
	if err != nil {
		return err
	}
	if len(clones) > 0 && !reach.Clones {
		return errcode.New(errcode.StorageRefused, p.Spec, "cloned from it: %s", some(clones)).WithState("nothing was touched").
			WithHint("--clones destroys them too")
	}
	p.Clones, err = s.planClones(ctx, clones)
	for _, c := range p.Clones {
		p.Reclaim += c.Reclaim
	}
	return err
}

// planClones plans the destruction of clones. One that goes with another (it is below it, or a clone of it) is
// in the plan once.
func (s Store) planClones(ctx context.Context, clones []string) ([]Plan, error) {
	var plans []Plan
	gone := map[string]bool{}
	for _, name := range clones {
		if gone[name] {
			continue
		}
		p, err := s.PlanDestroy(ctx, name, Reach{Clones: true})
		if err != nil {
			return nil, err
		}
		for _, d := range p.Destroy {
			gone[d] = true
		}
		plans = append(plans, p)
	}
	return plans, nil
}

// DestroySnapshots carries out a plan: exactly the snapshots in it go, and none that came since.
func (s Store) DestroySnapshots(ctx context.Context, p SnapshotPlan) error {
	var failed error
	for _, c := range p.Clones {
		if failed = s.destroyClone(ctx, c); failed != nil {
			break
		}
	}
	if failed == nil {
		failed = s.destroyNamed(ctx, p.Snapshots)
	}
	if failed == nil {
		left, err := s.left(ctx, p.Snapshots)
		if err != nil || len(left) == 0 {
			return err
		}
		failed = errcode.New(errcode.PermissionDenied, p.Spec, "zfs reported no error, and %s is still there", some(left))
	}
	return s.half(ctx, Plan{Name: p.Spec, Destroy: p.All()}, s.explain(ctx, p.Spec, failed))
}

// destroyClone destroys a clone, unless it went with another one.
func (s Store) destroyClone(ctx context.Context, c Plan) error {
	left, err := s.left(ctx, []string{c.Name})
	if err != nil || len(left) == 0 {
		return err
	}
	return s.Destroy(ctx, c)
}

// destroyNamed destroys snapshots by name. zfs takes many of one dataset at a time; an argument has at most
// 128 KiB.
func (s Store) destroyNamed(ctx context.Context, list []string) error {
	const most = 300
	of := map[string][]string{}
	for _, name := range list {
		dataset, short, _ := strings.Cut(name, "@")
		of[dataset] = append(of[dataset], short)
	}
	for _, dataset := range slices.Sorted(maps.Keys(of)) {
		for shorts := range slices.Chunk(of[dataset], most) {
			if _, err := s.zfs(ctx, dataset, "destroy", dataset+"@"+strings.Join(shorts, ",")); err != nil {
				return err
			}
		}
	}
	return nil
}

// Clone makes a file system or volume out of a snapshot.
func (s Store) Clone(ctx context.Context, snapshot string, n New, dryRun bool) (Dataset, error) {
	if err := zfs.CheckSnapshot(snapshot); err != nil {
		return Dataset{}, err
	}
	if err := checkSettings(n.Properties); err != nil {
		return Dataset{}, err
	}
	origin, err := s.Get(ctx, snapshot)
	if err != nil {
		return origin, err
	}
	if zfs.PoolOf(snapshot) != zfs.PoolOf(n.Name) {
		return origin, errcode.New(errcode.StorageRefused, n.Name, "a clone is in the pool of its snapshot, %s", zfs.PoolOf(snapshot))
	}
	if err := s.check(ctx, n.Name, n.Parents); err != nil || dryRun {
		return origin, err
	}
	args := []string{"clone"}
	if n.Parents {
		args = append(args, "-p")
	}
	for _, p := range n.Properties {
		args = append(args, "-o", p)
	}
	if _, err := s.zfs(ctx, n.Name, append(args, snapshot, n.Name)...); err != nil {
		return origin, err
	}
	return s.Get(ctx, n.Name)
}
