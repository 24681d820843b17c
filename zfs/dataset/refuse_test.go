package dataset

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"calypso/sys/errcode"
	"calypso/sys/run"
)

const (
	marksData = "list -Hp -t snapshot,bookmark -d 1 -o name,createtxg,userrefs,clones tank/data"
	getClone  = "list -Hp -t filesystem,volume -o DATASET tank/cl"
	existsX   = "list -H -o name -t filesystem,volume tank/x"
	existsAll = "list -H -o name -t all "

	volumesBelow = "list -Hp -t volume -r -o DATASET tank/data"
)

func cloneRow() string { return strings.Replace(dataRow, "tank/data", "tank/cl", 1) }

func missing(args, name string) run.Exchange {
	return fails(ask(args, ""), "cannot open '"+name+"': dataset does not exist\n")
}

// Each looks, says what would be done, and calls nothing that changes: the store would refuse a call more.
func TestDryRunsChangeNothing(t *testing.T) {
	s := store(t, nil, ask(getData, dataRow), ask(volumesBelow, ""), missing(existsX, "tank/x"), ask("list -H -o name -t filesystem,volume tank", "tank\n"))
	if err := s.Rename(ctx, "tank/data", "tank/x", false, true); err != nil {
		t.Errorf("Rename = %v", err)
	}
	snapshot := "list -Hp -t snapshot -o DATASET tank/data@a"
	s = store(t, nil, ask(snapshot, strings.Replace(dataRow, "tank/data\tfilesystem", "tank/data@a\tsnapshot", 1)),
		missing(existsX, "tank/x"), ask("list -H -o name -t filesystem,volume tank", "tank\n"))
	if _, err := s.Clone(ctx, "tank/data@a", New{Name: "tank/x"}, true); err != nil {
		t.Errorf("Clone = %v", err)
	}
	s = store(t, nil, ask("holds -H tank/data@a", ""), ask("holds -H tank/data@a", "tank/data@a\tkeep\tnow\n"))
	if done, err := s.Hold(ctx, "tank/data@a", "keep", false, true); err != nil || !done {
		t.Errorf("Hold = %v, %v; want true", done, err)
	}
	if err := s.Release(ctx, "tank/data@a", "keep", false, true); err != nil {
		t.Errorf("Release = %v", err)
	}
}

func TestRenameIsRefused(t *testing.T) {
	s := store(t, map[string][]Holder{}, ask(getData, dataRow), ask(getData, dataRow), ask(getData, dataRow),
		ask("list -Hp -t filesystem,volume -o DATASET tank", strings.Replace(dataRow, "tank/data", "tank", 1)), ask(getData, dataRow), ask(volumesBelow, ""), ask(existsX, "tank/x\n"))
	wantError(t, s.Rename(ctx, "tank/data", "-f", false, false), errcode.NameInvalid)
	wantError(t, s.Rename(ctx, "tank/data", "other/data", false, false), errcode.StorageRefused, "another pool")
	wantError(t, s.Rename(ctx, "tank/data", "tank/data/below", false, false), errcode.StorageRefused, "is below it")
	wantError(t, s.Rename(ctx, "tank", "tank/x", false, false), errcode.StorageRefused, "a pool gets another name")
	wantError(t, s.Rename(ctx, "tank/data", "tank/x", false, false), errcode.DatasetExists)
}

func TestCloneToAnotherPool(t *testing.T) {
	s := store(t, nil, ask("list -Hp -t snapshot -o DATASET tank/data@a", strings.Replace(dataRow, "tank/data\tfilesystem", "tank/data@a\tsnapshot", 1)))
	_, err := s.Clone(ctx, "tank/data@a", New{Name: "other/x"}, false)
	wantError(t, err, errcode.StorageRefused, "in the pool of its snapshot, tank")
}

// Rolling back past a snapshot destroys what was cloned from it: the plan names the clones, and they go first.
func TestRollbackTakesClones(t *testing.T) {
	marks := ask(marksData, "tank/data@s1\t110\t0\t-\ntank/data@s2\t111\t0\ttank/cl\n")
	planCl := ask("destroy -nvp -R tank/cl", "destroy\ttank/cl\nreclaim\t7\n")
	s := store(t, nil, marks, ask(getData, dataRow), ask("get -Hp -o name,property,source,value written@s1 tank/data", "tank/data\twritten@s1\t-\t4096\n"),
		ask(getClone, cloneRow()), planCl, ask(getClone, cloneRow()),
		marks, ask(existsAll+"tank/cl", "tank/cl\n"), planCl, ask("destroy -R tank/cl", ""), missing(existsAll+"tank/cl", "tank/cl"), ask("rollback -r tank/data@s1", ""))
	r, err := s.PlanRollback(ctx, "tank/data@s1")
	if err != nil || len(r.Clones) != 1 || !slices.Equal(r.Clones[0].Destroy, []string{"tank/cl"}) {
		t.Fatalf("plan = %+v, %v; want the clone in it", r, err)
	}
	if err := s.Roll(ctx, r); err != nil {
		t.Error(err)
	}
}

// A clone that cannot be destroyed ends the rollback before anything of the dataset goes.
func TestRollbackEndsAtAClone(t *testing.T) {
	plan := Rollback{Snapshot: "tank/data@s1", Newer: []string{"tank/data@s2"}, Clones: []Plan{{Name: "tank/cl", Destroy: []string{"tank/cl"}, reach: Reach{Clones: true}}}}
	s := store(t, nil, ask(marksData, "tank/data@s1\t110\t0\t-\ntank/data@s2\t111\t0\ttank/cl\n"), ask(existsAll+"tank/cl", "tank/cl\n"),
		ask("destroy -nvp -R tank/cl", "destroy\ttank/cl\ndestroy\ttank/cl/new\n"), ask(existsAll+"tank/cl tank/data@s2", "tank/cl\ntank/data@s2\n"))
	wantError(t, s.Roll(ctx, plan), errcode.StorageRefused, "tank/cl/new")
}

// Cut off between: what went and what did not is told.
func TestRollbackFailsHalfWay(t *testing.T) {
	plan := Rollback{Snapshot: "tank/data@s1", Newer: []string{"tank/data@s2", "tank/data@s3"}}
	s := store(t, nil, ask(marksData, "tank/data@s1\t110\t0\t-\ntank/data@s2\t111\t0\t-\ntank/data@s3\t112\t0\t-\n"),
		fails(ask("rollback -r tank/data@s1", ""), "cannot destroy 'tank/data@s2': some reason\n"), ask(existsAll+"tank/data@s2 tank/data@s3", "tank/data@s2\n"))
	err := s.Roll(ctx, plan)
	wantError(t, err, errcode.Partial)
	var e *errcode.Error
	if !errors.As(err, &e) || !strings.Contains(e.State, "1 of 2 were destroyed before; still there: tank/data@s2") {
		t.Errorf("error = %+v; want it to say what is still there", e)
	}
}

func TestPlanSnapshotsTakesClones(t *testing.T) {
	s := store(t, nil, fails(ask("destroy -nvp tank/data@s1", "destroy\ttank/data@s1\nreclaim\t5\n"), "cannot destroy 'tank/data@s1': snapshot has dependent clones\n"),
		ask(snapsData, "tank/data@s1\t1\t110\t1795276499\t0\t14336\t0\ttank/cl\n"),
		ask(getClone, cloneRow()), ask("destroy -nvp -R tank/cl", "destroy\ttank/cl\nreclaim\t7\n"), ask(getClone, cloneRow()))
	p, err := s.PlanSnapshots(ctx, "tank/data@s1", Reach{Clones: true})
	if want := []string{"tank/cl", "tank/data@s1"}; err != nil || !slices.Equal(p.All(), want) {
		t.Errorf("plan = %+v, %v; want %q", p, err, want)
	}
}

var clonesPlan = SnapshotPlan{Spec: "tank/data@s1", Snapshots: []string{"tank/data@s1"}, Clones: []Plan{
	{Name: "tank/cl", Destroy: []string{"tank/cl"}, reach: Reach{Clones: true}}, {Name: "tank/cl2", Destroy: []string{"tank/cl2"}, reach: Reach{Clones: true}}}}

// Nothing more goes when it cannot be known whether a clone is there, or when one of them stays.
func TestDestroySnapshotsEndsAtAClone(t *testing.T) {
	unknown := fails(ask(existsAll+"tank/cl", ""), "internal error: out of memory\n")
	all := ask(existsAll+"tank/cl tank/cl2 tank/data@s1", "tank/cl\ntank/cl2\ntank/data@s1\n")
	s := store(t, nil, unknown, all)
	if err := s.DestroySnapshots(ctx, clonesPlan); err == nil || !strings.Contains(err.Error(), "out of memory") {
		t.Errorf("clone not to be seen: %v", err)
	}
	s = store(t, nil, ask(existsAll+"tank/cl", "tank/cl\n"), ask("destroy -nvp -R tank/cl", "destroy\ttank/cl\ndestroy\ttank/new\n"), all)
	wantError(t, s.DestroySnapshots(ctx, clonesPlan), errcode.StorageRefused, "tank/new")
}

// A clone that went with another one needs no second destruction.
func TestDestroySnapshotsPassesOverWhatIsGone(t *testing.T) {
	s := store(t, nil, missing(existsAll+"tank/cl", "tank/cl"), missing(existsAll+"tank/cl2", "tank/cl2"), ask("destroy tank/data@s1", ""),
		missing(existsAll+"tank/data@s1", "tank/data@s1"))
	if err := s.DestroySnapshots(ctx, clonesPlan); err != nil {
		t.Error(err)
	}
}

// zfs can end well and destroy nothing.
func TestDestroySnapshotsLooksAfterwards(t *testing.T) {
	s := store(t, nil, ask("destroy tank/data@s1", ""), ask(existsAll+"tank/data@s1", "tank/data@s1\n"), ask(existsAll+"tank/data@s1", "tank/data@s1\n"))
	wantError(t, s.DestroySnapshots(ctx, SnapshotPlan{Spec: "tank/data@s1", Snapshots: []string{"tank/data@s1"}}), errcode.PermissionDenied, "still there")
}

// A volume has nothing below a directory to be empty: only a file system that is mounted can be seen to be.
func TestIsEmpty(t *testing.T) {
	yes, no := true, false
	s, point := emptyStore(t, func(point, device string) string {
		return "30 1 " + device + " / " + point + " rw - zfs tank/data rw\n"
	}, func(string) []run.Exchange { return nil })
	for _, c := range []struct {
		of   Dataset
		want bool
	}{
		{Dataset{Type: Filesystem, Mounted: &yes, Mountpoint: point}, true},
		{Dataset{Type: Filesystem, Mounted: &no, Mountpoint: point}, false},
		{Dataset{Type: Filesystem, Mountpoint: point}, false},
		{Dataset{Type: Volume, Mounted: &yes, Mountpoint: point}, false},
		{Dataset{Type: Filesystem, Mounted: &yes, Mountpoint: point + "/none"}, false},
	} {
		c.of.Name = "tank/data"
		if got := s.isEmpty(c.of); got != c.want {
			t.Errorf("isEmpty(%+v) = %v; want %v", c.of, got, c.want)
		}
	}
	if err := os.WriteFile(filepath.Join(point, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if s.isEmpty(Dataset{Name: "tank/data", Type: Filesystem, Mounted: &yes, Mountpoint: point}) {
		t.Error("with a file in it it counts as empty")
	}
}
