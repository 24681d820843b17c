package cmd

import (
	"path/filepath"
	"strings"
	"testing"

	"calypso/sys/lock"
)

// While a library is served, what would be refused is refused in a dry run too.
func TestServedRefusesDryRuns(t *testing.T) {
	a := newAppliance(t)
	a.must(0, "vtl", "create", "vtl01", "--drives", "1", "--slots", "3", "--io-slots", "1", "--tapes", "2")
	held, err := lock.Acquire(t.Context(), filepath.Join(a.dir, "state/run"), "serve-vtl01", 0)
	if err != nil {
		t.Fatal(err)
	}
	verbs := [][]string{
		{"vtl", "tape", "add", "vtl01", "X00001L8"}, {"vtl", "tape", "remove", "vtl01", "V00001L8"},
		{"vtl", "tape", "protect", "vtl01", "V00001L8", "on"}, {"vtl", "door", "open", "vtl01"},
		{"vtl", "delete", "vtl01"}, {"vtl", "serve", "vtl01"},
	}
	for _, verb := range verbs {
		got := a.must(11, append(verb, "--dry-run")...)
		if !strings.Contains(got.stderr, "served by pid") {
			t.Errorf("%v: %s; want who serves", verb, got.stderr)
		}
	}
	if err := held.Release(); err != nil {
		t.Fatal(err)
	}
	for _, verb := range verbs {
		a.must(0, append(verb, "--dry-run")...)
	}
}
