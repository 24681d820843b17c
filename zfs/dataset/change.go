package dataset

import (
	"context"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"calypso/sys/errcode"
	"calypso/zfs"
)

// New is a dataset to be made.
type New struct {
	Name       string
	VolumeSize int64 // bytes; 0 makes a file system
	Sparse     bool  // a volume that reserves nothing
	BlockSize  int64 // of a volume; 0 is the default of zfs
	Properties []string
	Parents    bool // make what is missing above it
}

func (n New) args() []string {
	args := []string{"create"}
	if n.Parents {
		args = append(args, "-p")
	}
	if n.Sparse {
		args = append(args, "-s")
	}
	if n.BlockSize > 0 {
		args = append(args, "-b", strconv.FormatInt(n.BlockSize, 10))
	}
	for _, p := range n.Properties {
		args = append(args, "-o", p)
	}
	if n.VolumeSize > 0 {
		args = append(args, "-V", strconv.FormatInt(n.VolumeSize, 10))
	}
	return append(args, n.Name)
}

// check finds what zfs create -n does not: it takes names that are taken, and parents that are not there.
func (s Store) check(ctx context.Context, name string, parents bool) error {
	if err := zfs.CheckDataset(name); err != nil {
		return err
	}
	there, err := s.exists(ctx, name)
	if err != nil {
		return err
	}
	if there {
		return errcode.New(errcode.DatasetExists, name, "a dataset of this name exists already")
	}
	above, _, nested := cutLast(name)
	if !nested {
		return errcode.New(errcode.PoolNotFound, name, "this is the name of a pool").WithHint("'calypso pool create' makes pools")
	}
	if parents {
		above = zfs.PoolOf(name)
	}
	if there, err = s.exists(ctx, above); err == nil && !there {
		err = errcode.New(errcode.DatasetNotFound, name, "%s, which it would be in, does not exist", above).WithHint("--parents makes what is missing")
	}
	return err
}

func cutLast(name string) (above, last string, nested bool) {
	i := strings.LastIndexByte(name, '/')
	if i < 0 {
		return "", name, false
	}
	return name[:i], name[i+1:], true
}

// Create makes a file system or a volume. A file system that was made and could not be mounted is there: the
// error is errcode.Partial then.
func (s Store) Create(ctx context.Context, n New, dryRun bool) error {
	if err := checkSettings(n.Properties); err != nil {
		return err
	}
	if err := s.check(ctx, n.Name, n.Parents); err != nil {
		return err
	}
	args := n.args()
	if dryRun {
		args = slices.Insert(args, 1, "-nP")
	}
	_, err := s.zfs(ctx, n.Name, args...)
	if err != nil && strings.Contains(said(err), "successfully created") {
		return errcode.New(errcode.Partial, n.Name, "%w", err).WithState("it was made and is not mounted").
			WithHint("see its mountpoint with 'calypso dataset show', then 'calypso dataset mount'")
	}
	return err
}

func checkSettings(list []string) error {
	for _, p := range list {
		name, _, found := strings.Cut(p, "=")
		if !found {
			return errcode.New(errcode.Usage, "", "%q is not PROPERTY=VALUE", p)
		}
		if err := checkProperty(name); err != nil {
			return err
		}
	}
	return nil
}

// Change is what setting a property did, or would do.
type Change struct {
	Property string
	Old, New Property // New.Name is "" when it is not known yet
}

// Before gives the properties that a change is about as they are.
func (s Store) Before(ctx context.Context, name string, properties []string) ([]Change, error) {
	if err := check(name); err != nil {
		return nil, err
	}
	for _, p := range properties {
		if err := checkProperty(p); err != nil {
			return nil, err
		}
	}
	list, err := s.Properties(ctx, name, properties...)
	if err != nil {
		return nil, err
	}
	var changes []Change
	for _, p := range list {
		changes = append(changes, Change{Property: p.Name, Old: p})
	}
	if len(changes) != len(properties) {
		return nil, errcode.New(errcode.PropertyInvalid, name, "zfs tells of %d properties and was asked for %d: one is named twice, or does not exist", len(changes), len(properties))
	}
	return changes, nil
}

// Shrinks says whether settings make a volume smaller, which cuts its end off.
func Shrinks(before []Change, settings []string) (bool, error) {
	for _, setting := range settings {
		text, ok := strings.CutPrefix(setting, "volsize=")
		if !ok {
			continue
		}
		size, err := parseSize(text)
		if err != nil {
			return false, err
		}
		i := slices.IndexFunc(before, func(c Change) bool { return c.Property == "volsize" })
		if i < 0 {
			continue
		}
		if old, err := number(before[i].Old.Value); err == nil && old != nil && size < float64(*old) {
			return true, nil
		}
	}
	return false, nil
}

// sizeText is a size as zfs takes it: 16M, 1.5g, 1TiB and 1TB are all powers of 1024 (zfs_nicestrtonum).
var sizeText = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?)([KMGTPEZkmgtpez]?)(?:i?[bB])?$`)

// parseSize reads a size as zfs does. What it cannot read is refused: it might make a volume smaller.
func parseSize(text string) (float64, error) {
	m := sizeText.FindStringSubmatch(text)
	if m == nil {
		return 0, errcode.New(errcode.PropertyInvalid, "", "volsize: %q is not a size such as 16G; nothing was touched", text)
	}
	n, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		return 0, errcode.New(errcode.PropertyInvalid, "", "volsize: %q is out of range", text)
	}
	return n * math.Pow(1024, float64(strings.Index("KMGTPEZ", strings.ToUpper(m[2]))+1)*float64(min(1, len(m[2])))), nil
}

// Set sets properties, all in one step as far as zfs does that, and takes others back to what they inherit.
func (s Store) Set(ctx context.Context, name string, settings, inherit []string) error {
	if err := checkSettings(settings); err != nil {
		return err
	}
	if len(settings) > 0 {
		if _, err := s.zfs(ctx, name, append(append([]string{"set"}, settings...), name)...); err != nil {
			return s.explain(ctx, name, err)
		}
	}
	for i, p := range inherit {
		if _, err := s.zfs(ctx, name, "inherit", p, name); err != nil {
			if len(settings)+i > 0 {
				return errcode.New(errcode.Partial, name, "%s: %w", p, err).WithState("what stood before it on the command line was done")
			}
			return s.explain(ctx, name, err)
		}
	}
	return nil
}

// After completes changes with what is so now.
func (s Store) After(ctx context.Context, name string, changes []Change) error {
	var names []string
	for _, c := range changes {
		names = append(names, c.Property)
	}
	list, err := s.Properties(ctx, name, names...)
	for _, p := range list {
		if i := slices.IndexFunc(changes, func(c Change) bool { return c.Property == p.Name }); i >= 0 {
			changes[i].New = p
		}
	}
	return err
}

// Rename gives a dataset, with all below it, another name in the same pool.
func (s Store) Rename(ctx context.Context, from, to string, parents, dryRun bool) error {
	d, err := s.Get(ctx, from)
	if err != nil {
		return err
	}
	if err := s.mayRename(ctx, d, to); err != nil {
		return err
	}
	if err := s.check(ctx, to, parents); err != nil || dryRun {
		return err
	}
	args := []string{"rename"}
	if parents {
		args = append(args, "-p")
	}
	_, err = s.zfs(ctx, from, append(args, from, to)...)
	return s.explain(ctx, from, err)
}

// mayRename finds what zfs would refuse only when it is done, and a volume in use, be it below, which it would not
// refuse: what uses it goes on, and finds no device node of the old name when it is started again.
func (s Store) mayRename(ctx context.Context, d Dataset, to string) error {
	switch {
	case zfs.CheckDataset(to) != nil:
		return zfs.CheckDataset(to)
	case zfs.PoolOf(d.Name) != zfs.PoolOf(to):
		return errcode.New(errcode.StorageRefused, d.Name, "%s is in another pool; nothing was touched", to).WithHint("send it there and destroy it here")
	case d.Name == zfs.PoolOf(d.Name):
		return errcode.New(errcode.StorageRefused, d.Name, "a pool gets another name by export and import; nothing was touched")
	case strings.HasPrefix(to, d.Name+"/"):
		return errcode.New(errcode.StorageRefused, d.Name, "%s is below it; nothing was touched", to)
	}
	return s.unusedBelow(ctx, d.Name, func(string) bool { return true })
}

// Mount mounts a file system; done says whether it was not mounted before.
func (s Store) Mount(ctx context.Context, name string, dryRun bool) (done bool, err error) {
	return s.mounting(ctx, name, true, dryRun)
}

// Unmount unmounts a file system and those below it; done says whether it was mounted before.
func (s Store) Unmount(ctx context.Context, name string, dryRun bool) (done bool, err error) {
	return s.mounting(ctx, name, false, dryRun)
}

func (s Store) mounting(ctx context.Context, name string, mount, dryRun bool) (bool, error) {
	d, err := s.Get(ctx, name)
	if err != nil {
		return false, err
	}
	verb := map[bool]string{true: "mount", false: "unmount"}[mount]
	switch {
	case d.Type != Filesystem:
		return false, errcode.New(errcode.StorageRefused, name, "a %s has no mountpoint", d.Type)
	case *d.Mounted == mount:
		return false, nil
	case d.Mountpoint == "none" || d.Mountpoint == "legacy":
		return false, errcode.New(errcode.StorageRefused, name, "its mountpoint is %q: zfs does not %s it", d.Mountpoint, verb).
			WithHint("%s(8) does; or set its mountpoint to a directory", strings.Replace(verb, "un", "u", 1))
	case dryRun:
		return true, nil
	}
	_, err = s.zfs(ctx, name, verb, name)
	return err == nil, s.explain(ctx, name, err)
}

// Settings are PROPERTY=VALUE with their names apart.
func Settings(list []string) (names []string, err error) {
	for _, p := range list {
		name, _, _ := strings.Cut(p, "=")
		names = append(names, name)
	}
	return names, checkSettings(list)
}
