package repo

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"calypso/sys/errcode"
	"calypso/sys/run"
	"calypso/zfs"
	"calypso/zfs/dataset"
)

// storeOf answers for tank/bk01, which carries the mark of bk01 and is described by row, then for its parent.
func storeOf(t *testing.T, row string, more ...run.Exchange) (Store, *run.Replay) {
	t.Helper()
	const columns = "name,type,guid,creation,used,available,referenced,usedbydataset,usedbysnapshots,usedbychildren,usedbyrefreservation,quota,reservation,volsize,origin,mounted,keystatus,mountpoint"
	list := func(name, row string) run.Exchange {
		return run.Exchange{Argv: []string{"zfs", "list", "-Hp", "-t", "filesystem,volume", "-o", columns, name}, Stdout: strings.Join(strings.Fields(row), "\t") + "\n"}
	}
	answers := append([]run.Exchange{
		list("tank/bk01", row),
		{Argv: []string{"zfs", "get", "-Hp", "-o", "name,property,source,value", mark, "tank/bk01"}, Stdout: "tank/bk01\t" + mark + "\tlocal\tbk01\n"},
		list("tank", "tank filesystem 1 1795276499 0 9999999999 0 0 0 0 0 0 0 - - yes - /tank"),
		list("tank/bk01", row),
	}, more...)
	proc := t.TempDir()
	if err := os.MkdirAll(filepath.Join(proc, "spl/kstat/zfs"), 0o755); err != nil {
		t.Fatal(err)
	}
	replay := &run.Replay{Exchanges: answers}
	s := Store{Dir: t.TempDir(), Datasets: dataset.Store{Tools: zfs.Tools{Runner: replay, Proc: proc}, Dev: t.TempDir()}}
	return s, replay
}

// A volume that was made larger with zfs itself is larger than its record says. What is between the two is data.
func TestGrowNeverShrinks(t *testing.T) {
	for what, row := range map[string]string{
		Volume:     "tank/bk01 volume 1 1795276499 0 10 0 0 0 0 0 - 0 268435456 - - - -",
		Filesystem: "tank/bk01 filesystem 1 1795276499 0 10 0 0 0 0 0 268435456 0 - - yes - /tank/bk01",
	} {
		s, replay := storeOf(t, row)
		r := Repo{SchemaVersion: schema, Name: "bk01", Kind: what, On: "zfs:tank", SizeBytes: 64 * mib, Created: time.Unix(0, 0).UTC(), Complete: true}
		if err := s.save(r); err != nil {
			t.Fatal(err)
		}
		_, _, err := s.Grow(ctx, "bk01", 128*mib, false)
		if errcode.Of(err) != errcode.StorageRefused || !strings.Contains(err.Error(), "268435456") {
			t.Errorf("Grow of a %s of 256 MiB, recorded as 64 MiB, to 128 MiB = %v; want it refused with its size", what, err)
		}
		if n := len(replay.Exchanges); n != 2 {
			t.Errorf("%s: %d calls left; want nothing asked after the look", what, n)
		}
	}
}
