package repo

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"calypso/sys/disk"
	"calypso/sys/errcode"
	"calypso/sys/run"
	"calypso/sys/state"
)

// Formats are the file systems that can be made on a logical volume.
func Formats() []string { return []string{"ext4", "xfs"} }

// makeFilesystem makes what is missing: the file system, the directory, the unit that mounts it, the mount.
func (b lvmBackend) makeFilesystem(ctx context.Context, r *Repo, save func(Repo) error) error {
	if !r.Formatted {
		if err := b.format(ctx, r, save); err != nil {
			return err
		}
	}
	return b.mount(ctx, *r)
}

// format makes the file system. Its UUID is in the record before it is on the volume: by that, what an mkfs
// left that was cut off is known, and made anew; nobody has mounted it yet. Whatever else is written there
// stays as it is.
func (b lvmBackend) format(ctx context.Context, r *Repo, save func(Repo) error) error {
	if r.UUID == "" {
		r.UUID = newUUID()
		if err := save(*r); err != nil {
			return err
		}
	}
	err := b.mayFormat(ctx, *r)
	if err == nil {
		_, err = b.tool(ctx, *r, mkfs(*r, b.device(*r)))
	}
	if err != nil {
		return err
	}
	r.Formatted = true
	return save(*r)
}

// newUUID is a random one (RFC 9562, version 4). Tests put a known one there.
var newUUID = func() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// tool runs a tool for a repository.
func (s Store) tool(ctx context.Context, r Repo, c run.Cmd) (run.Result, error) {
	out, err := s.Tools.Run(ctx, c)
	if errcode.Of(err) == errcode.Failed {
		err = errcode.New(errcode.Failed, r.Name, "%w", err)
	}
	return out, err
}

// canFormat refuses when the tool that makes the file system is not installed, or its directory is in use.
func (b lvmBackend) canFormat(ctx context.Context, r Repo) error {
	version := mkfs(r, "")
	version.Args = []string{"-V"}
	if _, err := b.tool(ctx, r, version); err != nil {
		return err
	}
	if _, _, err := b.ownUnit(ctx, r); err != nil {
		return err
	}
	return b.mountPointFree(ctx, r)
}

// mkfs is the call that makes a file system, over what an earlier one left; one that is mounted both tools refuse.
// Discarding first would make a thin volume of terabytes slow.
func mkfs(r Repo, device string) run.Cmd {
	if r.Format == "xfs" {
		return run.Cmd{Name: "mkfs.xfs", Args: []string{"-q", "-f", "-K", "-m", "uuid=" + r.UUID, device}, Package: "xfsprogs", Timeout: time.Hour}
	}
	return run.Cmd{Name: "mkfs.ext4", Args: []string{"-q", "-F", "-E", "nodiscard", "-m", "0", "-U", r.UUID, device}, Package: "e2fsprogs", Timeout: time.Hour}
}

// mayFormat refuses a volume on which anything is written but what an mkfs of this repository left.
func (b lvmBackend) mayFormat(ctx context.Context, r Repo) error {
	list, err := disk.System(b.Tools).Signatures(ctx, b.device(r))
	for _, s := range list {
		if s.Type != r.Format || s.UUID != r.UUID {
			return errcode.New(errcode.RepoForeign, r.Name, "something was written there that was not made for this repository: %s", s)
		}
	}
	return err
}

// DefaultMountPoint is where a filesystem on LVM is mounted when nothing else is said.
func DefaultMountPoint(name string) string { return "/srv/calypso/" + name }

// mount makes the unit and starts it: the mount comes back after a reboot, and a boot does not fail without it.
func (b lvmBackend) mount(ctx context.Context, r Repo) error {
	unit, present, err := b.ownUnit(ctx, r)
	if err == nil && !present { // else an earlier run came that far
		err = b.mountPointFree(ctx, r)
	}
	if err != nil {
		return err
	}
	if err := os.MkdirAll(b.Root+r.MountPoint, 0o750); err != nil {
		return err
	}
	if err := state.WriteFile(filepath.Join(b.Units, unit), unitText(r), 0o644); err != nil {
		return err
	}
	if err := b.announce(ctx, r); err != nil {
		return err
	}
	return b.systemctl(ctx, r, []string{"daemon-reload"}, []string{"enable", unit}, []string{"start", unit})
}

// announce makes udev look at the volume again, and waits until it has made the link that the unit names. udev does
// not watch a device while it looks at it: the end of an mkfs that came then, right after the volume was made, is
// never heard of.
func (b lvmBackend) announce(ctx context.Context, r Repo) error {
	_, err := b.tool(ctx, r, run.Cmd{Name: "udevadm", Package: "udev", Timeout: systemPatience,
		Args: []string{"trigger", "--settle", "--action=change", b.device(r)}})
	return err
}

// ownUnit is the name of the mount unit, and whether it is there. One that was not made for the repository is
// an error.
func (b lvmBackend) ownUnit(ctx context.Context, r Repo) (unit string, present bool, err error) {
	if unit, err = b.unit(ctx, r); err != nil {
		return "", false, err
	}
	text, err := os.ReadFile(filepath.Join(b.Units, unit))
	if errors.Is(err, fs.ErrNotExist) {
		return unit, false, nil
	}
	if err == nil && !strings.HasPrefix(string(text), unitHead(r)) {
		err = errcode.New(errcode.RepoForeign, r.Name, "the unit %s was not made for this repository", unit).
			WithHint("choose another mount point with --mount, or take the unit away")
	}
	return unit, true, err
}

// mountPointFree refuses a directory that holds something: it would be hidden.
func (s Store) mountPointFree(ctx context.Context, r Repo) error {
	on, err := s.findMount(ctx, r)
	if err == nil && on != nil {
		err = errcode.New(errcode.StorageRefused, r.Name, "%s is mounted on %s", on.Source, r.MountPoint)
	}
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(s.Root + r.MountPoint)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && len(entries) > 0 {
		err = errcode.New(errcode.StorageRefused, r.Name, "the mount point %s is not empty: what is in it would be hidden", r.MountPoint)
	}
	return err
}

func unitHead(r Repo) string {
	return "# Made by calypso for the repository " + r.Name + "; 'calypso repo delete' takes it away.\n"
}

func unitText(r Repo) []byte {
	escape := func(s string) string { return strings.ReplaceAll(s, "%", "%%") }
	return []byte(unitHead(r) + fmt.Sprintf(`[Unit]
Description=calypso repository %[1]s

[Mount]
What=/dev/disk/by-uuid/%[2]s
Where=%[3]s
Type=%[4]s
Options=noatime

[Install]
WantedBy=local-fs.target
`, r.Name, r.UUID, escape(r.MountPoint), r.Format))
}

// unit is the name that systemd wants for the mount of a directory.
func (b lvmBackend) unit(ctx context.Context, r Repo) (string, error) {
	out, err := b.tool(ctx, r, run.Cmd{Name: "systemd-escape", Args: []string{"--path", "--suffix=mount", r.MountPoint}, Package: "systemd"})
	return strings.TrimSpace(string(out.Stdout)), err
}

// systemPatience is for systemd and udev. It is longer than systemd's own, which waits 90 s for the device of a mount
// (systemd-system.conf(5), DefaultDeviceTimeoutSec).
const systemPatience = 3 * time.Minute

func (b lvmBackend) systemctl(ctx context.Context, r Repo, calls ...[]string) error {
	for _, args := range calls {
		if _, err := b.tool(ctx, r, run.Cmd{Name: "systemctl", Args: args, Package: "systemd", Timeout: systemPatience}); err != nil {
			return err
		}
	}
	return nil
}

// mounted is what is mounted on a directory.
type mounted struct {
	Source string
	UUID   string // "" when udev does not tell
	Size   int64
	Avail  int64
	Used   int64
}

// is says whether the file system is that of the repository.
func (m *mounted) is(r Repo) bool { return m.UUID == "" || m.UUID == r.UUID }

// findMount tells what is mounted on the mount point; nil is nothing.
func (s Store) findMount(ctx context.Context, r Repo) (*mounted, error) {
	out, err := s.tool(ctx, r, run.Cmd{Name: "findmnt", Package: "util-linux",
		Args: []string{"--json", "--bytes", "--output", "SOURCE,UUID,SIZE,AVAIL,USED", "--mountpoint", r.MountPoint}})
	var exit *run.ExitError
	if errors.As(err, &exit) && exit.Result.ExitCode == 1 { // findmnt(8): nothing was found
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var doc struct{ Filesystems []mounted }
	if err := json.Unmarshal(out.Stdout, &doc); err != nil || len(doc.Filesystems) == 0 {
		return nil, errcode.New(errcode.StorageUnsupported, r.MountPoint, "the answer of findmnt is not understood: %v", err)
	}
	return &doc.Filesystems[len(doc.Filesystems)-1], nil // the uppermost
}

// lookMounted completes what is seen of a filesystem by its mount.
func (b lvmBackend) lookMounted(ctx context.Context, r Repo, seen *Seen) error {
	m, err := b.findMount(ctx, r)
	if err != nil {
		return err
	}
	seen.Path = r.MountPoint
	if m != nil && !m.is(r) {
		seen.State, seen.Reason = Unmounted, m.Source+" is mounted on "+r.MountPoint+" in its place"
		return nil
	}
	if m == nil {
		unit, err := b.unit(ctx, r)
		seen.State, seen.Reason = Unmounted, "'systemctl start "+unit+"' mounts it"
		return err
	}
	seen.Used, seen.Available = &m.Used, &m.Avail
	seen.full()
	return nil
}

// mustBeMounted refuses to grow a file system that is not mounted: resize2fs would want a check of it all first,
// and xfs_growfs cannot. What is mounted in its place would be made larger by that.
func (b lvmBackend) mustBeMounted(ctx context.Context, r Repo) error {
	m, err := b.findMount(ctx, r)
	if err == nil && (m == nil || !m.is(r)) {
		err = errcode.New(errcode.StorageRefused, r.Name, "it is not mounted on %s, and grows only while it is", r.MountPoint).WithState("nothing was touched")
	}
	return err
}

// growFilesystem makes the file system as large as its volume.
func (b lvmBackend) growFilesystem(ctx context.Context, r Repo) error {
	call := run.Cmd{Name: "resize2fs", Args: []string{b.device(r)}, Package: "e2fsprogs", Timeout: time.Hour}
	if r.Format == "xfs" {
		call = run.Cmd{Name: "xfs_growfs", Args: []string{r.MountPoint}, Package: "xfsprogs", Timeout: time.Hour}
	}
	_, err := b.tool(ctx, r, call)
	if err != nil {
		return errcode.New(errcode.Partial, r.Name, "%w", err).
			WithState("the logical volume %s is larger, the file system on it is as it was", r.Object()).
			WithHint("the same command tries again")
	}
	return nil
}

// forgetMount unmounts it and takes the unit away. A repository that was cut off early has none.
func (b lvmBackend) forgetMount(ctx context.Context, r Repo) error {
	unit, present, err := b.ownUnit(ctx, r)
	if errcode.Of(err) == errcode.RepoForeign {
		return nil // that is why it was never mounted
	}
	if err != nil || !present {
		return err
	}
	if err := b.systemctl(ctx, r, []string{"stop", unit}, []string{"disable", unit}); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(b.Units, unit)); err != nil {
		return err
	}
	_ = os.Remove(b.Root + r.MountPoint) // a directory that is not empty stays
	return b.systemctl(ctx, r, []string{"daemon-reload"})
}
