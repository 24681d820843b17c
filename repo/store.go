package repo

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"calypso/sys/errcode"
	"calypso/sys/lvm"
	"calypso/sys/run"
	"calypso/sys/state"
	"calypso/zfs/dataset"
)

const schema = 1

// Store is the repositories of this host. Changes want the lock of the repository and then Repo.Lock held.
type Store struct {
	Dir      string // of the records
	Datasets dataset.Store
	Volumes  lvm.Tools
	Tools    run.Runner
	Units    string // where systemd looks for units: "/etc/systemd/system"
	Root     string // "" in production: where the mount points are made

	report func() (lvm.Report, error) // what List has LVM tell once for all repositories; nil: each look asks
}

// backend is ZFS or LVM as repositories need them. All but look change something.
type backend interface {
	// check refuses what cannot be made, before anything is.
	check(ctx context.Context, r Repo) error
	look(ctx context.Context, r Repo) (Seen, error)
	// make makes what is missing of a repository; what is there already carries its mark.
	make(ctx context.Context, r *Repo, save func(Repo) error) error
	// canGrow refuses what cannot grow to a size, before anything is changed.
	canGrow(ctx context.Context, r Repo, size int64) error
	grow(ctx context.Context, r Repo, size int64) error
	// planRemove refuses to destroy what is in use or has what depends on it.
	planRemove(ctx context.Context, r Repo) error
	// remove destroys it; what is not there any more leaves only traces on the host.
	remove(ctx context.Context, r Repo, there bool) error
}

func (s Store) backend(r Repo) backend {
	if r.place().Backend == ZFS {
		return zfsBackend{s}
	}
	return lvmBackend{s}
}

func (s Store) path(name string) string { return filepath.Join(s.Dir, name+".yaml") }

// Get gives one repository and what there is of it.
func (s Store) Get(ctx context.Context, name string) (Status, error) {
	r, err := s.record(name)
	if err != nil {
		return Status{}, err
	}
	seen, err := s.look(ctx, r)
	return Status{r, seen}, err
}

func (s Store) record(name string) (Repo, error) {
	if err := lvm.CheckName(name); err != nil {
		return Repo{}, err
	}
	var r Repo
	err := state.ReadYAML(s.path(name), schema, &r)
	if errors.Is(err, fs.ErrNotExist) {
		return r, errcode.New(errcode.RepoNotFound, name, "no such repository").WithHint("'calypso repo list' shows what there is")
	}
	if err != nil {
		return r, err
	}
	if _, err := ParsePlace(r.On); err != nil || r.Name != name {
		return r, errcode.New(errcode.StateInvalid, s.path(name), "this is no record of repository %s", name)
	}
	return r, nil
}

// look also says what the record alone knows: that making it was cut off.
func (s Store) look(ctx context.Context, r Repo) (Seen, error) {
	seen, err := s.backend(r).look(ctx, r)
	if err == nil && !r.Complete && seen.State != Foreign {
		seen.State, seen.Reason = Incomplete, "making it was cut off; the same 'repo create' goes on, 'repo delete' takes it away"
	}
	return seen, err
}

// List gives all repositories by name. One that cannot be looked at has the state Damaged.
func (s Store) List(ctx context.Context) ([]Status, error) {
	entries, err := os.ReadDir(s.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	s.report = sync.OnceValues(func() (lvm.Report, error) { return s.Volumes.Report(ctx) })
	var list []Status
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".yaml")
		if !ok {
			continue
		}
		r, err := s.record(name)
		if err != nil {
			return nil, err
		}
		seen, err := s.look(ctx, r)
		if err != nil {
			seen = Seen{State: Damaged, Reason: err.Error()}
		}
		list = append(list, Status{r, seen})
	}
	return list, nil
}

// Create makes a repository; with dryRun it only looks whether that could be done. When an earlier Create of
// the same was cut off it goes on there.
func (s Store) Create(ctx context.Context, r Repo, dryRun bool) (Status, error) {
	r.SchemaVersion, r.Created, r.SizeBytes = schema, time.Now().UTC().Truncate(time.Second), wholeMiB(r.SizeBytes)
	if err := errors.Join(lvm.CheckName(r.Name), r.check()); err != nil {
		return Status{}, err
	}
	r, err := s.resume(r)
	if err != nil {
		return Status{}, err
	}
	b := s.backend(r)
	seen, err := b.look(ctx, r)
	if err == nil && seen.State == Missing {
		err = b.check(ctx, r)
	} else if err == nil && (seen.State == Foreign || r.SizeBytes != seen.Size && seen.Size != 0 && r.place().Backend == ZFS) {
		err = errcode.New(errcode.RepoForeign, r.Name, "%s is there already: %s", r.Object(), seen.Reason)
	}
	if err != nil || dryRun {
		return Status{r, seen}, err
	}
	if err := s.save(r); err != nil {
		return Status{}, err
	}
	if err := b.make(ctx, &r, s.save); err != nil {
		return Status{}, s.undo(r, seen, err)
	}
	r.Complete = true
	if err := s.save(r); err != nil {
		return Status{}, err
	}
	return s.Get(ctx, r.Name)
}

// resume takes the record of an earlier Create that was cut off, when it was of the same.
func (s Store) resume(r Repo) (Repo, error) {
	old, err := s.record(r.Name)
	switch {
	case errcode.Of(err) == errcode.RepoNotFound:
		return r, nil
	case err != nil:
		return r, err
	case old.Complete:
		return r, errcode.New(errcode.RepoExists, r.Name, "this repository exists, on %s", old.On)
	case !old.sameAs(r):
		return r, errcode.New(errcode.RepoExists, r.Name, "making this repository on %s with other settings was cut off", old.On).
			WithHint("'calypso repo delete %s' takes away what there is of it", r.Name)
	}
	return old, nil
}

func (r Repo) sameAs(o Repo) bool {
	return r.Kind == o.Kind && r.On == o.On && r.SizeBytes == o.SizeBytes && r.Thin == o.Thin && r.Format == o.Format &&
		r.MountPoint == o.MountPoint && slices.Equal(r.Properties, o.Properties)
}

// undo forgets a repository of which nothing was made: its first step failed.
func (s Store) undo(r Repo, before Seen, cause error) error {
	seen, err := s.backend(r).look(context.Background(), r)
	if before.State == Missing && err == nil && seen.State == Missing {
		return errors.Join(cause, os.Remove(s.path(r.Name)))
	}
	var e *errcode.Error
	if errors.As(cause, &e) && e.State == "" {
		e.WithState("%s is made in part: the same command goes on, 'calypso repo delete %s' takes it away", r.Object(), r.Name)
	}
	return cause
}

func (s Store) save(r Repo) error { return state.WriteYAML(s.path(r.Name), &r) }

// Grow makes a repository larger, and what is on it where calypso made that; with dryRun it only looks.
func (s Store) Grow(ctx context.Context, name string, size int64, dryRun bool) (before, after Status, err error) {
	size = wholeMiB(size)
	if before, err = s.Get(ctx, name); err != nil {
		return before, before, err
	}
	r := before.Repo
	if err = before.mustBe(r); err != nil {
		return before, before, err
	}
	if !r.Complete {
		return before, before, errcode.New(errcode.StorageRefused, name, "%s", before.Reason)
	}
	has := r.SizeBytes
	if r.place().Backend == ZFS { // somebody may have made it larger with zfs(8). lvextend(8), which rounds up, never shrinks
		has = max(has, before.Seen.Size)
	}
	if size < has {
		return before, before, errcode.New(errcode.StorageRefused, name, "it has %d bytes already, and making it smaller would cut its data off", has)
	}
	if err = s.backend(r).canGrow(ctx, r, size); err != nil || dryRun {
		return before, before, err
	}
	if err = s.backend(r).grow(ctx, r, size); err != nil {
		return before, before, err
	}
	r.SizeBytes = size
	if err = s.save(r); err != nil {
		return before, before, err
	}
	after, err = s.Get(ctx, name)
	return before, after, err
}

// PlanDelete refuses to delete a repository that is in use or on which something depends.
func (s Store) PlanDelete(ctx context.Context, name string) (Status, error) {
	st, err := s.Get(ctx, name)
	if err != nil {
		return st, err
	}
	switch {
	case st.State == Foreign:
		return st, st.mustBe(st.Repo)
	case !st.There:
		return st, nil // the record goes
	}
	return st, s.backend(st.Repo).planRemove(ctx, st.Repo)
}

// Delete does what PlanDelete allowed: it destroys a repository with all data on it. When what it is on is not
// there its record goes.
func (s Store) Delete(ctx context.Context, planned Status) error {
	b := s.backend(planned.Repo)
	now, err := b.look(ctx, planned.Repo)
	if err == nil && (now.There != planned.There || now.State == Foreign) {
		err = errcode.New(errcode.RepoForeign, planned.Name, "%s has changed meanwhile; nothing was touched", planned.Object())
	}
	if err == nil {
		err = b.remove(ctx, planned.Repo, now.There)
	}
	if err != nil {
		return err
	}
	if err := os.Remove(s.path(planned.Name)); err != nil {
		return err
	}
	return state.SyncDir(s.Dir)
}

func wholeMiB(n int64) int64 { return (n + mib - 1) / mib * mib }
