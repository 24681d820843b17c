package dataset

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Retention says how many snapshots of each kind are kept; 0 is none.
type Retention struct {
	Last, Hourly, Daily, Weekly, Monthly, Yearly int
}

// rule is one kind of Retention. period names the span of time that a moment is in, in UTC: a time zone would
// have days without an hour and hours that come twice.
type rule struct {
	name   string
	count  func(*Retention) *int
	period func(time.Time) string
}

var rules = []rule{
	{"last", func(r *Retention) *int { return &r.Last }, nil},
	{"hourly", func(r *Retention) *int { return &r.Hourly }, func(t time.Time) string { return t.Format("2006-01-02T15") }},
	{"daily", func(r *Retention) *int { return &r.Daily }, func(t time.Time) string { return t.Format("2006-01-02") }},
	{"weekly", func(r *Retention) *int { return &r.Weekly }, func(t time.Time) string {
		year, week := t.ISOWeek()
		return fmt.Sprint(year, "-", week)
	}},
	{"monthly", func(r *Retention) *int { return &r.Monthly }, func(t time.Time) string { return t.Format("2006-01") }},
	{"yearly", func(r *Retention) *int { return &r.Yearly }, func(t time.Time) string { return t.Format("2006") }},
}

// ParseRetention reads "hourly=24,daily=7": each rule at most once, at least one of them above 0.
func ParseRetention(text string) (Retention, error) {
	var r Retention
	given := map[string]bool{}
	total := 0
	for part := range strings.SplitSeq(text, ",") {
		name, number, _ := strings.Cut(part, "=")
		i := slices.IndexFunc(rules, func(r rule) bool { return r.name == name })
		n, err := strconv.ParseUint(number, 10, 31)
		switch {
		case i < 0:
			return r, fmt.Errorf("%q is not one of last, hourly, daily, weekly, monthly, yearly with a number: daily=7", part)
		case err != nil:
			return r, fmt.Errorf("%q: %q is not a number of snapshots", part, number)
		case given[name]:
			return r, fmt.Errorf("%q comes twice", name)
		}
		given[name] = true
		*rules[i].count(&r) = int(n)
		total += int(n)
	}
	if total == 0 {
		return r, fmt.Errorf("%q would keep nothing", text)
	}
	return r, nil
}

// Verdict is a snapshot and why it is kept; without a reason it may go.
type Verdict struct {
	Snapshot
	Reasons []string // "newest", "daily", "held", "cloned", …
}

// Keep tells which snapshots of one dataset are kept, newest first. Of each period the newest snapshot counts
// and periods without one do not, so that nothing is lost when no snapshots were taken for a while. The newest
// of all, those that are held and those with clones stay whatever the rules say.
//
// What is pruned again and again while new snapshots come ends with the same snapshots as what is pruned
// once: the newest of a period stays the newest of it.
func (r Retention) Keep(list []Snapshot) []Verdict {
	verdicts := make([]Verdict, len(list))
	for i, s := range list {
		verdicts[i].Snapshot = s
	}
	// The pool's own count orders them: its clock may have been set back.
	slices.SortStableFunc(verdicts, func(a, b Verdict) int { return cmp.Compare(b.CreateTXG, a.CreateTXG) })
	for i := range verdicts {
		verdicts[i].inherent(i == 0)
	}
	for _, rule := range rules {
		rule.mark(*rule.count(&r), verdicts)
	}
	return verdicts
}

// inherent gives the reasons that no rule is needed for.
func (v *Verdict) inherent(newest bool) {
	if newest {
		v.Reasons = append(v.Reasons, "newest")
	}
	if v.Holds > 0 {
		v.Reasons = append(v.Reasons, "held")
	}
	if len(v.Clones) > 0 {
		v.Reasons = append(v.Reasons, "cloned")
	}
}

// mark gives the newest snapshots of the n newest periods the rule as a reason.
func (r rule) mark(n int, verdicts []Verdict) {
	seen := map[string]bool{}
	for i := range verdicts {
		if len(seen) == n {
			return
		}
		period := strconv.Itoa(i) // each for itself
		if r.period != nil {
			period = r.period(verdicts[i].Creation.UTC())
		}
		if !seen[period] {
			seen[period] = true
			verdicts[i].Reasons = append(verdicts[i].Reasons, r.name)
		}
	}
}
