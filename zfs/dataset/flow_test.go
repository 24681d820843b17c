package dataset

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"calypso/sys/errcode"
	"calypso/sys/run"
	"calypso/zfs"
)

var ctx = context.Background()

// proc is a /proc with a pool tank in a state.
func procWith(t *testing.T, state string) string {
	t.Helper()
	dir := t.TempDir()
	pool := filepath.Join(dir, "spl/kstat/zfs/tank")
	if err := os.MkdirAll(pool, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(pool, "state"), []byte(state+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// store answers from exchanges, strictly and to the last; who uses what is told by users.
func store(t *testing.T, users map[string][]Holder, exchanges ...run.Exchange) Store {
	t.Helper()
	r := &run.Replay{Exchanges: exchanges}
	t.Cleanup(func() {
		if len(r.Exchanges) > 0 && !t.Failed() {
			t.Errorf("%d recorded calls were not made, the first is %q", len(r.Exchanges), r.Exchanges[0].Argv)
		}
	})
	return Store{Tools: zfs.Tools{Runner: r, Proc: procWith(t, "ONLINE")}, Dev: t.TempDir(),
		Users: func(_ context.Context, path string) ([]Holder, error) { return users[path], nil }}
}

// ask is a call of zfs and its answer; COLUMNS stands for those of datasets.
func ask(args, stdout string) run.Exchange {
	argv := []string{"zfs"}
	for _, word := range strings.Split(args, " ") {
		word = strings.ReplaceAll(word, "_", " ") // names of these tests have blanks, but no '_'
		switch word {
		case "DATASET":
			word = strings.Join(datasetColumns, ",")
		case "SNAPSHOT":
			word = strings.Join(snapshotColumns, ",")
		}
		argv = append(argv, word)
	}
	return run.Exchange{Argv: argv, Stdout: stdout}
}

func fails(e run.Exchange, stderr string) run.Exchange {
	e.Stderr, e.ExitCode = stderr, 1
	return e
}

const (
	getData   = "list -Hp -t filesystem,volume -o DATASET tank/data"
	snapsData = "list -Hp -t snapshot -d 1 -o SNAPSHOT tank/data"
	dataRow   = "tank/data\tfilesystem\t1\t1795276499\t2139136\t10\t2124800\t2124800\t14336\t0\t0\t0\t0\t-\t-\tyes\t-\t/nowhere/data\n"
	volRow    = "tank/vol\tvolume\t1\t1795276499\t2139136\t10\t2124800\t2124800\t14336\t0\t0\t-\t0\t16777216\t-\t-\t-\t-\n"
)

func wantError(t *testing.T, err error, code errcode.Code, words ...string) {
	t.Helper()
	if errcode.Of(err) != code {
		t.Fatalf("error = %v (%s); want code %s", err, errcode.Of(err), code)
	}
	for _, w := range words {
		if text := err.Error() + "\n" + errcode.HintOf(err); !strings.Contains(text, w) {
			t.Errorf("%q does not say %q", text, w)
		}
	}
}

// Of a pool that is suspended nothing is asked: the command would never end.
func TestSuspendedIsNotAsked(t *testing.T) {
	s := store(t, nil)
	s.Tools.Proc = procWith(t, zfs.Suspended)
	_, err := s.Get(ctx, "tank/data")
	wantError(t, err, errcode.PoolSuspended)
	wantError(t, s.Snap(ctx, []string{"tank/data@x"}, false, false), errcode.PoolSuspended)
	if pools, err := s.Suspended(); err != nil || !slices.Equal(pools, []string{"tank"}) {
		t.Errorf("Suspended = %v, %v", pools, err)
	}
}

func TestNamesThatAreFlags(t *testing.T) {
	s := store(t, nil) // nothing may be called
	_, planned := s.PlanDestroy(ctx, "-r", Reach{})
	_, listed := s.Get(ctx, "-r")
	_, ranged := s.PlanSnapshots(ctx, "-r@a", Reach{})
	_, rolled := s.PlanRollback(ctx, "-r@x")
	_, held := s.Hold(ctx, "tank/a@b", "-r", false, false)
	for _, err := range []error{planned, listed, ranged, rolled, held, s.Rename(ctx, "-r", "tank/x", false, false), s.Create(ctx, New{Name: "-r"}, false),
		s.Snap(ctx, []string{"-r"}, false, false), s.List(ctx, "-r", true, Types(), nil), s.Snapshots(ctx, "-r", true, nil)} {
		wantError(t, err, errcode.NameInvalid)
	}
	wantError(t, s.Set(ctx, "tank/a", []string{"-r=1"}, nil), errcode.PropertyInvalid)
	wantError(t, s.Create(ctx, New{Name: "tank/x", Properties: []string{"quota"}}, false), errcode.Usage)
}

func TestCheckSpec(t *testing.T) {
	for spec, good := range map[string]bool{"t@a": true, "t/x y@a b": true, "t@a%b": true, "t@%b": true, "t@a%": true, "t@%": true, "t@a,b%c": true,
		"t": false, "t@": false, "t@a,": false, "t@,": false, "t@a%b%c": false, "t@a/b": false, "t@a,,b": false, "@a": false} {
		if err := CheckSpec(spec); (err == nil) != good {
			t.Errorf("CheckSpec(%q) = %v; want good: %v", spec, err, good)
		}
	}
}

func TestPlanDestroyNamesWhatIsInTheWay(t *testing.T) {
	s := store(t, nil, ask(getData, dataRow), recorded(t, "nvp-fs"), ask(getData, dataRow), recorded(t, "nvp-r"))
	_, err := s.PlanDestroy(ctx, "tank/data", Reach{})
	wantError(t, err, errcode.StorageRefused, "tank/data@s1, tank/data@s2, tank/data@s3", "--recursive")
	_, err = s.PlanDestroy(ctx, "tank/data", Reach{Recursive: true})
	wantError(t, err, errcode.StorageRefused, "tank/clone of clone, tank/cl@c1, tank/cl", "--clones")
	_, err = s.PlanDestroy(ctx, "tank", Reach{})
	wantError(t, err, errcode.StorageRefused, "this is a pool", "pool destroy")
}

// zfs destroy -nvp promises to destroy held snapshots.
func TestPlanDestroyFindsHolds(t *testing.T) {
	row := strings.Replace(dataRow, "tank/data", "tank/cl", 1)
	s := store(t, nil, ask(getData, dataRow), recorded(t, "nvp-R"),
		ask("list -Hp -t filesystem,volume -o DATASET tank/cl", row), ask("list -Hp -t filesystem,volume -o DATASET tank/clone_of_clone", strings.Replace(dataRow, "tank/data", "tank/clone of clone", 1)),
		ask(getData, dataRow),
		ask("list -Hp -t snapshot -r -o SNAPSHOT tank/cl", ""), ask("list -Hp -t snapshot -r -o SNAPSHOT tank/clone_of_clone", ""),
		ask("list -Hp -t snapshot -r -o SNAPSHOT tank/data", recorded(t, "snap-list-one").Stdout), recorded(t, "holds"))
	_, err := s.PlanDestroy(ctx, "tank/data", Reach{Recursive: true, Clones: true})
	wantError(t, err, errcode.DatasetBusy, "tank/data@s3 by the tag calypso", "by the tag my tag", "release")
}

// --clones alone does not take along what is below, as zfs destroy -R does.
func TestClonesIsNotRecursive(t *testing.T) {
	s := store(t, nil, ask(getData, dataRow), recorded(t, "nvp-R"))
	_, err := s.PlanDestroy(ctx, "tank/data", Reach{Clones: true})
	wantError(t, err, errcode.StorageRefused, "below it: tank/data@s", "nothing was touched", "--recursive")
}

// Of a tree, zfs destroys what comes before a volume that is open.
func TestPlanDestroyFindsVolumeInUse(t *testing.T) {
	row := func(name string) string { return strings.Replace(volRow, "tank/vol", name, 1) }
	s := store(t, nil, ask(getData, dataRow), ask("destroy -nvp -r tank/data", "destroy\ttank/data/a\ndestroy\ttank/data/b\ndestroy\ttank/data\n"), ask(getData, dataRow),
		ask("list -Hp -t volume -r -o DATASET tank/data", row("tank/data/a")+row("tank/data/b")))
	s.Users = func(_ context.Context, path string) ([]Holder, error) {
		if path == s.Device("tank/data/b") {
			return []Holder{{Text: "exported by LIO iblock_0/b"}}, nil
		}
		return nil, nil
	}
	_, err := s.PlanDestroy(ctx, "tank/data", Reach{Recursive: true})
	wantError(t, err, errcode.DatasetBusy, "tank/data/b: in use: exported by LIO iblock_0/b", "nothing was touched")
}

// What came while a person thought about the plan stays.
func TestDestroyMoreThanPlanned(t *testing.T) {
	more := ask("destroy -nvp -r tank/data", "destroy\ttank/data@a\ndestroy\ttank/data@new\ndestroy\ttank/data\n")
	p := Plan{Name: "tank/data", Destroy: []string{"tank/data@a", "tank/data"}, reach: Reach{Recursive: true}}
	wantError(t, store(t, nil, more).Destroy(ctx, p), errcode.StorageRefused, "tank/data@new", "nothing was touched")
	marks := ask("list -Hp -t snapshot,bookmark -d 1 -o name,createtxg,userrefs,clones tank/data", "tank/data@a\t10\t0\t-\ntank/data@b\t12\t0\t-\ntank/data@new\t13\t0\t-\n")
	wantError(t, store(t, nil, marks).Roll(ctx, Rollback{Snapshot: "tank/data@a", Newer: []string{"tank/data@b"}}), errcode.StorageRefused, "tank/data@new", "nothing was touched")
}

// For a user without the right to, zfs destroy -r ends with 0 and destroys nothing.
func TestDestroyLooksAfterwards(t *testing.T) {
	left := "list -H -o name -t all tank/data"
	p := Plan{Name: "tank/data", Destroy: []string{"tank/data@a", "tank/data"}, reach: Reach{Recursive: true}}
	same := ask("destroy -nvp -r tank/data", "destroy\ttank/data@a\ndestroy\ttank/data\n")
	s := store(t, nil, same, ask("destroy -r tank/data", ""), ask(left, "tank/data\ntank/data@a\n"), ask("list -H -o name -t all tank/data@a tank/data", "tank/data@a\ntank/data\n"))
	wantError(t, s.Destroy(ctx, p), errcode.PermissionDenied, "tank/data is still there")
	s = store(t, nil, same, ask("destroy -r tank/data", ""), fails(ask(left, ""), "cannot open 'tank/data': dataset does not exist\n"))
	if err := s.Destroy(ctx, p); err != nil {
		t.Error(err)
	}
	busy := fails(ask("destroy -r tank/data", ""), "cannot unmount '/tank/data': pool or dataset is busy\n")
	s = store(t, map[string][]Holder{"/tank/data": {{Text: "pid 7 (tail)"}}}, same, busy, ask("list -H -o name -t all tank/data@a tank/data", "tank/data\n"))
	wantError(t, s.Destroy(ctx, p), errcode.Partial, "pid 7 (tail)", "1 of 2", "still there: tank/data")
}

func TestBusyNamesTheHolder(t *testing.T) {
	users := map[string][]Holder{"/tank/with space": {{Text: "pid 12 (sleep 1000)"}}}
	row := strings.Replace(strings.Replace(dataRow, "tank/data", "tank/with space", 1), "/nowhere/data", "/tank/with space", 1)
	s := store(t, users, ask("list -Hp -t filesystem,volume -o DATASET tank/with_space", row), recorded(t, "unmount-busy"))
	_, err := s.Unmount(ctx, "tank/with space", false)
	wantError(t, err, errcode.DatasetBusy, "pool or dataset is busy", "pid 12 (sleep 1000)")
	var exit *run.ExitError
	if !errors.As(err, &exit) {
		t.Error("what the tool said is lost")
	}
}

// A volume is never taken from under who uses it, though zfs would roll it back and rename it.
func TestVolumeInUse(t *testing.T) {
	get := ask("list -Hp -t filesystem,volume -o DATASET tank/vol", volRow)
	above := strings.Replace(dataRow, "tank/data", "tank/vols", 1)
	s := store(t, nil, get, ask("list -Hp -t volume -r -o DATASET tank/vol", volRow),
		ask("list -Hp -t filesystem,volume -o DATASET tank/vols", above), ask("list -Hp -t volume -r -o DATASET tank/vols", volRow),
		get, ask("list -Hp -t snapshot,bookmark -d 1 -o name,createtxg,userrefs,clones tank/vol", "tank/vol@a\t5\t0\t-\n"), get)
	s.Users = func(_ context.Context, path string) ([]Holder, error) {
		if path != s.Device("tank/vol") {
			t.Errorf("asked who uses %s", path)
		}
		return []Holder{{Text: "exported by LIO iblock_0/vol"}}, nil
	}
	wantError(t, s.Rename(ctx, "tank/vol", "tank/v2", false, false), errcode.DatasetBusy, "LIO iblock_0/vol")
	wantError(t, s.Rename(ctx, "tank/vols", "tank/v2", false, false), errcode.DatasetBusy, "LIO iblock_0/vol") // one below it
	_, err := s.PlanDestroy(ctx, "tank/vol", Reach{})
	wantError(t, err, errcode.DatasetBusy, "LIO iblock_0/vol")
	_, err = s.PlanRollback(ctx, "tank/vol@a")
	wantError(t, err, errcode.DatasetBusy, "LIO iblock_0/vol")
	if got := s.Device("tank/my vol"); filepath.Base(got) != "my+vol" {
		t.Errorf("node of tank/my vol = %s", got)
	}
}

func TestPlanSnapshots(t *testing.T) {
	list := recorded(t, "snap-list-one")
	s := store(t, nil, recorded(t, "nvp-snap"), list, recorded(t, "nvp-snap-held"), list, recorded(t, "holds"), recorded(t, "nvp-snap-none"))
	p, err := s.PlanSnapshots(ctx, "tank/data@s1", Reach{})
	if err != nil || !slices.Equal(p.All(), []string{"tank/data@s1"}) || p.Reclaim != 14336 {
		t.Errorf("plan = %+v, %v", p, err)
	}
	_, err = s.PlanSnapshots(ctx, "tank/data@s3", Reach{})
	wantError(t, err, errcode.DatasetBusy, "held", "calypso")
	_, err = s.PlanSnapshots(ctx, "tank/data@nosuch", Reach{})
	wantError(t, err, errcode.DatasetNotFound)
	clones := ask(snapsData, strings.Replace(list.Stdout, "\t2\t-", "\t0\t-", 1))
	s = store(t, nil, recorded(t, "nvp-range"), clones)
	_, err = s.PlanSnapshots(ctx, "tank/data@s1%s3", Reach{})
	wantError(t, err, errcode.StorageRefused, "tank/cl", "--clones")
}

// What is destroyed is what the plan has, by name; a range could take more by now.
func TestDestroySnapshotsByName(t *testing.T) {
	s := store(t, nil, ask("destroy tank/data@a,b", ""), ask("destroy tank/x_y@a", ""),
		fails(ask("list -H -o name -t all tank/data@a tank/data@b tank/x_y@a", ""), "cannot open 'tank/data@a': dataset does not exist\n"))
	if err := s.DestroySnapshots(ctx, SnapshotPlan{Spec: "tank/data@a%b", Snapshots: []string{"tank/data@a", "tank/data@b", "tank/x y@a"}}); err != nil {
		t.Error(err)
	}
}

func TestPlanRollback(t *testing.T) {
	marks := ask("list -Hp -t snapshot,bookmark -d 1 -o name,createtxg,userrefs,clones tank/data",
		"tank/data@s1\t110\t0\t-\ntank/data@s2\t111\t0\t-\ntank/data@s3\t113\t0\t-\ntank/data#b1\t110\t-\t-\ntank/data#b2\t111\t-\t-\n")
	s := store(t, nil, marks, ask(getData, dataRow), ask("get -Hp -o name,property,source,value written@s1 tank/data", "tank/data\twritten@s1\t-\t4096\n"), marks)
	r, err := s.PlanRollback(ctx, "tank/data@s1")
	// zfs rollback itself names the same, but for the order; see the recording.
	if want := []string{"tank/data@s2", "tank/data@s3", "tank/data#b2"}; err != nil || !slices.Equal(r.Newer, want) || r.Written != 4096 {
		t.Errorf("plan = %+v, %v; want %q", r, err, want)
	}
	for _, name := range r.Newer {
		if !strings.Contains(recorded(t, "rollback-newer").Stderr, "\n"+name+"\n") {
			t.Errorf("zfs does not name %s", name)
		}
	}
	_, err = s.PlanRollback(ctx, "tank/data@none")
	wantError(t, err, errcode.DatasetNotFound)
}

func TestRollbackPastHeld(t *testing.T) {
	marks := ask("list -Hp -t snapshot,bookmark -d 1 -o name,createtxg,userrefs,clones tank/data", "tank/data@s1\t110\t0\t-\ntank/data@s3\t113\t2\t-\n")
	s := store(t, nil, marks, recorded(t, "holds"))
	_, err := s.PlanRollback(ctx, "tank/data@s1")
	wantError(t, err, errcode.DatasetBusy, "tank/data@s3 by the tag my tag")
}

// A rollback whose clones went before it failed says so.
func TestRollbackFailsHalfway(t *testing.T) {
	marks := ask("list -Hp -t snapshot,bookmark -d 1 -o name,createtxg,userrefs,clones tank/data", "tank/data@a\t10\t0\t-\ntank/data@b\t12\t0\ttank/cl\n")
	r := Rollback{Snapshot: "tank/data@a", Newer: []string{"tank/data@b"}, Clones: []Plan{{Name: "tank/cl", Destroy: []string{"tank/cl"}, reach: Reach{Recursive: true, Clones: true}}}}
	s := store(t, nil, marks, ask("list -H -o name -t all tank/cl", "tank/cl\n"), ask("destroy -nvp -R tank/cl", "destroy\ttank/cl\n"), ask("destroy -R tank/cl", ""),
		fails(ask("list -H -o name -t all tank/cl", ""), "cannot open 'tank/cl': dataset does not exist\n"),
		fails(ask("rollback -r tank/data@a", ""), "cannot rollback 'tank/data': I/O error\n"),
		fails(ask("list -H -o name -t all tank/cl tank/data@b", "tank/data@b\n"), "cannot open 'tank/cl': dataset does not exist\n"))
	wantError(t, s.Roll(ctx, r), errcode.Partial, "I/O error", "1 of 2 were destroyed", "still there: tank/data@b")
}

// The dataset was renamed to below a clone of its own snapshot: with the clone it would go itself.
func TestCloneHasTheDatasetBelowIt(t *testing.T) {
	get := func(name string) run.Exchange {
		return ask("list -Hp -t filesystem,volume -o DATASET "+name, strings.Replace(dataRow, "tank/data", name, 1))
	}
	marks := ask("list -Hp -t snapshot,bookmark -d 1 -o name,createtxg,userrefs,clones tank/cl/data", "tank/cl/data@a\t10\t0\t-\ntank/cl/data@b\t12\t0\ttank/cl\n")
	goes := "destroy\ttank/cl/data@a\ndestroy\ttank/cl/data@b\ndestroy\ttank/cl/data\ndestroy\ttank/cl\n"
	planned := []run.Exchange{get("tank/cl"), ask("destroy -nvp -R tank/cl", goes), get("tank/cl"), ask("list -Hp -t snapshot -r -o SNAPSHOT tank/cl", ""), ask("list -Hp -t volume -r -o DATASET tank/cl", "")}
	s := store(t, nil, append([]run.Exchange{marks, get("tank/cl/data"), ask("get -Hp -o name,property,source,value written@a tank/cl/data", "tank/cl/data\twritten@a\t-\t0\n")}, planned...)...)
	_, err := s.PlanRollback(ctx, "tank/cl/data@a")
	wantError(t, err, errcode.StorageRefused, "tank/cl/data would go too", "below the clone tank/cl", "nothing was touched")

	s = store(t, nil, append([]run.Exchange{ask("destroy -nvp tank/cl/data@b", "destroy\ttank/cl/data@b\nreclaim\t0\n"),
		ask("list -Hp -t snapshot -d 1 -o SNAPSHOT tank/cl/data", "tank/cl/data@b\t1\t12\t1795276500\t0\t0\t0\ttank/cl\n")}, planned...)...)
	_, err = s.PlanSnapshots(ctx, "tank/cl/data@b", Reach{Clones: true})
	wantError(t, err, errcode.StorageRefused, "tank/cl/data would go too", "nothing was touched")
}

// One of several fails: the others went, and the error says which.
func TestDestroyEach(t *testing.T) {
	gone := func(name string) run.Exchange {
		return fails(ask("list -H -o name -t all "+name, ""), "cannot open '"+name+"': dataset does not exist\n")
	}
	plans := []SnapshotPlan{{Spec: "tank/a", Snapshots: []string{"tank/a@x"}}, {Spec: "tank/b", Snapshots: []string{"tank/b@x"}}}
	busy := fails(ask("destroy tank/b@x", ""), "cannot destroy snapshot tank/b@x: dataset is busy\n")
	s := store(t, nil, ask("destroy tank/a@x", ""), gone("tank/a@x"), busy,
		ask("list -Hp -t filesystem,volume -o DATASET tank/b", strings.Replace(dataRow, "tank/data", "tank/b", 1)), ask("list -H -o name -t all tank/b@x", "tank/b@x\n"))
	wantError(t, s.DestroyEach(ctx, plans), errcode.Partial, "tank/b@x: dataset is busy", "destroyed: tank/a@x")
}

func TestShrinks(t *testing.T) {
	before := []Change{{Property: "volsize", Old: Property{Name: "volsize", Value: "1073741824"}}, {Property: "quota", Old: Property{Value: "5"}}}
	for setting, want := range map[string]bool{"volsize=1G": false, "volsize=1024M": false, "volsize=1.5g": false, "volsize=1GB": false, "volsize=1GiB": false,
		"volsize=1073741823": true, "volsize=1023M": true, "volsize=0.5g": true, "volsize=8k": true, "volsize=100b": true, "quota=1": false, "volsize=1T": false} {
		if got, err := Shrinks(before, []string{"x=y", setting}); err != nil || got != want {
			t.Errorf("Shrinks(%s) = %v, %v; want %v", setting, got, err, want)
		}
	}
	for _, text := range []string{"", "-1G", "1X", "0x10", "1e3", "G", " 1G", "1 G"} {
		if _, err := Shrinks(before, []string{"volsize=" + text}); errcode.Of(err) != errcode.PropertyInvalid {
			t.Errorf("volsize=%s: %v", text, err)
		}
	}
}

func TestPruneKeepsOthers(t *testing.T) {
	row := func(short string, txg string) string {
		return "tank/data@" + short + "\t1\t" + txg + "\t1795276500\t0\t0\t0\t-\n"
	}
	list := ask(snapsData, row("calypso-1", "1")+row("mine", "2")+row("calypso-2", "3"))
	s := store(t, nil, list, ask("destroy tank/data@calypso-1", ""),
		fails(ask("list -H -o name -t all tank/data@calypso-1", ""), "cannot open 'tank/data@calypso-1': dataset does not exist\n"))
	plan, err := s.PlanPrune(ctx, "tank/data", false, Prefix, Retention{Daily: 1})
	if err != nil || len(plan) != 1 || !slices.Equal(plan[0].Destroy(), []string{"tank/data@calypso-1"}) {
		t.Fatalf("plan = %+v, %v", plan, err)
	}
	if err := s.Prune(ctx, plan); err != nil {
		t.Error(err)
	}
}
