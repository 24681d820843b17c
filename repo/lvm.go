package repo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"calypso/sys/disk"
	"calypso/sys/errcode"
	"calypso/sys/lvm"
)

// lvmBackend has logical volumes; those of a thin pool reserve nothing. A filesystem is made on one.
type lvmBackend struct{ Store }

func (b lvmBackend) check(ctx context.Context, r Repo) error {
	if r.Kind == Filesystem {
		if err := b.canFormat(ctx, r); err != nil {
			return err
		}
	}
	report, err := b.Volumes.Report(ctx)
	if err != nil {
		return err
	}
	group, err := report.Group(r.place().pool())
	switch {
	case err != nil:
		return err
	case group.Missing > 0:
		return errcode.New(errcode.DeviceError, group.Name, "%d of its physical volumes are missing", group.Missing).WithState("nothing was touched")
	case r.place().thinPool() != "":
		return b.checkThin(report, r)
	case r.Thin:
		return errcode.New(errcode.Usage, r.Name, "a volume of a volume group has its space; a thin one is made in a thin pool").
			WithHint("name the pool: --on lvm:%s/THINPOOL", group.Name)
	case group.Free < r.SizeBytes:
		return errcode.New(errcode.DiskFull, r.Name, "volume group %s has %d bytes free, and the repository wants %d", group.Name, group.Free, r.SizeBytes)
	}
	return nil
}

func (b lvmBackend) checkThin(report lvm.Report, r Repo) error {
	pool, err := report.Volume(r.place().pool(), r.place().thinPool())
	switch {
	case err != nil:
		return err
	case !pool.IsThinPool():
		return errcode.New(errcode.StorageRefused, pool.FullName(), "this is no thin pool")
	case poolIsFull(pool):
		return errcode.New(errcode.DiskFull, pool.FullName(), "the thin pool is full: %s", howFull(pool)).WithHint("make it larger with lvextend(8) first")
	}
	return nil
}

// poolIsFull says so from 95 % on: writes to its volumes fail or wait for ever when one of both is full.
func poolIsFull(pool lvm.Volume) bool {
	over := func(p *float64) bool { return p != nil && *p >= 95 }
	return over(pool.DataPercent) || over(pool.MetadataPercent)
}

func howFull(pool lvm.Volume) string {
	text := func(p *float64) string {
		if p == nil {
			return "?"
		}
		return fmt.Sprintf("%.0f", *p)
	}
	return fmt.Sprintf("data %s %%, metadata %s %%", text(pool.DataPercent), text(pool.MetadataPercent))
}

func (b lvmBackend) look(ctx context.Context, r Repo) (Seen, error) {
	ask := b.report
	if ask == nil {
		ask = func() (lvm.Report, error) { return b.Volumes.Report(ctx) }
	}
	report, err := ask()
	if err != nil {
		return Seen{}, err
	}
	v, err := report.Volume(r.place().pool(), r.Name)
	switch {
	case errcode.Of(err) == errcode.VolumeNotFound:
		return Seen{State: Missing, Reason: err.Error()}, nil
	case err != nil:
		return Seen{}, err
	case !slices.Contains(v.Tags, mark+"="+r.Name):
		return Seen{State: Foreign, There: true, Reason: fmt.Sprintf("%s does not carry the tag %s=%s: it was not made for this repository", v.FullName(), mark, r.Name)}, nil
	}
	seen := Seen{State: OK, There: true, Size: v.Size, Path: v.Path}
	if v.Pool != "" && v.DataPercent != nil {
		used := int64(float64(v.Size) * *v.DataPercent / 100)
		left := v.Size - used
		seen.Used, seen.Available = &used, &left
	}
	b.health(report, v, &seen)
	if r.Kind == Filesystem && r.Complete && seen.State == OK {
		err = b.lookMounted(ctx, r, &seen)
	}
	return seen, err
}

// health judges a volume and the thin pool below it.
func (b lvmBackend) health(report lvm.Report, v lvm.Volume, seen *Seen) {
	switch {
	case strings.Contains(v.Health, "partial"):
		seen.State, seen.Reason = Damaged, "a physical volume below it is missing"
	case !v.Active:
		seen.State, seen.Reason = Damaged, "the logical volume is not active; 'lvchange -ay "+v.FullName()+"' activates it"
	}
	if pool, err := report.Volume(v.Group, v.Pool); v.Pool != "" && err == nil && poolIsFull(pool) {
		seen.State, seen.Reason = Full, fmt.Sprintf("the thin pool %s below it is full: %s", pool.FullName(), howFull(pool))
	}
}

func (b lvmBackend) make(ctx context.Context, r *Repo, save func(Repo) error) error {
	seen, err := b.look(ctx, *r)
	if err == nil && seen.State == Missing {
		err = b.Volumes.Create(ctx, lvm.NewVolume{Group: r.place().pool(), Name: r.Name, Size: r.SizeBytes,
			Pool: r.place().thinPool(), Tag: mark + "=" + r.Name})
	}
	if err == nil && r.Kind == Filesystem {
		err = b.makeFilesystem(ctx, r, save)
	}
	return err
}

func (b lvmBackend) device(r Repo) string { return "/dev/" + r.Object() }

func (b lvmBackend) canGrow(ctx context.Context, r Repo, size int64) error {
	report, err := b.Volumes.Report(ctx)
	if err != nil {
		return err
	}
	v, err := report.Volume(r.place().pool(), r.Name)
	if err == nil && v.Pool != "" {
		err = b.checkThin(report, r)
	}
	if err == nil && r.Kind == Filesystem {
		err = b.mustBeMounted(ctx, r)
	}
	if err != nil || v.Pool != "" {
		return err
	}
	group, err := report.Group(v.Group)
	if err == nil && group.Free < size-v.Size {
		err = errcode.New(errcode.DiskFull, r.Name, "volume group %s has %d bytes free, and %d more are wanted", group.Name, group.Free, size-v.Size)
	}
	return err
}

func (b lvmBackend) grow(ctx context.Context, r Repo, size int64) error {
	report, err := b.Volumes.Report(ctx)
	if err != nil {
		return err
	}
	v, err := report.Volume(r.place().pool(), r.Name)
	if err == nil && v.Size < size { // else an earlier run came that far
		err = b.Volumes.Grow(ctx, v, size)
	}
	if err == nil && r.Kind == Filesystem {
		err = b.growFilesystem(ctx, r)
	}
	return err
}

func (b lvmBackend) planRemove(ctx context.Context, r Repo) error {
	report, err := b.Volumes.Report(ctx)
	if err != nil {
		return err
	}
	v, err := report.Volume(r.place().pool(), r.Name)
	if err != nil {
		return err
	}
	if snaps := report.SnapshotsOf(v); len(snaps) > 0 {
		return errcode.New(errcode.StorageRefused, r.Name, "%s has snapshots, such as %s, which would go with it", v.FullName(), snaps[0].FullName()).
			WithHint("'lvremove %s' removes a snapshot", snaps[0].FullName())
	}
	if !v.Active { // it has no node that anybody could use
		return nil
	}
	return b.inUse(ctx, r)
}

// inUse refuses when somebody uses it; the mount that calypso made is no use by itself, but who is in it.
func (b lvmBackend) inUse(ctx context.Context, r Repo) error {
	host := disk.System(b.Tools)
	holders, err := host.Holders(ctx, b.device(r))
	own := func(h disk.Holder) bool {
		return h.Kind == disk.KindMount && h.Name == r.MountPoint && r.MountPoint != ""
	}
	if err == nil && slices.ContainsFunc(holders, own) {
		var within []disk.Holder
		within, err = host.Holders(ctx, r.MountPoint)
		holders = append(slices.DeleteFunc(holders, own), within...)
	}
	if err != nil || len(holders) == 0 {
		return err
	}
	return errcode.New(errcode.VolumeBusy, r.Name, "%s is in use: %s", r.Object(), disk.Describe(holders)).WithState("nothing was touched")
}

func (b lvmBackend) remove(ctx context.Context, r Repo, there bool) error {
	if r.Kind == Filesystem {
		if err := b.forgetMount(ctx, r); err != nil {
			return err
		}
	}
	if !there {
		return nil
	}
	err := b.Volumes.Remove(ctx, lvm.Volume{Group: r.place().pool(), Name: r.Name})
	var e *errcode.Error
	if r.Kind == Filesystem && errors.As(err, &e) && e.State == "" {
		e.WithState("it is unmounted and its mount unit is gone; the same command goes on")
	}
	return err
}
