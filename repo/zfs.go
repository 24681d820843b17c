package repo

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"calypso/sys/errcode"
	"calypso/zfs/dataset"
)

// zfsBackend has volumes, and file systems that end at a quota. Unless they are thin, their space is reserved.
type zfsBackend struct{ Store }

// linkPatience is how long udev may take to make the node of a volume.
const linkPatience = 30 * time.Second

func (b zfsBackend) check(ctx context.Context, r Repo) error {
	parent, err := b.Datasets.Get(ctx, r.place().Parent)
	if err == nil && r.MountPoint != "" {
		err = b.mountPointFree(ctx, r)
	}
	if err != nil {
		return err
	}
	if parent.Type != dataset.Filesystem {
		return errcode.New(errcode.StorageRefused, parent.Name, "it is a %s: nothing can be made below it", parent.Type)
	}
	if !r.Thin && parent.Available != nil && *parent.Available < r.SizeBytes {
		return errcode.New(errcode.DiskFull, r.Name, "%s has %d bytes free, and %d are to be reserved", parent.Name, *parent.Available, r.SizeBytes).
			WithHint("'--thin' reserves nothing")
	}
	return b.Datasets.Create(ctx, b.dataset(r), true)
}

// dataset is what is made for a repository.
func (b zfsBackend) dataset(r Repo) dataset.New {
	size := strconv.FormatInt(r.SizeBytes, 10)
	n := dataset.New{Name: r.Object(), Properties: []string{mark + "=" + r.Name}}
	switch {
	case r.Kind == Volume:
		n.VolumeSize, n.Sparse = r.SizeBytes, r.Thin
	default:
		n.Properties = append(n.Properties, "quota="+size)
		if !r.Thin {
			n.Properties = append(n.Properties, "reservation="+size)
		}
		if r.MountPoint != "" {
			n.Properties = append(n.Properties, "mountpoint="+r.MountPoint)
		}
		if !hasProperty(r.Properties, "recordsize") {
			n.Properties = append(n.Properties, "recordsize=1M") // backups are large files, written and read from end to end
		}
	}
	n.Properties = append(n.Properties, r.Properties...)
	return n
}

func hasProperty(list []string, name string) bool {
	for _, p := range list {
		if strings.HasPrefix(p, name+"=") {
			return true
		}
	}
	return false
}

func (b zfsBackend) look(ctx context.Context, r Repo) (Seen, error) {
	d, err := b.Datasets.Get(ctx, r.Object())
	switch errcode.Of(err) {
	case "":
	case errcode.DatasetNotFound, errcode.PoolNotFound:
		return Seen{State: Missing, Reason: "there is no dataset " + r.Object()}, nil
	case errcode.PoolSuspended:
		return Seen{State: Damaged, There: true, Reason: err.Error()}, nil
	default:
		return Seen{}, err
	}
	properties, err := b.Datasets.Properties(ctx, r.Object(), mark)
	if err != nil {
		return Seen{}, err
	}
	if len(properties) != 1 || properties[0].Value != r.Name || properties[0].Source != "local" {
		return Seen{State: Foreign, There: true, Reason: fmt.Sprintf("%s does not carry %s=%s: it was not made for this repository", r.Object(), mark, r.Name)}, nil
	}
	return b.seen(r, d), nil
}

func (b zfsBackend) seen(r Repo, d dataset.Dataset) Seen {
	s := Seen{State: OK, There: true, Used: d.Used, Available: d.Available}
	switch {
	case d.Type == dataset.Volume:
		s.Path = b.Datasets.Device(d.Name)
		if d.VolumeSize != nil {
			s.Size = *d.VolumeSize
		}
		if d.UsedByDataset != nil { // used counts what is reserved
			left := max(s.Size-*d.UsedByDataset, 0) // raidz may need more than the size
			s.Used, s.Available = d.UsedByDataset, &left
		}
		return s // a volume that is written all over is as full as any disk
	case d.Quota != nil:
		s.Size, s.Path = *d.Quota, d.Mountpoint
	}
	if d.Mounted != nil && !*d.Mounted {
		s.State, s.Reason = Unmounted, "'calypso dataset mount "+d.Name+"' mounts it"
	} else {
		s.full()
	}
	return s
}

// full says so when less than 5 % are left.
func (s *Seen) full() {
	if s.Available != nil && *s.Available < s.Size/20 {
		s.State, s.Reason = Full, "less than 5 % are left; 'calypso repo grow' makes it larger"
	}
}

func (b zfsBackend) make(ctx context.Context, r *Repo, _ func(Repo) error) error {
	seen, err := b.look(ctx, *r)
	if err == nil && seen.State == Missing {
		err = b.Datasets.Create(ctx, b.dataset(*r), false)
	}
	if err == nil && r.Kind == Volume {
		err = b.Datasets.WaitDevice(ctx, r.Object(), linkPatience)
	}
	return err
}

func (b zfsBackend) canGrow(ctx context.Context, r Repo, size int64) error {
	parent, err := b.Datasets.Get(ctx, r.place().Parent)
	if err != nil || r.Thin || parent.Available == nil || *parent.Available >= size-r.SizeBytes {
		return err
	}
	return errcode.New(errcode.DiskFull, r.Name, "%s has %d bytes free, and %d more are to be reserved", parent.Name, *parent.Available, size-r.SizeBytes)
}

func (b zfsBackend) grow(ctx context.Context, r Repo, size int64) error {
	to := func(property string, size int64) error {
		return b.Datasets.Set(ctx, r.Object(), []string{property + "=" + strconv.FormatInt(size, 10)}, nil)
	}
	if r.Kind == Volume {
		return to("volsize", size) // the reservation of one that is not sparse follows
	}
	err := to("quota", size)
	if err == nil && !r.Thin { // a reservation above the quota is refused
		if err = to("reservation", size); err != nil {
			err = errors.Join(err, to("quota", r.SizeBytes))
		}
	}
	return err
}

func (b zfsBackend) planRemove(ctx context.Context, r Repo) error {
	d, err := b.Datasets.Get(ctx, r.Object())
	if err != nil {
		return err
	}
	plan, err := b.plan(ctx, r)
	if err != nil {
		return err
	}
	if n := len(plan.Destroy); n > 1 {
		return errcode.New(errcode.StorageRefused, r.Name, "%s would take %d more with it, such as %s", r.Object(), n-1, other(plan.Destroy, r.Object())).
			WithHint("'calypso snapshot destroy %s' destroys its snapshots", "'"+r.Object()+"@%'")
	}
	return b.inUse(ctx, r, d)
}

func (b zfsBackend) plan(ctx context.Context, r Repo) (dataset.Plan, error) {
	return b.Datasets.PlanDestroy(ctx, r.Object(), dataset.Reach{Recursive: true})
}

func other(list []string, but string) string {
	for _, s := range list {
		if s != but {
			return s
		}
	}
	return ""
}

// inUse refuses when somebody uses it. That a file system is mounted is no use by itself.
func (b zfsBackend) inUse(ctx context.Context, r Repo, d dataset.Dataset) error {
	holders, err := b.Datasets.Holders(ctx, d)
	if err != nil {
		return err
	}
	if len(holders) == 0 {
		return nil
	}
	return errcode.New(errcode.DatasetBusy, r.Name, "%s is in use: %s", r.Object(), holders[0].Text).
		WithState("nothing was touched")
}

func (b zfsBackend) remove(ctx context.Context, r Repo, there bool) error {
	if !there {
		return nil
	}
	plan, err := b.plan(ctx, r)
	if err == nil && len(plan.Destroy) > 1 {
		err = errcode.New(errcode.StorageRefused, r.Name, "%s has come meanwhile; nothing was touched", other(plan.Destroy, r.Object()))
	}
	if err != nil {
		return err
	}
	return b.Datasets.Destroy(ctx, plan)
}
