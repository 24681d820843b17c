package repo

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"calypso/sys/errcode"
	"calypso/sys/run"
	"calypso/zfs"
	"calypso/zfs/dataset"
)

// The answers of zfs, each to its question. Rows have the columns that package dataset asks for.
const (
	columns    = "name,type,guid,creation,used,available,referenced,usedbydataset,usedbysnapshots,usedbychildren,usedbyrefreservation,quota,reservation,volsize,origin,mounted,keystatus,mountpoint"
	getD1      = "zfs list -Hp -t filesystem,volume -o " + columns + " tank/d1"
	getTank    = "zfs list -Hp -t filesystem,volume -o " + columns + " tank"
	getMark    = "zfs get -Hp -o name,property,source,value calypso:repo tank/d1"
	planD1     = "zfs destroy -nvp -r tank/d1"
	markLocal  = "tank/d1\tcalypso:repo\tlocal\td1\n"
	onlyItself = "destroy\ttank/d1\nreclaim\t0\n"
	quotaMiB   = 64
)

func row(name, kind string, available, quota int) string {
	return strings.Join([]string{name, kind, "1", "1795276499", "1048576", strconv.Itoa(available * mib), "24576", "24576", "0", "0", "0",
		strconv.Itoa(quota * mib), "0", "-", "-", "yes", "-", "/" + name}, "\t") + "\n"
}

var rowD1 = row("tank/d1", "filesystem", quotaMiB, quotaMiB)

// zfsStore answers calls, strictly and to the last, and has the repository
// d1 in its records.
func zfsStore(t *testing.T, users []dataset.Holder, calls ...string) Store {
	t.Helper()
	proc := t.TempDir()
	if err := os.MkdirAll(filepath.Join(proc, "spl/kstat/zfs/tank"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(proc, "spl/kstat/zfs/tank/state"), []byte("ONLINE\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	replay := &run.Replay{Exchanges: exchanges(calls...)}
	t.Cleanup(func() {
		if len(replay.Exchanges) > 0 {
			t.Errorf("not asked: %q", replay.Exchanges)
		}
	})
	s := Store{Dir: t.TempDir(), Tools: replay, Datasets: dataset.Store{Tools: zfs.Tools{Runner: replay, Proc: proc}, Dev: t.TempDir(),
		Users: func(context.Context, string) ([]dataset.Holder, error) { return users, nil }}}
	if err := s.save(Repo{SchemaVersion: 1, Name: "d1", Kind: Filesystem, On: "zfs:tank", SizeBytes: quotaMiB * mib, Complete: true}); err != nil {
		t.Fatal(err)
	}
	return s
}

const gone = "cannot open 'tank/d1': dataset does not exist\n"

// What does not carry the mark of this repository, set on itself, is never touched.
func TestForeignDatasetIsNotTouched(t *testing.T) {
	for name, property := range map[string]string{
		"no mark":      "tank/d1\tcalypso:repo\t-\t-\n",
		"of another":   "tank/d1\tcalypso:repo\tlocal\td2\n",
		"inherited":    "tank/d1\tcalypso:repo\tinherited from tank\td1\n",
		"not answered": "",
	} {
		t.Run(name, func(t *testing.T) {
			look := []string{getD1, rowD1, getMark, property}
			if _, err := zfsStore(t, nil, look...).PlanDelete(ctx, "d1"); errcode.Of(err) != errcode.RepoForeign {
				t.Errorf("PlanDelete = %v; want repo_foreign", err)
			}
			if _, _, err := zfsStore(t, nil, look...).Grow(ctx, "d1", 128*mib, false); errcode.Of(err) != errcode.RepoForeign {
				t.Errorf("Grow = %v; want repo_foreign", err)
			}
			s := zfsStore(t, nil, look...)
			planned := Status{Repo: mustRecord(t, s), Seen: Seen{State: OK, There: true}}
			if err := s.Delete(ctx, planned); errcode.Of(err) != errcode.RepoForeign {
				t.Errorf("Delete = %v; want repo_foreign", err)
			}
			if err := os.Remove(s.path("d1")); err != nil {
				t.Fatal(err)
			}
			s.Datasets.Tools.Runner.(*run.Replay).Exchanges = exchanges(look...)
			if _, err := s.Create(ctx, planned.Repo, false); errcode.Of(err) != errcode.RepoForeign {
				t.Errorf("Create = %v; want repo_foreign", err)
			}
		})
	}
}

// exchanges are pairs of a command line and its output; "cannot …" is an error.
func exchanges(calls ...string) []run.Exchange {
	var list []run.Exchange
	for i := 0; i < len(calls); i += 2 {
		e := run.Exchange{Argv: strings.Fields(calls[i]), Stdout: calls[i+1]}
		if strings.HasPrefix(e.Stdout, "cannot ") {
			e.Stdout, e.Stderr, e.ExitCode = "", e.Stdout, 1
		}
		list = append(list, e)
	}
	return list
}

func mustRecord(t *testing.T, s Store) Repo {
	t.Helper()
	r, err := s.record("d1")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestDeleteDataset(t *testing.T) {
	s := zfsStore(t, nil, getD1, rowD1, getMark, markLocal, getD1, rowD1, getD1, rowD1, planD1, onlyItself, getD1, rowD1,
		getD1, rowD1, getMark, markLocal, getD1, rowD1, planD1, onlyItself, getD1, rowD1, planD1, onlyItself,
		"zfs destroy -r tank/d1", "", "zfs list -H -o name -t all tank/d1", gone)
	planned, err := s.PlanDelete(ctx, "d1")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(ctx, planned); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.path("d1")); err == nil {
		t.Error("its record is still there")
	}
}

func TestDeleteDatasetIsRefused(t *testing.T) {
	look := []string{getD1, rowD1, getMark, markLocal, getD1, rowD1}
	more := "destroy\ttank/d1@keep\n" + onlyItself
	snapshots := "zfs list -Hp -t snapshot -r -o name,guid,createtxg,creation,used,referenced,userrefs,clones tank/d1"
	s := zfsStore(t, nil, append(look, getD1, rowD1, planD1, more, getD1, rowD1, snapshots, "tank/d1@keep\t1\t2\t3\t0\t0\t0\t-\n")...)
	if _, err := s.PlanDelete(ctx, "d1"); errcode.Of(err) != errcode.StorageRefused || !strings.Contains(err.Error(), "tank/d1@keep") {
		t.Errorf("PlanDelete with a snapshot = %v; want storage_refused", err)
	}
	s = zfsStore(t, []dataset.Holder{{Text: "bareos-sd (pid 7)"}}, append(look, getD1, rowD1, planD1, onlyItself, getD1, rowD1)...)
	if _, err := s.PlanDelete(ctx, "d1"); errcode.Of(err) != errcode.DatasetBusy || !strings.Contains(err.Error(), "bareos-sd") {
		t.Errorf("PlanDelete in use = %v; want dataset_busy", err)
	}
	s = zfsStore(t, nil, getD1, rowD1, getMark, markLocal, getD1, rowD1, planD1, more, getD1, rowD1, snapshots, "tank/d1@keep\t1\t2\t3\t0\t0\t0\t-\n")
	planned := Status{Repo: mustRecord(t, s), Seen: Seen{State: OK, There: true}}
	if err := s.Delete(ctx, planned); errcode.Of(err) != errcode.StorageRefused || !strings.Contains(err.Error(), "has come meanwhile") {
		t.Errorf("Delete with a new snapshot = %v; want storage_refused", err)
	}
	if _, err := os.Stat(s.path("d1")); err != nil {
		t.Errorf("its record: %v", err)
	}
	s = zfsStore(t, nil, getD1, gone)
	if err := s.Delete(ctx, planned); errcode.Of(err) != errcode.RepoForeign {
		t.Errorf("Delete of what went meanwhile = %v; want repo_foreign", err)
	}
}

// A dataset that is gone takes its record along, and nothing is destroyed.
func TestDeleteOfAMissingDataset(t *testing.T) {
	s := zfsStore(t, nil, getD1, gone, getD1, gone)
	planned, err := s.PlanDelete(ctx, "d1")
	if err != nil || planned.State != Missing {
		t.Fatalf("PlanDelete = %+v, %v; want missing", planned, err)
	}
	if err := s.Delete(ctx, planned); err != nil {
		t.Error(err)
	}
}

func TestGrowDataset(t *testing.T) {
	look := []string{getD1, rowD1, getMark, markLocal}
	s := zfsStore(t, nil, append(look, getTank, row("tank", "filesystem", 63, 0))...)
	if _, _, err := s.Grow(ctx, "d1", 128*mib, false); errcode.Of(err) != errcode.DiskFull {
		t.Errorf("Grow into what is not there = %v; want disk_full", err)
	}
	s = zfsStore(t, nil, append(look, getTank, row("tank", "filesystem", 64, 0))...)
	if _, _, err := s.Grow(ctx, "d1", 128*mib, true); err != nil {
		t.Errorf("dry run = %v", err)
	}
	s = zfsStore(t, nil, look...)
	if _, _, err := s.Grow(ctx, "d1", 63*mib, false); errcode.Of(err) != errcode.StorageRefused {
		t.Errorf("Grow to less = %v; want storage_refused", err)
	}
	r := mustRecord(t, s)
	r.Complete = false
	s = zfsStore(t, nil, look...)
	if err := s.save(r); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Grow(ctx, "d1", 128*mib, false); errcode.Of(err) != errcode.StorageRefused {
		t.Errorf("Grow of one that was cut off = %v; want storage_refused", err)
	}
	// A reservation that is refused takes the quota back.
	s = zfsStore(t, nil, append(look, getTank, row("tank", "filesystem", 64, 0), "zfs set quota=134217728 tank/d1", "",
		"zfs set reservation=134217728 tank/d1", "cannot set property for 'tank/d1': out of space\n", "zfs set quota=67108864 tank/d1", "")...)
	if _, _, err := s.Grow(ctx, "d1", 128*mib, false); err == nil {
		t.Error("Grow = nil; want the refused reservation")
	}
	if got := mustRecord(t, s).SizeBytes; got != quotaMiB*mib {
		t.Errorf("recorded size = %d; want it as before", got)
	}
}

// A record under the name of another is none: to delete by it would destroy the other.
func TestRecordOfAnotherName(t *testing.T) {
	s := zfsStore(t, nil)
	if err := os.Rename(s.path("d1"), s.path("d2")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.PlanDelete(ctx, "d2"); errcode.Of(err) != errcode.StateInvalid {
		t.Errorf("PlanDelete = %v; want state_invalid", err)
	}
}

func TestNamesOfRepositoriesAreNoPaths(t *testing.T) {
	s := zfsStore(t, nil)
	for _, name := range []string{"../x", "", ".", "a/b", "-r"} {
		if _, err := s.Create(ctx, Repo{Name: name, Kind: Filesystem, On: "zfs:tank", SizeBytes: 64 * mib}, true); errcode.Of(err) != errcode.NameInvalid {
			t.Errorf("Create(%q) = %v; want name_invalid", name, err)
		}
		if _, err := s.PlanDelete(ctx, name); errcode.Of(err) != errcode.NameInvalid {
			t.Errorf("PlanDelete(%q) = %v; want name_invalid", name, err)
		}
	}
}
