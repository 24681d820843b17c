package pool

import (
	"strings"
	"testing"
	"time"

	"calypso/sys/verdict"
	"calypso/zfs"
)

func find(v verdict.Verdict, what string) *verdict.Evidence {
	for i := range v.Evidence {
		if v.Evidence[i].What == what {
			return &v.Evidence[i]
		}
	}
	return nil
}

func TestAssessWell(t *testing.T) {
	v := Assess(well(50), nil)
	if v.Level != verdict.OK {
		t.Errorf("%+v", v)
	}
	for _, e := range v.Evidence {
		if e.Level >= verdict.Warning || e.Advice != "" || e.Source == "" || e.Value == "" {
			t.Errorf("%+v", e)
		}
	}
}

// Each recorded state of a pool, judged. The evidence that is named must have the level of the whole.
func TestAssessRecorded(t *testing.T) {
	tests := []struct {
		name  string
		level verdict.Level
		what  string
	}{
		{"20-scrub-done", verdict.OK, "state"},
		{"20-scrub-paused", verdict.Warning, "scrub"},
		{"20-scrub-progress", verdict.OK, "state"},
		{"21-offline-degraded", verdict.Critical, "redundancy of mirror-0"},
		{"21-offline-resilvering", verdict.Warning, "resilver"},
		{"22-replace-three-way", verdict.OK, "state"},
		{"22-replace-with-spare", verdict.OK, "state"},
		{"22-replace-spare-inuse", verdict.Warning, "device vde"},
		{"22-replace-replacing", verdict.Warning, "resilver"},
		{"23-add-allclasses", verdict.OK, "devices"},
		{"24-removal-evacuating", verdict.OK, "state"},
		{"25-raidz-raidz-degraded", verdict.Critical, "redundancy of raidz1-0"},
		{"25-raidz-expanding", verdict.OK, "state"},
		{"25-raidz-draid", verdict.OK, "state"},
		{"26-misc-checkpoint", verdict.OK, "state"},
		{"26-misc-nofeatures", verdict.OK, "state"},
		{"30-cksum-repaired", verdict.Warning, "errors of /var/lib/zv/f1"},
		{"31-dataerr-errors", verdict.Critical, "data errors"},
		{"32-unavail-missing", verdict.Critical, "redundancy of mirror-0"},
		{"32-unavail-vanished", verdict.Critical, "redundancy of raidz1-0"},
		{"33-logmissing-log-missing", verdict.Warning, "device 13139970932983706863 (was /var/lib/zv/f2)"},
		{"35-slow-status-s", verdict.Warning, "errors of /var/lib/zv/f1"},
		{"36-zed-io-faulted-spare", verdict.Warning, "device /var/lib/zv/f1"},
		{"37-removed-removed", verdict.Critical, "redundancy of mirror-0"},
		{"38-suspended", verdict.Critical, "state"},
	}
	for _, tt := range tests {
		file := tt.name + "-status-j"
		if strings.HasSuffix(tt.name, "-s") {
			file = tt.name + "-j"
		}
		e := read(t, file)
		s, err := decodeStatusJSON([]byte(e.Stdout), poolNamed(e.Argv), at)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		f := well(50)
		f.Status, f.State, f.Name = s, s.State, s.Name
		v := Assess(f, nil)
		line := find(v, tt.what)
		if v.Level != tt.level || line == nil || line.Level != tt.level {
			t.Errorf("%s: %v, %s: %+v; want %v\n%+v", tt.name, v.Level, tt.what, line, tt.level, v.Evidence)
		}
		for _, e := range v.Evidence {
			if e.Level >= verdict.Warning && e.Advice == "" {
				t.Errorf("%s: no advice: %+v", tt.name, e)
			}
		}
	}
}

func TestAssessFigures(t *testing.T) {
	n := func(v uint64) *uint64 { return &v }
	days := func(d int) *time.Time { t := day.AddDate(0, 0, -d); return &t }
	tests := []struct {
		name, what string
		change     func(*Facts)
		want       verdict.Level
	}{
		{"79 percent", "capacity", func(f *Facts) { f.Space.Capacity = n(79) }, verdict.OK},
		{"80 percent", "capacity", func(f *Facts) { f.Space.Capacity = n(80) }, verdict.Warning},
		{"90 percent", "capacity", func(f *Facts) { f.Space.Capacity = n(90) }, verdict.Critical},
		{"capacity unknown", "capacity", func(f *Facts) { f.Space.Capacity = nil }, verdict.Unknown},
		{"in pieces", "fragmentation", func(f *Facts) { f.Space.Fragmentation = n(50) }, verdict.Warning},
		{"scrubbed in time", "last scrub", func(f *Facts) { f.LastScrub = days(34) }, verdict.OK},
		{"scrub missed", "last scrub", func(f *Facts) { f.LastScrub = days(35) }, verdict.Warning},
		{"scrub at work", "last scrub", func(f *Facts) { f.LastScrub, f.Status.Scan = days(90), &Work{Kind: Scrub, State: Running} }, verdict.OK},
		{"new pool", "last scrub", func(f *Facts) { f.LastScrub, f.Created = nil, days(3) }, verdict.OK},
		{"never scrubbed", "last scrub", func(f *Facts) { f.LastScrub, f.Created = nil, days(300) }, verdict.Warning},
		{"age unknown", "last scrub", func(f *Facts) { f.LastScrub = nil }, verdict.Unknown},
		{"scrub found errors", "errors of the last scrub", func(f *Facts) { f.Status.Scan = &Work{Kind: Scrub, State: Finished, Errors: n(2)} }, verdict.Warning},
		{"lost data", "data errors", func(f *Facts) { f.Status.DataErrors = n(1) }, verdict.Critical},
		{"data errors unknown", "data errors", func(f *Facts) { f.Status.DataErrors = nil }, verdict.Unknown},
		{"one of three", "device vdb", func(f *Facts) { f.Status.Vdevs[0].Children[1].State = "OFFLINE" }, verdict.Warning},
		{"two of three", "redundancy of mirror-0", func(f *Facts) {
			f.Status.Vdevs[0].Children[1].State, f.Status.Vdevs[0].Children[2].State = "OFFLINE", "UNAVAIL"
		}, verdict.Critical},
		{"erratum", "message", func(f *Facts) { f.Status.Message, f.Status.Action = "Errata #4 detected.", "Copy it." }, verdict.Warning},
		{"features", "message", func(f *Facts) { f.Status.Message = "Some features are not enabled on the pool." }, verdict.Info},
	}
	for _, tt := range tests {
		f := well(50)
		tt.change(&f)
		v := Assess(f, nil)
		line := find(v, tt.what)
		if line == nil || line.Level != tt.want {
			t.Errorf("%s: %+v; want %v", tt.name, line, tt.want)
			continue
		}
		if want := max(tt.want, verdict.OK); v.Level != want {
			t.Errorf("%s: the whole is %v; want %v", tt.name, v.Level, want)
		}
	}
}

func TestAssessNoAnswer(t *testing.T) {
	if v := Assess(Facts{Name: "tank", State: zfs.Suspended, Now: day}, nil); v.Level != verdict.Critical || v.Evidence[0].Advice == "" {
		t.Errorf("suspended: %+v", v)
	}
	v := Assess(Facts{Name: "tank", State: "ONLINE", Now: day}, nil)
	if find(v, "answer") == nil || v.Level != verdict.Unknown {
		t.Errorf("no answer: %+v", v)
	}
}
