package dataset

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"calypso/sys/run"
	"calypso/zfs"
)

// A plan of 10,000 snapshots with long names is 2 MB of text. None of it may be left out: what is not in the
// plan is not destroyed, or not shown to who confirms it.
func TestLargePlan(t *testing.T) {
	const most = 10000
	name := func(i int) string { return fmt.Sprintf("tank/data@%s-%05d", strings.Repeat("x", 190), i) }
	var plan, list strings.Builder
	for i := range most {
		fmt.Fprintf(&plan, "destroy\t%s\n", name(i))
		fmt.Fprintf(&list, "%s\t1\t%d\t1795276500\t0\t0\t0\t-\n", name(i), i+1)
	}
	dir := t.TempDir()
	for file, text := range map[string]string{"plan": plan.String(), "list": list.String(),
		"zfs": "#!/bin/sh\ncase $1 in destroy) exec cat " + dir + "/plan;; list) exec cat " + dir + "/list;; esac\nexit 1\n"} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	s := Store{Tools: zfs.Tools{Runner: run.Host{Path: []string{dir}}, Proc: procWith(t, "ONLINE")}}
	p, err := s.PlanSnapshots(ctx, "tank/data@%", Reach{})
	if err != nil || len(p.Snapshots) != most || p.Snapshots[most/2] != name(most/2) {
		t.Errorf("PlanSnapshots = %d snapshots, %.300v; want all %d", len(p.Snapshots), err, most)
	}
}
