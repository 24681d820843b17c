package dataset

import (
	"errors"
	"strings"
	"time"
)

// Dataset is a file system, a volume or (with other types asked for) a snapshot or bookmark. A nil number is
// one that this type does not have; a quota or reservation of 0 is none.
type Dataset struct {
	Name, Type, GUID string
	Creation         time.Time
	Used             *int64 // bytes, with all that is below
	Available        *int64
	Referenced       *int64
	UsedByDataset    *int64
	UsedBySnapshots  *int64
	UsedByChildren   *int64
	UsedByRefreserv  *int64
	Quota            *int64
	Reservation      *int64
	VolumeSize       *int64
	Origin           string // the snapshot it is a clone of, or ""
	Mounted          *bool  // of a file system
	KeyStatus        string // "available", "unavailable", or "" when it is not encrypted
	Mountpoint       string // as the property says: a directory, "legacy", "none", or "" for what has none
}

// The types of datasets, as `zfs list -t` has them.
const (
	Filesystem   = "filesystem"
	Volume       = "volume"
	SnapshotType = "snapshot"
	Bookmark     = "bookmark"
)

// Types are all that List knows.
func Types() []string { return []string{Filesystem, Volume, SnapshotType, Bookmark} }

// datasetColumns are asked for by name: what zfs list shows by itself has changed over time. The mountpoint is
// last because it alone may hold a tab or a newline.
var datasetColumns = []string{"name", "type", "guid", "creation", "used", "available", "referenced", "usedbydataset",
	"usedbysnapshots", "usedbychildren", "usedbyrefreservation", "quota", "reservation", "volsize", "origin", "mounted",
	"keystatus", "mountpoint"}

// decodeDatasets reads `zfs list -Hp -o` with datasetColumns.
func decodeDatasets(each func(Dataset)) *rows {
	return &rows{columns: len(datasetColumns), freeText: true, each: func(f []string) error {
		d, err := newDataset(f)
		if err == nil {
			each(d)
		}
		return err
	}}
}

func newDataset(f []string) (Dataset, error) {
	d := Dataset{Name: f[0], Type: f[1], GUID: f[2], Origin: none(f[14]), KeyStatus: none(f[16]), Mountpoint: none(f[17])}
	var errs []error
	var err error
	if d.Creation, err = moment(f[3]); err != nil {
		errs = append(errs, err)
	}
	numbers := []**int64{&d.Used, &d.Available, &d.Referenced, &d.UsedByDataset, &d.UsedBySnapshots, &d.UsedByChildren,
		&d.UsedByRefreserv, &d.Quota, &d.Reservation, &d.VolumeSize}
	for i, n := range numbers {
		if *n, err = number(f[4+i]); err != nil {
			errs = append(errs, err)
		}
	}
	if f[15] != "-" {
		mounted := f[15] == "yes"
		d.Mounted = &mounted
	}
	return d, errors.Join(errs...)
}

// Snapshot is a snapshot as the long list has it.
type Snapshot struct {
	Name       string // with its dataset: "tank/a@x"
	GUID       string
	CreateTXG  int64
	Creation   time.Time
	Used       int64 // bytes that only this snapshot holds
	Referenced int64
	Holds      int64    // how many tags hold it
	Clones     []string // what was cloned from it
}

// Dataset is what the snapshot is of.
func (s *Snapshot) Dataset() string { d, _, _ := strings.Cut(s.Name, "@"); return d }

// Short is the name after the '@'.
func (s *Snapshot) Short() string { _, short, _ := strings.Cut(s.Name, "@"); return short }

// snapshotColumns are all that is shown of a snapshot, in one call; the lab's TestManySnapshots prints what they
// cost beside the four columns that zfs lists by itself.
var snapshotColumns = []string{"name", "guid", "createtxg", "creation", "used", "referenced", "userrefs", "clones"}

// decodeSnapshots reads `zfs list -Hp -t snapshot -o` with snapshotColumns.
func decodeSnapshots(each func(Snapshot)) *rows {
	return &rows{columns: len(snapshotColumns), each: func(f []string) error {
		s, err := newSnapshot(f)
		if err == nil {
			each(s)
		}
		return err
	}}
}

func newSnapshot(f []string) (Snapshot, error) {
	s := Snapshot{Name: f[0], GUID: f[1], Clones: names(f[7])}
	var errs [5]error
	s.CreateTXG, errs[0] = count(f[2])
	s.Creation, errs[1] = moment(f[3])
	s.Used, errs[2] = count(f[4])
	s.Referenced, errs[3] = count(f[5])
	s.Holds, errs[4] = count(f[6])
	return s, errors.Join(errs[:]...)
}

// names reads a list of datasets; no name has a comma in it.
func names(text string) []string {
	if text == "" || text == "-" {
		return nil
	}
	return strings.Split(text, ",")
}
