package pool

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"calypso/sys/verdict"
)

// SnapshotSchema is the version of the form of a Snapshot.
const SnapshotSchema = 1

// Snapshot is how the pools were when a monitor looked. It is what the next look is compared with.
type Snapshot struct {
	SchemaVersion int       `json:"schema_version"`
	Time          time.Time `json:"time"`
	Pools         []Seen    `json:"pools"`
}

// Seen is one pool of a Snapshot.
type Seen struct {
	Name       string      `json:"name"`
	GUID       string      `json:"guid"` // "" unknown
	State      string      `json:"state"`
	Level      string      `json:"level"`
	LastScrub  *time.Time  `json:"last_scrub"`
	Conditions []Condition `json:"conditions"` // what is not well
}

// Condition is something that is not well with a pool.
type Condition struct {
	What   string    `json:"what"`
	Level  string    `json:"level"` // warning, critical; unknown when the pool does not answer
	Value  string    `json:"value"`
	Since  time.Time `json:"since"`
	Advice string    `json:"advice"`
}

// The changes of a Transition.
const (
	Came    = "came"
	Changed = "changed"
	Went    = "went"
)

// Transition is a condition that came, changed or went.
type Transition struct {
	Pool, GUID string
	Change     string
	Condition         // as it is now; of one that went, as it was
	Before     string // its level before; "" there was none
}

// DecodeSnapshot reads a snapshot; one of another schema is an error.
func DecodeSnapshot(data []byte) (*Snapshot, error) {
	var s Snapshot
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, err
	}
	if s.SchemaVersion != SnapshotSchema {
		return nil, fmt.Errorf("schema_version %d is not %d", s.SchemaVersion, SnapshotSchema)
	}
	return &s, nil
}

// Scrubs are the last scrubs that were seen, by GUID.
func (s *Snapshot) Scrubs() map[string]time.Time {
	m := map[string]time.Time{}
	for _, p := range s.Pools {
		if p.LastScrub != nil && p.GUID != "" {
			m[p.GUID] = *p.LastScrub
		}
	}
	return m
}

func (s *Snapshot) find(name string) *Seen {
	if i := slices.IndexFunc(s.Pools, func(p Seen) bool { return p.Name == name }); i >= 0 {
		return &s.Pools[i]
	}
	return nil
}

// levels are those of the conditions, for Assess.
func (p *Seen) levels() Levels {
	l := Levels{}
	if p == nil {
		return l
	}
	for _, c := range p.Conditions {
		switch c.Level {
		case verdict.Warning.String():
			l[c.What] = verdict.Warning
		case verdict.Critical.String():
			l[c.What] = verdict.Critical
		}
	}
	return l
}

func (p *Seen) condition(what string) *Condition {
	if p == nil {
		return nil
	}
	if i := slices.IndexFunc(p.Conditions, func(c Condition) bool { return c.What == what }); i >= 0 {
		return &p.Conditions[i]
	}
	return nil
}

// Look judges pools against the look before, the zero Snapshot at first, and tells what has changed. facts are
// those of all pools.
func Look(before *Snapshot, facts []Facts, now time.Time) (*Snapshot, []Transition) {
	next := &Snapshot{SchemaVersion: SnapshotSchema, Time: now.UTC()}
	var changes []Transition
	for _, f := range facts {
		seen, found := look(before.find(f.Name), f, now)
		next.Pools = append(next.Pools, seen)
		changes = append(changes, found...)
	}
	for _, p := range before.Pools {
		if next.find(p.Name) == nil {
			changes = append(changes, Transition{Pool: p.Name, GUID: p.GUID, Change: Came, Condition: Condition{What: "pool", Level: verdict.Warning.String(),
				Value: "no longer imported", Since: next.Time, Advice: "When nobody exported or destroyed it: 'zpool import' lists what can be imported."}})
		}
	}
	return next, changes
}

// look judges one pool. Of a pool that tells nothing now, what was wrong with it is taken to be so still.
func look(old *Seen, f Facts, now time.Time) (Seen, []Transition) {
	seen := Seen{Name: f.Name, State: f.State, LastScrub: f.LastScrub}
	if f.Space != nil {
		seen.GUID = f.Space.GUID
		if old != nil && old.GUID != "" && old.GUID != seen.GUID {
			old = nil // another pool of the same name
		}
	} else if old != nil {
		seen.GUID, seen.LastScrub = old.GUID, old.LastScrub
	}
	v := Assess(f, old.levels())
	seen.Level = v.Level.String()
	var changes []Transition
	for _, e := range v.Evidence {
		if e.Level < verdict.Warning && e.What != "answer" {
			continue
		}
		c := Condition{What: e.What, Level: e.Level.String(), Value: e.Value, Since: now.UTC(), Advice: e.Advice}
		was := old.condition(e.What)
		switch {
		case was == nil:
			changes = append(changes, Transition{Pool: f.Name, GUID: seen.GUID, Change: Came, Condition: c})
		case was.Level != c.Level || was.Value != c.Value && tellsValue(c.What):
			changes = append(changes, Transition{Pool: f.Name, GUID: seen.GUID, Change: Changed, Condition: c, Before: was.Level})
		default:
			c.Since = was.Since
		}
		seen.Conditions = append(seen.Conditions, c)
	}
	if old == nil {
		return seen, changes
	}
	for _, c := range old.Conditions {
		switch {
		case seen.condition(c.What) != nil:
		case f.Status == nil && c.What != "state" && c.What != "answer":
			seen.Conditions = append(seen.Conditions, c)
		default:
			changes = append(changes, Transition{Pool: f.Name, GUID: seen.GUID, Change: Went, Condition: c, Before: c.Level})
		}
	}
	return seen, changes
}

// tellsValue says whether another value of the same level is news: another state is, a counter that rises and
// a percentage that moves are not.
func tellsValue(what string) bool { return what == "state" || strings.HasPrefix(what, "device ") }
