package dataset

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"calypso/sys/disk"
	"calypso/sys/errcode"
	"calypso/zfs"
)

// Reach is how far a destruction may go.
type Reach struct {
	Recursive bool // what is below, and its snapshots; of a snapshot, those of the same name below
	Clones    bool // clones too, wherever they are
}

func (r Reach) flags() []string {
	switch {
	case r.Clones:
		return []string{"-R"}
	case r.Recursive:
		return []string{"-r"}
	}
	return nil
}

// Plan is what destroying would do.
type Plan struct {
	Name    string   // what was asked for
	Destroy []string // all that goes, each once, in the order in which it goes
	Reclaim int64    // bytes that get free, as zfs counts them
	Empty   bool     // a file system with nothing in it: nothing is lost
	reach   Reach
}

// decodePlan reads `zfs destroy -nvp`, which has no JSON form in any version. It names a clone once for each
// snapshot on its way.
func decodePlan(text string) (Plan, error) {
	var p Plan
	seen := map[string]bool{}
	for line := range strings.Lines(text) {
		what, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		switch {
		case what == "destroy" && !seen[value]:
			seen[value] = true
			p.Destroy = append(p.Destroy, value)
		case what == "destroy":
		case what == "reclaim":
			n, err := count(value)
			if err != nil {
				return p, err
			}
			p.Reclaim += n
		default:
			return p, fmt.Errorf("zfs destroy -nvp printed %q", line)
		}
	}
	return p, nil
}

// dryDestroy asks zfs what destroying would do.
func (s Store) dryDestroy(ctx context.Context, name string, reach Reach) (Plan, error) {
	r, err := s.zfs(ctx, name, append(append([]string{"destroy", "-nvp"}, reach.flags()...), name)...)
	if err != nil {
		return Plan{}, tooMuch(name, err)
	}
	p, err := decodePlan(string(r.Stdout))
	if err == nil && len(p.Destroy) == 0 {
		err = errors.New("zfs has no plan for it")
	}
	if err != nil {
		return p, errcode.New(errcode.StorageUnsupported, name, "%w", err).WithState("nothing was touched")
	}
	p.Name, p.reach = name, reach
	return p, nil
}

// tooMuch names what stands in the way of a destruction and the flag of ours that takes it along.
func tooMuch(name string, err error) error {
	list := listed(err)
	what, flag := "", ""
	switch text := said(err); {
	case len(list) == 0:
		return err
	case strings.Contains(text, "has children"):
		what, flag = "below it", "--recursive"
	case strings.Contains(text, "clones"):
		what, flag = "cloned from it", "--clones"
	default:
		return err
	}
	return &errcode.Error{Code: errcode.StorageRefused, Object: name, Msg: what + ": " + some(list), Err: err,
		Hint: flag + " destroys them too", State: "nothing was touched"}
}

// some names the first of a list and counts the rest.
func some(list []string) string {
	const most = 10
	if len(list) <= most {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:most], ", "), len(list)-most)
}

// PlanDestroy tells what destroying a file system or volume would do. It is refused for a pool, and when a
// snapshot that would go is held or a volume that would go is in use: zfs would stop there, half-way.
func (s Store) PlanDestroy(ctx context.Context, name string, reach Reach) (Plan, error) {
	if err := zfs.CheckDataset(name); err != nil {
		return Plan{}, err
	}
	if name == zfs.PoolOf(name) {
		return Plan{}, errcode.New(errcode.StorageRefused, name, "this is a pool; nothing was touched").WithHint("'calypso pool destroy' destroys pools")
	}
	d, err := s.Get(ctx, name)
	if err != nil {
		return Plan{}, err
	}
	if d.Type == Volume {
		if err := s.unused(ctx, d); err != nil {
			return Plan{}, err
		}
	}
	p, err := s.dryDestroy(ctx, name, reach)
	if err == nil {
		err = p.within()
	}
	if err != nil {
		return p, err
	}
	if p.Reclaim, err = s.usedBy(ctx, p.roots()); err != nil {
		return p, err
	}
	p.Empty = len(p.Destroy) == 1 && s.isEmpty(d)
	if err := s.notHeld(ctx, p); err != nil {
		return p, err
	}
	return p, s.volumesUnused(ctx, p)
}

// within refuses a plan that takes more along than it may: -R takes all that is below, too.
func (p Plan) within() error {
	if p.reach.Recursive {
		return nil
	}
	below := slices.DeleteFunc(slices.Clone(p.Destroy), func(name string) bool {
		return !strings.HasPrefix(name, p.Name+"/") && !strings.HasPrefix(name, p.Name+"@")
	})
	if len(below) == 0 {
		return nil
	}
	return errcode.New(errcode.StorageRefused, p.Name, "below it: %s", some(below)).WithState("nothing was touched").
		WithHint("--recursive destroys them too")
}

// roots are the datasets of a plan that are below no other one of it: what was named, and clones elsewhere.
func (p Plan) roots() []string {
	var roots []string
	for _, name := range slices.Sorted(slices.Values(p.Destroy)) {
		inside := slices.ContainsFunc(roots, func(r string) bool { return strings.HasPrefix(name, r+"/") })
		if !inside && !strings.Contains(name, "@") {
			roots = append(roots, name)
		}
	}
	return roots
}

// usedBy is what datasets take, with all below them. What clones share is counted where it was written.
func (s Store) usedBy(ctx context.Context, names []string) (int64, error) {
	total := int64(0)
	for _, name := range names {
		d, err := s.Get(ctx, name)
		if err != nil {
			return 0, err
		}
		if d.Used != nil {
			total += *d.Used
		}
	}
	return total, nil
}

// isEmpty says whether a file system certainly has nothing in it: it is mounted, its directory is empty, and that
// is not the directory of another one that hides it. A volume never is: what its blocks mean is not ours to judge.
func (s Store) isEmpty(d Dataset) bool {
	if d.Type != Filesystem || d.Mounted == nil || !*d.Mounted {
		return false
	}
	if !(disk.Host{Proc: s.Tools.Proc}).Shows(d.Mountpoint, d.Name) {
		return false
	}
	entries, err := os.ReadDir(d.Mountpoint)
	return err == nil && len(entries) == 0
}

// notHeld refuses a plan with a snapshot in it that is held.
func (s Store) notHeld(ctx context.Context, p Plan) error {
	snapshots := map[string]bool{}
	for _, name := range p.Destroy {
		if strings.Contains(name, "@") {
			snapshots[name] = true
		}
	}
	if len(snapshots) == 0 {
		return nil
	}
	var heldOnes []string
	for _, root := range p.roots() {
		each := func(snap Snapshot) {
			if snap.Holds > 0 && snapshots[snap.Name] && !slices.Contains(heldOnes, snap.Name) {
				heldOnes = append(heldOnes, snap.Name)
			}
		}
		recursive := p.reach != Reach{}
		if err := s.Snapshots(ctx, root, recursive, each); err != nil {
			return err
		}
	}
	return s.heldError(ctx, p.Name, heldOnes)
}

// volumesUnused refuses a plan that takes a volume along that somebody uses.
func (s Store) volumesUnused(ctx context.Context, p Plan) error {
	goes := map[string]bool{}
	for _, name := range p.Destroy {
		if name != p.Name && !strings.Contains(name, "@") {
			goes[name] = true
		}
	}
	if len(goes) == 0 {
		return nil
	}
	for _, root := range p.roots() {
		if err := s.unusedBelow(ctx, root, func(name string) bool { return goes[name] }); err != nil {
			return err
		}
	}
	return nil
}

// heldError names the tags that hold snapshots; nil when there are none.
func (s Store) heldError(ctx context.Context, name string, snapshots []string) error {
	var words []string
	for _, snap := range snapshots[:min(len(snapshots), 10)] {
		tags, err := s.Holds(ctx, snap)
		if err != nil {
			return err
		}
		for _, h := range tags {
			words = append(words, fmt.Sprintf("%s by the tag %s", h.Snapshot, h.Tag))
		}
	}
	if len(words) == 0 {
		return nil
	}
	return errcode.New(errcode.DatasetBusy, name, "held: %s", some(words)).WithState("nothing was touched").
		WithHint("'calypso snapshot release SNAPSHOT --tag TAG' when nobody needs it any more")
}

// Destroy carries out a plan for a file system or volume and looks whether it is gone: for a user without the
// right to, zfs can end well and destroy nothing. It is refused when zfs would take more than was planned: a
// person may have thought about the plan for an hour.
func (s Store) Destroy(ctx context.Context, p Plan) error {
	now, err := s.dryDestroy(ctx, p.Name, p.reach)
	if err == nil {
		err = notPlanned(p.Name, now.Destroy, p.Destroy)
	}
	if err == nil && p.Empty {
		err = s.stillEmpty(ctx, p.Name)
	}
	if err != nil {
		return err
	}
	args := append(append([]string{"destroy"}, p.reach.flags()...), p.Name)
	if _, err := s.zfs(ctx, p.Name, args...); err != nil {
		return s.half(ctx, p, s.explain(ctx, p.Name, tooMuch(p.Name, err)))
	}
	left, err := s.left(ctx, p.roots())
	if err != nil || len(left) == 0 {
		return err
	}
	return s.half(ctx, p, errcode.New(errcode.PermissionDenied, p.Name, "zfs reported no error, and %s is still there", some(left)))
}

// stillEmpty refuses a file system that was planned as an empty one and is none any more.
func (s Store) stillEmpty(ctx context.Context, name string) error {
	d, err := s.Get(ctx, name)
	if err == nil && !s.isEmpty(d) {
		err = errcode.New(errcode.StorageRefused, name, "it was empty when this was planned, and is not now").
			WithState("nothing was touched").WithHint("look at what is in it")
	}
	return err
}

// notPlanned refuses what would go and is not in the plan.
func notPlanned(name string, goes, planned []string) error {
	known := map[string]bool{}
	for _, p := range planned {
		known[p] = true
	}
	came := slices.DeleteFunc(slices.Clone(goes), func(g string) bool { return known[g] })
	if len(came) == 0 {
		return nil
	}
	return errcode.New(errcode.StorageRefused, name, "made since this was planned, and would go too: %s", some(came)).
		WithState("nothing was touched").WithHint("the same command again shows all that goes")
}

// half says what went before a destruction failed.
func (s Store) half(ctx context.Context, p Plan, err error) error {
	left, look := s.left(ctx, p.Destroy)
	switch gone := len(p.Destroy) - len(left); {
	case look != nil:
		return errors.Join(err, look)
	case gone > 0:
		return errcode.New(errcode.Partial, p.Name, "%w", err).WithState("%d of %d were destroyed before; still there: %s", gone, len(p.Destroy), some(left))
	}
	return err
}

// left are those of names that exist.
func (s Store) left(ctx context.Context, all []string) ([]string, error) {
	var left []string
	for names := range slices.Chunk(all, 200) {
		args := append([]string{"list", "-H", "-o", "name", "-t", "all"}, names...)
		r, err := s.zfs(ctx, names[0], args...)
		if err != nil && errcode.Of(err) != errcode.DatasetNotFound {
			return nil, err
		}
		for line := range strings.Lines(string(r.Stdout)) {
			if name := strings.TrimSuffix(line, "\n"); slices.Contains(names, name) {
				left = append(left, name)
			}
		}
	}
	return left, nil
}
