package pool

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"calypso/sys/verdict"
	"calypso/zfs"
)

// The thresholds. ZFS becomes slow when it is nearly full, and cannot free space by deleting when it is full.
var (
	capacityLimits      = limits{80, 90} // percent
	fragmentationLimits = limits{50, 0}  // percent of the free space
)

const (
	scrubDays = 35 // a scrub a month, and a few days of grace
	// margin is how far below a threshold a figure still counts as above it when it was: one that moves about
	// it must not be reported each time.
	margin = 2
)

// limits are from where on a figure is a warning and critical; 0 is never.
type limits struct{ warning, critical uint64 }

func (l limits) level(n uint64) verdict.Level {
	switch {
	case l.critical > 0 && n >= l.critical:
		return verdict.Critical
	case l.warning > 0 && n >= l.warning:
		return verdict.Warning
	}
	return verdict.OK
}

// held is the level of a figure that had the level before.
func (l limits) held(n uint64, before verdict.Level) verdict.Level {
	return max(l.level(n), min(before, l.level(n+margin)))
}

func (l limits) String() string {
	if l.critical == 0 {
		return fmt.Sprintf("warning from %d %%", l.warning)
	}
	return fmt.Sprintf("warning from %d %%, critical from %d %%", l.warning, l.critical)
}

// Levels are those of the conditions of a pool by name (Evidence.What), as they were found before.
type Levels map[string]verdict.Level

// Assess judges a pool. It is a function of the facts, and of what was found before where there is a monitor:
// that keeps a figure at its threshold from coming and going.
func Assess(f Facts, before Levels) verdict.Verdict {
	a := &assessment{pool: f.Name, before: before}
	switch {
	case f.State == zfs.Suspended:
		a.add(verdict.Evidence{Level: verdict.Critical, What: "state", Value: zfs.Suspended, Source: "kstat",
			Advice: "The pool lost its devices and stands still; whatever uses it waits. Bring the devices back, then 'calypso pool clear " + f.Name + "'. The kernel log says what was lost."})
		return verdict.Of(a.list)
	case f.Status == nil:
		a.add(verdict.Evidence{Level: verdict.Unknown, What: "answer", Source: "zpool status",
			Advice: "The pool did not answer. See the kernel log."})
		if a.state(f.State, "kstat"); a.list[1].Level == verdict.OK {
			a.list[1].Level = verdict.Info // that the kernel calls it online does not say that it is well
		}
		return verdict.Of(a.list)
	}
	a.state(f.State, "zpool status")
	a.dataErrors(f.Status.DataErrors)
	a.devices(f.Status.Vdevs)
	a.redundancy(f.Status.Vdevs)
	a.space(f.Space)
	a.work(f.Status)
	a.scrub(f)
	a.rest(f.Status)
	return verdict.Of(a.list)
}

type assessment struct {
	pool   string
	before Levels
	list   []verdict.Evidence
}

func (a *assessment) add(e verdict.Evidence) { a.list = append(a.list, e) }

func (a *assessment) state(state, source string) {
	e := verdict.Evidence{What: "state", Value: state, Source: source}
	switch state {
	case "ONLINE":
		e.Level = verdict.OK
	case "DEGRADED":
		e.Level, e.Advice = verdict.Warning, "The pool works, with less protection than it was made with. Replace or bring back the device that is named."
	default:
		e.Level, e.Advice = verdict.Critical, "The pool cannot be used. Bring its devices back; see 'zpool status "+a.pool+"'."
	}
	a.add(e)
}

func (a *assessment) dataErrors(n *uint64) {
	e := verdict.Evidence{Level: verdict.Unknown, What: "data errors", Source: "zpool status", Threshold: "critical from 1"}
	if n != nil {
		e.Level, e.Value = verdict.OK, fmt.Sprint(*n)
		if *n > 0 {
			e.Level = verdict.Critical
			e.Advice = "Files are damaged beyond repair: 'zpool status -v " + a.pool + "' names them. Restore them, then scrub."
		}
	}
	a.add(e)
}

// devices tells each device that is not as it should be, in its state or its counters.
func (a *assessment) devices(tree []Vdev) {
	well := true
	for _, v := range tree {
		for _, d := range v.Leaves() {
			state, errors := a.deviceState(d), a.deviceErrors(d)
			well = well && state && errors
		}
	}
	if well {
		a.add(verdict.Evidence{Level: verdict.OK, What: "devices", Value: "all well", Source: "zpool status"})
	}
}

func (a *assessment) deviceState(d Vdev) (well bool) {
	e := verdict.Evidence{Level: verdict.Warning, What: "device " + d.shown(), Value: d.State, Source: "zpool status"}
	if d.Note != "" {
		e.Value += ", " + d.Note
	}
	switch d.State {
	case "ONLINE", "AVAIL":
		return true
	case "INUSE":
		e.Advice = "The spare stands in for another device. Replace that one; the spare is then free again."
	case "OFFLINE":
		e.Advice = "It was taken offline by hand: 'calypso pool online' brings it back."
	case "REMOVED", "UNAVAIL":
		e.Advice = "Look after its cable, power and slot, then 'calypso pool online'; if it is lost, 'calypso pool replace'."
	default:
		e.Advice = "Replace it with 'calypso pool replace'. If cable or controller were at fault, 'calypso pool clear' after the repair."
	}
	a.add(e)
	return false
}

func (a *assessment) deviceErrors(d Vdev) (well bool) {
	var found []string
	for _, c := range []struct {
		n    *uint64
		what string
	}{{d.Read, "read"}, {d.Write, "write"}, {d.Checksum, "checksum"}, {d.SlowIOs, "slow"}} {
		if c.n != nil && *c.n > 0 {
			found = append(found, fmt.Sprintf("%d %s", *c.n, c.what))
		}
	}
	if len(found) == 0 {
		return true
	}
	a.add(verdict.Evidence{Level: verdict.Warning, What: "errors of " + d.shown(), Value: strings.Join(found, ", "), Source: "zpool status",
		Threshold: "warning from 1",
		Advice:    "See its SMART values and the kernel log. 'calypso pool clear' sets the counters back; replace it when they rise again."})
	return false
}

func (v Vdev) shown() string {
	if v.Was != "" {
		return v.Name + " (was " + v.Was + ")"
	}
	return v.Name
}

// redundancy finds groups that the loss of one more device would destroy.
func (a *assessment) redundancy(tree []Vdev) {
	for _, v := range tree {
		spared, grouped := v.tolerates()
		if !grouped || v.Class == Spare || v.Class == Cache {
			continue
		}
		lost := 0
		for _, c := range v.Children {
			if !c.serves() {
				lost++
			}
		}
		if lost > 0 && lost >= spared {
			a.add(verdict.Evidence{Level: verdict.Critical, What: "redundancy of " + v.Name, Value: "none left", Source: "zpool status",
				Advice: "The loss of one more device loses the pool. Replace the one that is gone now, and touch no other."})
		}
	}
}

// tolerates is how many devices a group can lose.
func (v Vdev) tolerates() (n int, grouped bool) {
	switch v.Type {
	case "mirror":
		return len(v.Children) - 1, true
	case "raidz", "draid":
		parity := strings.TrimPrefix(v.Name, v.Type)
		if parity != "" && parity[0] >= '1' && parity[0] <= '3' {
			return int(parity[0] - '0'), true
		}
	}
	return 0, false
}

// serves says whether a member of a group has its data: a group that replaces one has, when one of it does.
func (v Vdev) serves() bool {
	if len(v.Children) == 0 {
		return v.State == "ONLINE"
	}
	for _, c := range v.Children {
		if c.serves() {
			return true
		}
	}
	return false
}

func (a *assessment) space(s *Space) {
	a.percent("capacity", s.Capacity, capacityLimits,
		"Delete snapshots or data, or add devices. From 90 % on ZFS becomes slow; when it is full, deleting fails too.")
	a.percent("fragmentation", s.Fragmentation, fragmentationLimits,
		"The free space is in small pieces, so writes become slow. More free space helps; nothing else does but writing the data anew.")
}

func (a *assessment) percent(what string, n *uint64, l limits, advice string) {
	e := verdict.Evidence{Level: verdict.Unknown, What: what, Source: "zpool list", Threshold: l.String()}
	if n != nil {
		e.Level, e.Value = l.held(*n, a.before[what]), fmt.Sprintf("%d %%", *n)
	}
	if e.Level >= verdict.Warning {
		e.Advice = advice
	}
	a.add(e)
}

// work tells what is going on. A scrub is no illness, a resilver is: until it ends a device is missing.
func (a *assessment) work(s *Status) {
	for _, w := range []*Work{s.Scan, s.Removal, s.Expansion} {
		if w == nil || w.State == Canceled || w.State == Finished {
			continue
		}
		e := verdict.Evidence{Level: verdict.Info, What: w.Kind, Value: w.Progress(), Source: "zpool status"}
		switch {
		case w.State == Paused:
			e.Level, e.Advice = verdict.Warning, "It goes on with 'calypso pool scrub "+a.pool+"'."
		case w.Kind == Resilver:
			e.Level, e.Advice = verdict.Warning, "Wait until it has ended before you touch another device."
		}
		a.add(e)
	}
	if c := s.Checkpoint; c != nil {
		e := verdict.Evidence{Level: verdict.Info, What: "checkpoint", Value: "exists", Source: "zpool status"}
		if c.Created != nil {
			e.Value = "since " + c.Created.Format(time.DateOnly) + "; what is freed stays allocated"
		}
		a.add(e)
	}
}

// Progress is where work stands, for people.
func (w *Work) Progress() string {
	text := w.State
	if w.Percent != nil {
		text += fmt.Sprintf(", %.1f %% done", *w.Percent)
	}
	if w.Left != nil {
		text += fmt.Sprintf(", %s left", *w.Left)
	}
	return text
}

func (a *assessment) scrub(f Facts) {
	e := verdict.Evidence{Level: verdict.Unknown, What: "last scrub", Source: "zpool status", Threshold: fmt.Sprintf("warning after %d days", scrubDays)}
	since := f.LastScrub
	if since == nil {
		since, e.Value = f.Created, "never"
	}
	if since == nil {
		e.Value = ""
		a.add(e)
		return
	}
	days := int(f.Now.Sub(*since).Hours() / 24)
	if f.LastScrub != nil {
		e.Value = fmt.Sprintf("%d days ago", days)
	}
	e.Level = verdict.OK
	if w := f.Status.Scan; days >= scrubDays && (w == nil || w.Kind != Scrub || w.State != Running) {
		e.Level, e.Advice = verdict.Warning, "Damage is found by scrubs alone while another copy can still mend it: 'calypso pool scrub "+a.pool+"'."
	}
	a.add(e)
	if w := f.Status.Scan; w != nil && w.State == Finished && w.Errors != nil && *w.Errors > 0 {
		a.add(verdict.Evidence{Level: verdict.Warning, What: "errors of the last " + w.Kind, Value: fmt.Sprint(*w.Errors), Source: "zpool status",
			Threshold: "warning from 1", Advice: "It met what it could not repair. See 'zpool status -v " + a.pool + "', then scrub again."})
	}
}

// rest is what the tool complains of and nothing above explains: an old version, another host, an erratum. What
// zpool status has no words for (space, the age of a scrub) explains nothing: the complaint must not go and come
// with it.
func (a *assessment) rest(s *Status) {
	explains := func(e verdict.Evidence) bool {
		return e.Level >= verdict.Warning && e.Source == "zpool status" && e.What != "last scrub" && e.What != Scrub
	}
	if s.Message == "" || slices.ContainsFunc(a.list, explains) {
		return
	}
	e := verdict.Evidence{Level: verdict.Warning, What: "message", Value: s.Message, Source: "zpool status", Advice: s.Action}
	if strings.Contains(s.Message, "features are not enabled") {
		e.Level, e.Advice = verdict.Info, "" // who may have to import the pool elsewhere leaves them off
	}
	a.add(e)
}
