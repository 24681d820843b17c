package repo

import (
	"path/filepath"
	"strings"
	"time"

	"calypso/sys/errcode"
)

// The kinds of repositories.
const (
	Volume     = "volume"
	Filesystem = "filesystem"
)

// Repo is the record of a repository.
type Repo struct {
	SchemaVersion int       `yaml:"schema_version"`
	Name          string    `yaml:"name"`
	Kind          string    `yaml:"kind"`
	On            string    `yaml:"on"`         // the place, as ParsePlace reads it
	SizeBytes     int64     `yaml:"size_bytes"` // as asked for, in whole MiB
	Thin          bool      `yaml:"thin"`       // nothing is reserved for it
	Format        string    `yaml:"format"`     // of a file system on LVM: ext4 or xfs; else ""
	UUID          string    `yaml:"uuid"`       // of that file system; chosen before it is made
	Formatted     bool      `yaml:"formatted"`  // that file system was made to its end
	MountPoint    string    `yaml:"mount_point"`
	Properties    []string  `yaml:"properties"` // of ZFS, beside those that calypso sets
	Created       time.Time `yaml:"created"`
	Complete      bool      `yaml:"complete"` // false: making it has begun and not ended
}

// place is that of a record that was checked.
func (r Repo) place() Place {
	backend, parent, _ := strings.Cut(r.On, ":")
	return Place{Backend(backend), parent}
}

// Object is the dataset or logical volume: tank/bk01, vg0/bk01.
func (r Repo) Object() string {
	p := r.place()
	if p.Backend == LVM {
		return p.pool() + "/" + r.Name
	}
	return p.Parent + "/" + r.Name
}

// mark is what the object carries: the property or tag.
const mark = "calypso:repo"

// State is how a repository is.
type State string

const (
	OK         State = "ok"
	Incomplete State = "incomplete" // making it was cut off
	Missing    State = "missing"    // what it is on is not there
	Foreign    State = "foreign"    // something else has its place
	Unmounted  State = "unmounted"
	Full       State = "full" // less than 5 % are free, in it or in the thin pool below it
	Damaged    State = "damaged"
)

// Seen is what there is of a repository.
type Seen struct {
	State     State
	Reason    string // for a state that is not OK
	There     bool   // there is something in its place, its own or foreign
	Size      int64  // 0: not known
	Used      *int64 // nil: not known (what is on a thick volume of LVM is not)
	Available *int64
	Path      string // the device or the directory; "" when there is none
}

// Status is a repository and what there is of it.
type Status struct {
	Repo
	Seen
}

const mib = 1 << 20

// check refuses a new repository that makes no sense anywhere.
func (r Repo) check() error {
	switch {
	case r.SizeBytes < 16*mib:
		return errcode.New(errcode.Usage, r.Name, "a repository has at least 16 MiB")
	case r.Kind == Volume && r.MountPoint != "":
		return errcode.New(errcode.Usage, r.Name, "a volume is not mounted; --mount is for --kind filesystem")
	case r.MountPoint != "" && !validMountPoint(r.MountPoint):
		return errcode.New(errcode.Usage, r.Name, "%q is no mount point: want a path from / on, without . or .., a / at its end, a backslash or control characters", r.MountPoint)
	}
	return nil
}

// validMountPoint holds a path to what systemd takes in a unit file as it is.
func validMountPoint(path string) bool {
	special := func(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' }
	return path != "/" && filepath.IsAbs(path) && filepath.Clean(path) == path && !strings.ContainsFunc(path, special)
}

// mustBe refuses to change a repository whose place is empty or has something else in it.
func (s Seen) mustBe(r Repo) error {
	switch s.State {
	case Missing:
		return errcode.New(errcode.RepoNotFound, r.Name, "%s is not there: %s", r.Object(), s.Reason).
			WithHint("bring back what it is on, or 'calypso repo delete %s' forgets it", r.Name)
	case Foreign:
		return errcode.New(errcode.RepoForeign, r.Name, "%s", s.Reason)
	}
	return nil
}
