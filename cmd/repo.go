package cmd

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"calypso/repo"
	"calypso/sys/errcode"
	"calypso/sys/lvm"
)

func repoGroup() *command {
	return &command{
		Name: "repo", Summary: "disk repositories on ZFS and LVM",
		Description: "A repository is space of a given size with a name, for Bacula or an iSCSI target. A volume is a block device, a filesystem is a mounted directory. It is the same object on ZFS (a volume, a dataset with a quota) and on LVM (a logical volume, with ext4 or xfs on it and a systemd mount unit).\n\nWhat is made for a repository carries its name: the property calypso:repo of ZFS, a tag of LVM. What does not carry it is never changed or destroyed by these commands.",
		Commands:    []*command{repoListCommand(), repoShowCommand(), repoCreateCommand(), repoGrowCommand(), repoDeleteCommand()},
	}
}

var repoExits = []errcode.Exit{errcode.ExitNotFound, errcode.ExitUnsupported, errcode.ExitDevice}
var repoChangeExits = append([]errcode.Exit{errcode.ExitPartial, errcode.ExitNoSpace}, repoExits...)

func repoArg() arg { return arg{Name: "NAME", Usage: "name of the repository"} }

func (inv *invocation) repos() repo.Store {
	return repo.Store{Dir: filepath.Join(inv.places.StateDir, "repos"), Datasets: inv.datasets(),
		Volumes: lvm.Tools{Runner: hostTools}, Tools: hostTools, Units: "/etc/systemd/system"}
}

// lockRepo takes the lock of a repository, then that of what it is made of.
func (inv *invocation) lockRepo(ctx context.Context, r repo.Repo) (releases, error) {
	if inv.dryRun {
		return nil, nil
	}
	return inv.lockAll(ctx, "repo-"+r.Name, r.Lock())
}

// repoDoc is a repository in JSON.
type repoDoc struct {
	Name           string    `json:"name"`
	Kind           string    `json:"kind"`
	On             string    `json:"on"`
	Object         string    `json:"object"`
	State          string    `json:"state"`
	Reason         *string   `json:"reason"`
	SizeBytes      *int64    `json:"size_bytes"`
	UsedBytes      *int64    `json:"used_bytes"`
	AvailableBytes *int64    `json:"available_bytes"`
	Path           *string   `json:"path"`
	Format         *string   `json:"format"`
	UUID           *string   `json:"uuid"`
	Thin           bool      `json:"thin"`
	Created        time.Time `json:"created"`
}

func newRepoDoc(s repo.Status) repoDoc {
	return repoDoc{Name: s.Name, Kind: s.Kind, On: s.On, Object: s.Object(), State: string(s.State), Reason: orNull(s.Reason),
		SizeBytes: orNullSize(s.Seen.Size), UsedBytes: s.Used, AvailableBytes: s.Available, Path: orNull(s.Path), Format: orNull(s.Format),
		UUID: orNull(s.UUID), Thin: s.Thin, Created: s.Created}
}

// repoListDoc is `calypso repo list --json`.
type repoListDoc struct {
	Repos []repoDoc `json:"repos"`
}

func repoListCommand() *command {
	return &command{
		Name: "list", Summary: "list the repositories",
		Description: "Lists every repository with its size and state: ok; full (less than 5 % are left, in it or in the thin pool below it); unmounted; missing (what it is on is not there); incomplete (making it was cut off); foreign (something else has its place); damaged.\n\nWhat is used on a volume of LVM that is not thin is not known: it is '-'.",
		Examples:    []example{{"calypso repo list", "all of them"}, {"calypso repo list --json | jq -r '.repos[]|select(.state!=\"ok\").name'", "those that want a look"}},
		Exits:       repoExits,
		Run:         runRepoList,
	}
}

func runRepoList(ctx context.Context, inv *invocation) error {
	list, err := inv.repos().List(ctx)
	if err != nil {
		return err
	}
	var doc repoListDoc
	t := newTable("name", "kind", "on", ">size", ">used", ">available", "state", "path")
	for _, s := range list {
		d := newRepoDoc(s)
		doc.Repos = append(doc.Repos, d)
		t.row(d.Name, d.Kind, d.On, spaceCell(d.SizeBytes), spaceCell(d.UsedBytes), spaceCell(d.AvailableBytes), d.State, d.Path)
	}
	return inv.emit(doc, func(p *page) { p.table(t, "no repositories; 'calypso repo create' makes one") })
}

func repoShowCommand() *command {
	return &command{
		Name: "show", Summary: "show a repository",
		Description: "Shows what a repository is, where it is and how it is.",
		Args:        []arg{repoArg()},
		Examples:    []example{{"calypso repo show bk01", "how it is"}},
		Exits:       repoExits,
		Run: func(ctx context.Context, inv *invocation) error {
			s, err := inv.repos().Get(ctx, inv.arg("NAME"))
			if err != nil {
				return err
			}
			return inv.emitRepo(s, "")
		},
	}
}

// emitRepo shows one repository below a line that says what was done to it.
func (inv *invocation) emitRepo(s repo.Status, did string) error {
	d := newRepoDoc(s)
	return inv.emit(d, func(p *page) {
		if did != "" {
			p.line("%s", did)
			return
		}
		p.line("repository %s: %s", d.Name, d.State)
		if s.Reason != "" {
			p.line("%s", s.Reason)
		}
		p.blank()
		t := newTable("property", "value")
		t.row("kind", d.Kind)
		t.row("on", d.On)
		t.row("object", d.Object)
		t.row("path", d.Path)
		t.row("size", spaceCell(d.SizeBytes))
		t.row("used", spaceCell(d.UsedBytes))
		t.row("available", spaceCell(d.AvailableBytes))
		t.row("thin", d.Thin)
		t.row("format", d.Format)
		t.row("uuid", d.UUID)
		t.row("created", d.Created)
		p.table(t, "")
	})
}

func repoCreateCommand() *command {
	return &command{
		Name: "create", Summary: "make a repository",
		Description: "Makes a repository of a size (rounded up to whole MiB) in a pool or dataset of ZFS, a volume group of LVM or one of its thin pools.\n\nIts space is reserved, unless it is --thin (ZFS) or in a thin pool (LVM). A filesystem on ZFS has recordsize 1M unless -o says another; it is mounted below its parent unless --mount says where. On LVM it is ext4, or xfs, mounted by a systemd unit on /srv/calypso/NAME or where --mount says.\n\nWhen making it is cut off, the same command goes on where the first one stopped.",
		Args:        []arg{repoArg()},
		Flags: []flag{
			stringFlag("on", "PLACE", "zfs:POOL, zfs:POOL/DATASET, lvm:VG or lvm:VG/THINPOOL").Required(),
			sizeFlag("size", "how large it is").Required(),
			stringFlag("kind", "KIND", "volume (a block device) or filesystem (a mounted directory)").Choices(repo.Volume, repo.Filesystem).Default(repo.Volume),
			stringFlag("mount", "DIR", "where a filesystem is mounted"),
			stringFlag("format", "FORMAT", "of a filesystem on LVM: ext4 (the default) or xfs").Choices(repo.Formats()...),
			boolFlag("thin", "reserve nothing"),
			stringsFlag("property", "PROPERTY=VALUE", "a property for ZFS").Short("o"),
		},
		Examples: []example{
			{"calypso repo create bk01 --on zfs:tank --size 2TiB", "a volume, for an iSCSI target"},
			{"calypso repo create disk1 --on lvm:vg0 --size 500GiB --kind filesystem", "a directory for Bacula's disk volumes"},
		},
		Exits: repoChangeExits, Mutates: true,
		Run: runRepoCreate,
	}
}

func runRepoCreate(ctx context.Context, inv *invocation) (err error) {
	place, err := repo.ParsePlace(inv.str("on"))
	if err != nil {
		return err
	}
	r := repo.Repo{Name: inv.arg("NAME"), Kind: inv.str("kind"), On: place.String(), SizeBytes: inv.size("size"), Thin: inv.flag("thin"),
		Format: inv.str("format"), MountPoint: inv.str("mount"), Properties: inv.strs("property")}
	if err := completeForLVM(place, &r); err != nil {
		return err
	}
	held, err := inv.lockRepo(ctx, r)
	if err != nil {
		return err
	}
	defer closeInto(&err, held)
	s, err := inv.repos().Create(ctx, r, inv.dryRun)
	if err != nil {
		return err
	}
	return inv.emitRepo(s, fmt.Sprintf("%s repository %s, a %s of %s: %s", inv.done("made", "make"), s.Name, s.Kind, spaceText(s.SizeBytes), cell(orNull(s.Path))))
}

// completeForLVM fills in what ZFS decides by itself, and refuses for each what only the other has.
func completeForLVM(place repo.Place, r *repo.Repo) error {
	switch {
	case place.Backend == repo.ZFS && r.Format != "", r.Kind == repo.Volume && r.Format != "":
		return usageErrorf("--format is for --kind filesystem on lvm")
	case place.Backend == repo.LVM && len(r.Properties) > 0:
		return usageErrorf("-o is for zfs; LVM has no such properties")
	case place.Backend == repo.LVM && r.Kind == repo.Filesystem:
		if r.Format == "" {
			r.Format = repo.Formats()[0]
		}
		if r.MountPoint == "" {
			r.MountPoint = repo.DefaultMountPoint(r.Name)
		}
	}
	return nil
}

func repoGrowCommand() *command {
	return &command{
		Name: "grow", Summary: "make a repository larger",
		Description: "Makes a repository larger, while it is in use: the volume, and for a filesystem what is on it. What an initiator or another program made on a volume it must grow itself; an iSCSI initiator has to rescan first. A repository never gets smaller.",
		Args:        []arg{repoArg()},
		Flags:       []flag{sizeFlag("size", "how large it shall be, all in all").Required()},
		Examples:    []example{{"calypso repo grow bk01 --size 3TiB", "from 2 TiB, say"}},
		Exits:       repoChangeExits, Mutates: true,
		Run: runRepoGrow,
	}
}

func runRepoGrow(ctx context.Context, inv *invocation) (err error) {
	held, err := inv.lockKnownRepo(ctx)
	if err != nil {
		return err
	}
	defer closeInto(&err, held)
	before, after, err := inv.repos().Grow(ctx, inv.arg("NAME"), inv.size("size"), inv.dryRun)
	if err != nil {
		return err
	}
	return inv.emitRepo(after, fmt.Sprintf("%s repository %s from %s to %s", inv.done("grew", "grow"), after.Name,
		spaceText(before.Seen.Size), spaceText(max(after.Seen.Size, inv.size("size")))))
}

// lockKnownRepo takes the locks of the repository that is named.
func (inv *invocation) lockKnownRepo(ctx context.Context) (releases, error) {
	s, err := inv.repos().Get(ctx, inv.arg("NAME"))
	if err != nil {
		return nil, err
	}
	return inv.lockRepo(ctx, s.Repo)
}

func repoDeleteCommand() *command {
	return &command{
		Name: "delete", Summary: "destroy a repository",
		Description: "Destroys a repository with all data on it; it wants --confirm NAME. One that is in use is refused with the name of who uses it, and so is one that has snapshots. When what it is on is not there (a pool that was exported, a volume group that is missing) only calypso's record of it goes.",
		Args:        []arg{repoArg()},
		Examples:    []example{{"calypso repo delete bk01 --confirm bk01", "destroy it"}},
		Exits:       repoChangeExits, Mutates: true, Danger: severe,
		Run: runRepoDelete,
	}
}

func runRepoDelete(ctx context.Context, inv *invocation) (err error) {
	held, err := inv.lockKnownRepo(ctx)
	if err != nil {
		return err
	}
	defer closeInto(&err, held)
	store := inv.repos()
	s, err := store.PlanDelete(ctx, inv.arg("NAME"))
	if err != nil {
		return err
	}
	what := fmt.Sprintf("destroy repository %s and all data on %s, %s", s.Name, s.Object(), spaceText(s.Seen.Size))
	if !s.There {
		what = fmt.Sprintf("forget repository %s; %s", s.Name, s.Reason)
	}
	if err := inv.confirmName(ctx, s.Name, what); err != nil {
		return err
	}
	if !inv.dryRun {
		if err := store.Delete(ctx, s); err != nil {
			return err
		}
	}
	return inv.emitRepo(s, fmt.Sprintf("%s repository %s", inv.done("deleted", "delete"), s.Name))
}
