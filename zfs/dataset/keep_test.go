package dataset

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseRetention(t *testing.T) {
	got, err := ParseRetention("hourly=24,daily=7,weekly=4,monthly=12,yearly=2,last=3")
	if want := (Retention{3, 24, 7, 4, 12, 2}); err != nil || got != want {
		t.Errorf("ParseRetention = %+v, %v; want %+v", got, err, want)
	}
	for _, text := range []string{"", "daily", "daily=", "daily=-1", "daily=x", "daily=1,daily=2", "dayly=1", "daily=0", "daily=1,", "daily=1 ", "last=99999999999"} {
		if got, err := ParseRetention(text); err == nil {
			t.Errorf("ParseRetention(%q) = %+v; want an error", text, got)
		}
	}
}

// at makes snapshots of these times, given in the order in which they were taken.
func at(times ...string) []Snapshot {
	var list []Snapshot
	for i, text := range times {
		when, err := time.Parse("2006-01-02 15:04", text)
		if err != nil {
			panic(err)
		}
		list = append(list, Snapshot{Name: "t@" + text, CreateTXG: int64(10 + i), Creation: when})
	}
	return list
}

// judged is "NAME:reason,reason" of each verdict.
func judged(list []Verdict) string {
	var b strings.Builder
	for _, v := range list {
		fmt.Fprintf(&b, "%s: %s\n", v.Short(), strings.Join(v.Reasons, " "))
	}
	return b.String()
}

func TestKeep(t *testing.T) {
	list := at("2025-12-28 12:00", "2025-12-29 12:00", "2026-01-01 12:00", "2026-01-03 23:59", "2026-01-04 00:00", "2026-01-04 10:00", "2026-01-04 10:30")
	list[0].Holds, list[1].Clones = 1, []string{"t/c"}
	got := judged(Retention{Hourly: 2, Daily: 3, Weekly: 9, Monthly: 1, Yearly: 5}.Keep(list))
	// 2025-12-29 is the Monday of the first ISO week of 2026.
	want := `2026-01-04 10:30: newest hourly daily weekly monthly yearly
2026-01-04 10:00: 
2026-01-04 00:00: hourly
2026-01-03 23:59: daily
2026-01-01 12:00: daily
2025-12-29 12:00: cloned yearly
2025-12-28 12:00: held weekly
`
	if got != want {
		t.Errorf("Keep =\n%s; want\n%s", got, want)
	}
	if got := judged(Retention{Last: 2}.Keep(list[4:])); got != "2026-01-04 10:30: newest last\n2026-01-04 10:00: last\n2026-01-04 00:00: \n" {
		t.Errorf("Keep last =\n%s", got)
	}
	hours := at("2026-03-01 10:00", "2026-03-02 10:00")
	if got := judged(Retention{Hourly: 2, Monthly: 2}.Keep(hours)); got != "2026-03-02 10:00: newest hourly monthly\n2026-03-01 10:00: hourly\n" {
		t.Errorf("Keep hourly =\n%s", got)
	}
	if got := (Retention{Daily: 1}).Keep(nil); len(got) != 0 {
		t.Errorf("Keep(nil) = %v", got)
	}
}

// A clock that was set back makes no older snapshot the newest.
func TestKeepWithClockSetBack(t *testing.T) {
	list := at("2026-03-02 10:00", "2026-03-01 10:00", "2026-03-01 11:00")
	if got := judged(Retention{Daily: 2}.Keep(list)); got != "2026-03-01 11:00: newest daily\n2026-03-01 10:00: \n2026-03-02 10:00: daily\n" {
		t.Errorf("Keep =\n%s", got)
	}
}

func retentions(t *rapid.T) Retention {
	n := func(name string) int { return rapid.IntRange(0, 5).Draw(t, name) }
	return Retention{n("last"), n("hourly"), n("daily"), n("weekly"), n("monthly"), n("yearly")}
}

func snapshots(t *rapid.T) []Snapshot {
	when := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	gaps := rapid.SliceOfN(rapid.IntRange(1, 5000), 0, 60).Draw(t, "minutes between")
	var list []Snapshot
	for i, gap := range gaps {
		when = when.Add(time.Duration(gap) * time.Minute)
		list = append(list, Snapshot{Name: fmt.Sprint("t@", i), CreateTXG: int64(i), Creation: when,
			Holds: int64(rapid.IntRange(0, 8).Draw(t, "held") / 8)})
	}
	return list
}

func kept(list []Verdict) []Snapshot {
	var out []Snapshot
	for _, v := range slices.Backward(list) {
		if len(v.Reasons) > 0 {
			out = append(out, v.Snapshot)
		}
	}
	return out
}

func shorts(list []Snapshot) string {
	var names []string
	for _, s := range list {
		names = append(names, s.Short())
	}
	return strings.Join(names, " ")
}

func TestKeepProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, list := retentions(t), snapshots(t)
		once := kept(r.Keep(list))
		if again := kept(r.Keep(once)); shorts(again) != shorts(once) {
			t.Fatalf("pruned again: %s; once: %s", shorts(again), shorts(once))
		}
		var living []Snapshot // pruned after each new one
		for _, s := range list {
			living = kept(r.Keep(append(living, s)))
		}
		if shorts(living) != shorts(once) {
			t.Fatalf("pruned each time: %s; once: %s", shorts(living), shorts(once))
		}
		if len(list) > 0 && !strings.HasSuffix(shorts(once), list[len(list)-1].Short()) {
			t.Fatalf("the newest of %s is not in %s", shorts(list), shorts(once))
		}
		held := 0
		for _, s := range list {
			held += int(s.Holds)
		}
		if most := 1 + held + r.Last + r.Hourly + r.Daily + r.Weekly + r.Monthly + r.Yearly; len(once) > most {
			t.Fatalf("%d are kept; want at most %d", len(once), most)
		}
		// Of the newest days that have snapshots, as many as asked for stay.
		if days, want := distinctDays(once), min(distinctDays(list), r.Daily); days < want {
			t.Fatalf("%d days are kept; want %d", days, want)
		}
	})
}

func distinctDays(list []Snapshot) int {
	days := map[int64]bool{}
	for _, s := range list {
		days[s.Creation.Unix()/86400] = true
	}
	return len(days)
}
