package vdev

import (
	"path/filepath"
	"slices"
	"strings"

	"calypso/sys/disk"
	"calypso/sys/errcode"
	"calypso/zfs/pool"
)

// Place is where a device is in a pool.
type Place struct {
	Device pool.Vdev
	Parent *pool.Vdev // the mirror, raidz, replacing, spare it is in; nil when it is a group itself
	Group  pool.Vdev  // the top-level vdev
}

// Arg names the device for zpool: as 'zpool status' shows it, or by GUID when two are shown alike.
func (p Place) Arg(s *pool.Status) string {
	same := 0
	for _, top := range s.Vdevs {
		for _, leaf := range top.Leaves() {
			if leaf.Name == p.Device.Name {
				same++
			}
		}
	}
	if same > 1 && p.Device.GUID != "" {
		return p.Device.GUID
	}
	return p.Device.Name
}

// Locate finds a device of the pool by what people call it: its name in the status, its path, its GUID, a name of
// /dev/disk/by-id, or any other path to the same device. It is refused when that means two: a device that is missing
// was where another one is now, or a disk has two partitions in the pool.
func Locate(h disk.Host, s *pool.Status, word string) (Place, error) {
	places := allPlaces(s)
	for _, fits := range []func(pool.Vdev) bool{
		func(v pool.Vdev) bool { return word == v.GUID || word == v.Path || word == v.Name || word == v.Was },
		func(v pool.Vdev) bool { return sameDevice(h, v, word) },
	} {
		found := slices.DeleteFunc(slices.Clone(places), func(p Place) bool { return word == "" || !fits(p.Device) })
		if len(found) == 0 {
			continue
		}
		first := found[0].Device
		other := func(p Place) bool { return p.Device.GUID != first.GUID || p.Device.Name != first.Name }
		if i := slices.IndexFunc(found, other); i > 0 {
			return Place{}, errcode.New(errcode.StorageRefused, word, "pool %s has two devices that this fits: %s (GUID %s) and %s (GUID %s)",
				s.Name, first.Name, first.GUID, found[i].Device.Name, found[i].Device.GUID).
				WithState("nothing was touched").WithHint("name it by its GUID")
		}
		return found[0], nil
	}
	var names []string
	for _, p := range places {
		names = append(names, p.Device.Name)
	}
	return Place{}, errcode.New(errcode.DeviceNotFound, word, "pool %s has no such device; it has %s", s.Name, strings.Join(names, ", ")).
		WithHint("see 'calypso pool status'")
}

func allPlaces(s *pool.Status) []Place {
	var list []Place
	var walk func(v pool.Vdev, parent *pool.Vdev, top pool.Vdev)
	walk = func(v pool.Vdev, parent *pool.Vdev, top pool.Vdev) {
		list = append(list, Place{v, parent, top})
		for _, c := range v.Children {
			walk(c, &v, top)
		}
	}
	for _, top := range s.Vdevs {
		walk(top, nil, top)
	}
	return list
}

// sameDevice follows links: ZFS shows a whole disk by the name it was given, and uses its first partition.
func sameDevice(h disk.Host, v pool.Vdev, word string) bool {
	if len(v.Children) > 0 {
		return false
	}
	asked, err := h.Find(word)
	if err != nil {
		return false
	}
	for _, path := range []string{v.Path, v.Name} {
		if path == "" || !filepath.IsAbs(path) && !strings.Contains(path, "-") {
			continue
		}
		d, err := h.Find(path)
		if err == nil && (d.Name == asked.Name || slices.Contains(asked.Partitions, d.Name)) {
			return true
		}
	}
	return false
}

// Bears is how many more devices the group can lose once the device without is gone; -1: the group itself is lost,
// and the pool with it. "" takes none away.
func Bears(v pool.Vdev, without string) int {
	if len(v.Children) == 0 {
		if usable(v) && v.Name != without {
			return 0
		}
		return -1
	}
	good, bad := 0, 0
	for _, c := range v.Children {
		if Bears(c, without) >= 0 {
			good++
		} else {
			bad++
		}
	}
	if n := parityOf(v.Name); n > 0 {
		return max(n-bad, -1)
	}
	return good - 1 // a mirror, and what stands in for one while it is replaced
}

// parityOf reads names of groups: "raidz2-0", "draid1:4d:6c:1s-0"; 0 for a mirror.
func parityOf(name string) int {
	kind, _, _ := strings.Cut(name, "-")
	n, _ := parity(kind)
	return n
}

func usable(v pool.Vdev) bool { return v.State == "ONLINE" || v.State == "DEGRADED" || v.State == "" }
