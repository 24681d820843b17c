package pool

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

var day = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// well is a healthy pool with so many percent used.
func well(capacity uint64) Facts {
	scrubbed, none, frag := day.AddDate(0, 0, -3), uint64(0), uint64(5)
	return Facts{Name: "tank", State: "ONLINE", LastScrub: &scrubbed, Now: day,
		Space: &Space{Name: "tank", GUID: "1", State: "ONLINE", Capacity: &capacity, Fragmentation: &frag},
		Status: &Status{Name: "tank", State: "ONLINE", DataErrors: &none, Vdevs: []Vdev{{Name: "mirror-0", Type: "mirror", Class: Data, State: "ONLINE",
			Children: []Vdev{{Name: "vda", State: "ONLINE"}, {Name: "vdb", State: "ONLINE"}, {Name: "vdc", State: "ONLINE"}}}}}}
}

func told(changes []Transition) string {
	var list []string
	for _, c := range changes {
		list = append(list, fmt.Sprintf("%s %s %s %s>%s", c.Pool, c.What, c.Change, c.Before, c.Level))
	}
	return strings.Join(list, "; ")
}

// A pool through its life: each change is told once.
func TestTransitions(t *testing.T) {
	degraded := well(50)
	degraded.State, degraded.Status.State = "DEGRADED", "DEGRADED"
	degraded.Status.Vdevs[0].Children[1].State = "UNAVAIL"
	faulted := degraded
	faulted.Status = &Status{Name: "tank", State: "DEGRADED", Vdevs: []Vdev{{Name: "mirror-0", Type: "mirror", Class: Data,
		Children: []Vdev{{Name: "vda", State: "ONLINE"}, {Name: "vdb", State: "FAULTED"}, {Name: "vdc", State: "ONLINE"}}}}, DataErrors: new(uint64)}
	suspended := Facts{Name: "tank", State: "SUSPENDED", Now: day}
	silent := Facts{Name: "tank", State: "DEGRADED", Problem: errors.New("no answer"), Now: day}
	other := well(85)
	other.Space = &Space{Name: "tank", GUID: "2", Capacity: other.Space.Capacity}
	steps := []struct {
		facts []Facts
		want  string
	}{
		{[]Facts{well(50)}, ""},
		{[]Facts{well(80)}, "tank capacity came >warning"},
		{[]Facts{well(81)}, ""},
		{[]Facts{well(79)}, ""}, // held
		{[]Facts{well(80)}, ""},
		{[]Facts{well(90)}, "tank capacity changed warning>critical"},
		{[]Facts{well(89)}, ""}, // held
		{[]Facts{well(87)}, "tank capacity changed critical>warning"},
		{[]Facts{well(78)}, ""}, // held
		{[]Facts{well(77)}, "tank capacity went warning>warning"},
		{[]Facts{degraded}, "tank state came >warning; tank device vdb came >warning"},
		{[]Facts{degraded}, ""},
		{[]Facts{faulted}, "tank device vdb changed warning>warning"},
		{[]Facts{silent}, "tank answer came >unknown"},
		{[]Facts{suspended}, "tank state changed warning>critical; tank answer went unknown>unknown"},
		{[]Facts{suspended}, ""},
		{[]Facts{faulted}, "tank state changed critical>warning"},
		{[]Facts{well(50)}, "tank state went warning>warning; tank device vdb went warning>warning"},
		{[]Facts{well(85)}, "tank capacity came >warning"},
		{[]Facts{other}, "tank capacity came >warning"}, // another pool of the same name
		{nil, "tank pool came >warning"},
		{nil, ""},
	}
	last := &Snapshot{}
	for i, step := range steps {
		next, changes := Look(last, step.facts, day.Add(time.Duration(i)*time.Minute))
		if told(changes) != step.want {
			t.Errorf("step %d: %q; want %q", i, told(changes), step.want)
		}
		data, err := json.Marshal(next) // it goes through a file from look to look
		if err != nil {
			t.Fatal(err)
		}
		if last, err = DecodeSnapshot(data); err != nil {
			t.Fatal(err)
		}
	}
}

// What zpool complains of does not go because the pool gets full or a scrub is late, and is no news afterwards.
func TestComplaintStays(t *testing.T) {
	complains := func(f Facts) Facts {
		f.Status.Message, f.Status.Action = "Errata #4 detected.", "Copy it."
		return f
	}
	late := well(50)
	*late.LastScrub = day.AddDate(0, 0, -40)
	last := &Snapshot{}
	for i, step := range []struct {
		facts Facts
		want  string
	}{
		{complains(well(50)), "tank message came >warning"},
		{complains(well(85)), "tank capacity came >warning"},
		{complains(late), "tank last scrub came >warning; tank capacity went warning>warning"},
		{complains(well(50)), "tank last scrub went warning>warning"},
		{well(50), "tank message went warning>warning"},
	} {
		next, changes := Look(last, []Facts{step.facts}, day)
		if told(changes) != step.want {
			t.Errorf("step %d: %q; want %q", i, told(changes), step.want)
		}
		last = next
	}
}

// A condition keeps the time it came, and a resilver does not make the last scrub unknown.
func TestSnapshotRemembers(t *testing.T) {
	first, _ := Look(&Snapshot{}, []Facts{well(85)}, day)
	next, _ := Look(first, []Facts{well(86)}, day.Add(time.Hour))
	if c := next.Pools[0].Conditions[0]; !c.Since.Equal(day) || c.Value != "86 %" {
		t.Errorf("%+v; want it since %v", c, day)
	}
	if got := next.Scrubs()["1"]; !got.Equal(day.AddDate(0, 0, -3)) {
		t.Errorf("Scrubs = %v", got)
	}
	silent, _ := Look(next, []Facts{{Name: "tank", State: "SUSPENDED", Now: day}}, day.Add(2*time.Hour))
	if got := silent.Scrubs()["1"]; !got.Equal(day.AddDate(0, 0, -3)) {
		t.Errorf("Scrubs of a pool that is not asked = %v", got)
	}
}

func TestDecodeSnapshotRefuses(t *testing.T) {
	for _, text := range []string{"", "[]", `{"schema_version":2}`, `{"schema_version":1,"pools":7}`} {
		if s, err := DecodeSnapshot([]byte(text)); err == nil {
			t.Errorf("DecodeSnapshot(%q) = %+v", text, s)
		}
	}
}

func FuzzSnapshot(f *testing.F) {
	f.Add([]byte(`{"schema_version":1,"time":"2026-01-02T03:04:05Z","pools":[{"name":"tank","conditions":[{"what":"capacity","level":"warning"}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if s, err := DecodeSnapshot(data); err == nil {
			Look(s, []Facts{well(79)}, day)
			s.Scrubs()
		}
	})
}
