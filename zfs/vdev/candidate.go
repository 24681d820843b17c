package vdev

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"calypso/sys/errcode"
	"calypso/sys/run"
	"calypso/zfs"
)

// Candidate is a pool on the disks of this host that is not imported.
type Candidate struct {
	Name      string
	GUID      string
	State     string // ONLINE, DEGRADED, UNAVAIL, FAULTED
	Destroyed bool
	OtherHost bool   // another host used it last, and did not export it
	Status    string // what is wrong, in zpool's words; ""
	Action    string // what zpool would do about it
	Comment   string
	Devices   []Device
	Notes     []string // what zpool says below the devices
}

// Device is one line of the tree of a candidate.
type Device struct {
	Depth int // 0 is the pool, or the name of a class: logs, cache, spares
	Name  string
	State string // "" of a class, a cache, a spare
	Note  string // "cannot open"
}

// Missing lists the devices that are not there.
func (c Candidate) Missing() []string {
	var list []string
	for _, d := range c.Devices {
		if d.State == "UNAVAIL" && strings.HasPrefix(d.Note, "cannot open") {
			list = append(list, d.Name)
		}
	}
	return list
}

// Search says where to look for pools.
type Search struct {
	Dirs      []string // directories or devices in place of the disks of the host
	Destroyed bool     // pools that were destroyed, and none else
}

func (s Search) args() []string {
	words := []string{"import"}
	if s.Destroyed {
		words = append(words, "-D")
	}
	for _, dir := range s.Dirs {
		words = append(words, "-d", dir)
	}
	return words
}

// Candidates lists the pools that can be imported. `zpool import` has no form for machines in any version
// (2.1 to 2.4), so this reads what it tells people.
func (s Search) Candidates(ctx context.Context, t zfs.Tools) ([]Candidate, error) {
	r, err := t.Cmd(ctx, "", run.Cmd{Name: "zpool", Args: s.args(), Timeout: patience})
	if errcode.Of(err) == errcode.PoolNotFound {
		return nil, nil // "no pools available to import": some versions call that a failure
	}
	if err != nil {
		return nil, err
	}
	return ParseCandidates(string(r.Stdout)), nil
}

// Pick finds a pool by name or GUID.
func Pick(list []Candidate, name string) (Candidate, error) {
	var fits []Candidate
	for _, c := range list {
		if c.GUID == name {
			return c, nil
		}
		if c.Name == name {
			fits = append(fits, c)
		}
	}
	switch len(fits) {
	case 1:
		return fits[0], nil
	case 0:
		return Candidate{}, errcode.New(errcode.PoolNotFound, name, "no pool of this name or id can be imported; found: %s", namesOf(list)).
			WithHint("'calypso pool import' lists them; --dir looks elsewhere, --destroyed for destroyed pools")
	}
	return Candidate{}, errcode.New(errcode.StorageRefused, name, "%d pools have this name: %s", len(fits), namesOf(fits)).
		WithState("nothing was touched").WithHint("name the pool by its id, and give it another name with --rename")
}

func namesOf(list []Candidate) string {
	var names []string
	for _, c := range list {
		names = append(names, c.Name+" (id "+c.GUID+", "+c.State+")")
	}
	if names == nil {
		return "none"
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

var (
	// heading is "   pool: tank"; the keys stand to the right in eight columns.
	heading = regexp.MustCompile(`^ {0,7}(pool|id|state|status|action|comment|see|config): ?(.*)$`)
	// row is a device: two blanks for each level, the name (which may have blanks itself), its state, a note.
	row = regexp.MustCompile(`^( *)(\S.*?)(?:  +(ONLINE|DEGRADED|FAULTED|OFFLINE|UNAVAIL|REMOVED|AVAIL|INUSE)(?:  +(\S.*))?)?\s*$`)
)

// ParseCandidates reads the output of `zpool import` (zpool_main.c, show_import).
func ParseCandidates(text string) []Candidate {
	p := candidateParser{}
	for line := range strings.Lines(text) {
		p.line(strings.TrimRight(line, "\n"))
	}
	return p.list
}

type candidateParser struct {
	list  []Candidate
	key   string // of the section
	prose bool   // the tree of devices has ended
}

func (p *candidateParser) line(line string) {
	if m := heading.FindStringSubmatch(line); m != nil {
		p.head(m[1], m[2])
		return
	}
	if len(p.list) == 0 {
		return
	}
	c := &p.list[len(p.list)-1]
	rest, indented := strings.CutPrefix(line, "\t")
	switch {
	case p.key == "config" && line == "":
		p.prose = len(c.Devices) > 0
	case p.key == "config" && indented && !p.prose:
		if m := row.FindStringSubmatch(rest); m != nil {
			c.Devices = append(c.Devices, Device{Depth: len(m[1]) / 2, Name: m[2], State: m[3], Note: m[4]})
		}
	case p.key == "config" && indented:
		c.Notes = append(c.Notes, strings.TrimSpace(rest))
	case indented:
		p.add(c, " "+strings.TrimSpace(rest))
	}
}

func (p *candidateParser) head(key, value string) {
	if key == "pool" {
		p.list = append(p.list, Candidate{Name: value})
	}
	if len(p.list) == 0 {
		return
	}
	p.key, p.prose = key, false
	c := &p.list[len(p.list)-1]
	switch key {
	case "id":
		c.GUID = strings.TrimSpace(value)
	case "state":
		c.State, c.Destroyed = strings.CutSuffix(strings.TrimSpace(value), " (DESTROYED)")
	case "see":
		c.OtherHost = c.OtherHost || strings.HasSuffix(value, "ZFS-8000-EY")
	default:
		p.add(c, value)
	}
}

// add adds a line to a section of prose.
func (p *candidateParser) add(c *Candidate, words string) {
	switch p.key {
	case "status":
		c.Status += words
		c.OtherHost = c.OtherHost || strings.Contains(c.Status, "last accessed by another system")
	case "action":
		c.Action += words
	case "comment":
		c.Comment += words
	}
}

// Import says how a pool is to be taken in.
type Import struct {
	Search
	Pool       Candidate
	Rename     string // "" keeps the name
	ReadOnly   bool
	Force      bool // though another host used it last
	MissingLog bool // though its log device is missing: what was in the log is lost
	NoMount    bool
}

// Name is what the pool is called afterwards.
func (i Import) Name() string {
	if i.Rename != "" {
		return i.Rename
	}
	return i.Pool.Name
}

// Args are the words for zpool. The pool is named by its GUID, which no other has.
func (i Import) Args() []string {
	words := i.args()
	for _, f := range []struct {
		set   bool
		words []string
	}{
		// zpool wants -f for a destroyed pool; Check has held it to the rule of Force before.
		{i.Force || i.Destroyed, []string{"-f"}},
		{i.MissingLog, []string{"-m"}},
		{i.NoMount, []string{"-N"}},
		{i.ReadOnly, []string{"-o", "readonly=on"}},
	} {
		if f.set {
			words = append(words, f.words...)
		}
	}
	words = append(words, i.Pool.GUID)
	if i.Rename != "" {
		words = append(words, i.Rename)
	}
	return words
}

// Check refuses what cannot or must not be imported.
func (i Import) Check() error {
	switch {
	case i.Pool.OtherHost && !i.Force:
		return otherHost(i.Pool.Name, nil)
	case i.Pool.State == "UNAVAIL" || i.Pool.State == "FAULTED":
		return errcode.New(errcode.DeviceError, i.Pool.Name, "the pool cannot be imported: %s %s", i.Pool.Status, i.Pool.Action).
			WithState("nothing was touched").WithHint("bring these devices back: %s", strings.Join(i.Pool.Missing(), ", "))
	}
	return nil
}

// Do imports the pool.
func (i Import) Do(ctx context.Context, t zfs.Tools) error {
	_, err := t.Cmd(ctx, i.Pool.Name, run.Cmd{Name: "zpool", Args: i.Args(), Timeout: patience})
	if err != nil && strings.Contains(err.Error(), "another system") {
		return otherHost(i.Pool.Name, err)
	}
	if err != nil && strings.Contains(err.Error(), "currently unavailable") && len(i.Pool.Missing()) > 0 && !i.MissingLog {
		return errcode.New(errcode.DeviceError, i.Pool.Name, "%w; missing: %s", err, strings.Join(i.Pool.Missing(), ", ")).
			WithHint("bring it back, or --missing-log if it was a log and its last writes may be lost")
	}
	return err
}

// otherHost explains the one thing that damages a pool for certain: two hosts that have it imported at a time.
func otherHost(pool string, cause error) error {
	e := errcode.New(errcode.StorageRefused, pool, "another host used this pool last and did not export it").
		WithState("nothing was touched").
		WithHint("export it there, or make sure that host is off or has no path to these disks: a pool that two hosts have at a time is destroyed; then --force")
	if cause != nil {
		e.Msg, e.Err = cause.Error(), cause
	}
	return e
}
