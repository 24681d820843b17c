package vdev

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"calypso/sys/disk"
	"calypso/sys/errcode"
	"calypso/sys/run"
	"calypso/sys/run/transcript"
	"calypso/zfs"
	"calypso/zfs/pool"
)

var ctx = context.Background()

// recorded reads exchanges of testdata.
func recorded(t testing.TB, names ...string) []run.Exchange {
	t.Helper()
	var list []run.Exchange
	for _, name := range names {
		more, err := transcript.Read(filepath.Join("testdata", name+".txt"))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, more...)
	}
	return list
}

// tools answer with what was recorded, on a host whose pools have these states.
func tools(t *testing.T, states map[string]string, exchanges ...run.Exchange) zfs.Tools {
	t.Helper()
	proc := t.TempDir()
	if err := os.MkdirAll(filepath.Join(proc, "spl/kstat/zfs"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, state := range states {
		dir := filepath.Join(proc, "spl/kstat/zfs", name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "state"), []byte(state+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r := &run.Replay{Exchanges: exchanges}
	t.Cleanup(func() {
		if len(r.Exchanges) > 0 {
			t.Errorf("not called for: %q", r.Exchanges[0].Argv)
		}
	})
	return zfs.Tools{Runner: r, Proc: proc}
}

// at is a layout whose members have the paths of its words.
func at(t *testing.T, text string) Layout {
	t.Helper()
	l, err := ParseLayout(strings.Fields(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range l.Members() {
		m.Path = m.Word
	}
	return l
}

func TestCreate(t *testing.T) {
	p := Plan{Pool: "tank", Layout: at(t, "mirror vdb vdc")}
	lines, err := p.Try(ctx, tools(t, nil, recorded(t, "02-create-mirror-n")...))
	if want := []string{"tank", "  mirror", "    vdb", "    vdc"}; err != nil || !slices.Equal(lines, want) {
		t.Errorf("Try = %q, %v; want %q", lines, err, want)
	}
	p = Plan{Pool: "tank", Layout: at(t, "mirror /dev/disk/by-id/virtio-LABDISK0 /dev/disk/by-id/virtio-LABDISK1"), Properties: []Property{
		{Name: "ashift", Value: "12"}, {Name: "compression", Value: "lz4", Dataset: true}, {Name: "atime", Value: "off", Dataset: true}}}
	if err := p.Create(ctx, tools(t, nil, recorded(t, "02-create-mirror")...)); err != nil {
		t.Errorf("Create: %v", err)
	}
	for name, tt := range map[string]struct {
		plan Plan
		want errcode.Code
	}{
		"02-create-pool-exists":   {Plan{Pool: "tank", Layout: at(t, "mirror vdd vde")}, errcode.PoolExists},
		"02-create-too-small":     {Plan{Pool: "other", Layout: at(t, "/var/lib/zv/small")}, errcode.StorageRefused},
		"02-create-diff-size":     {Plan{Pool: "other", Layout: at(t, "mirror /var/lib/zv/f7 /var/lib/zv/big")}, errcode.StorageRefused},
		"02-create-vdev-in-use-f": {Plan{Pool: "other", Force: true, Layout: at(t, "mirror vdb vdd")}, errcode.DeviceBusy},
	} {
		if err := tt.plan.Create(ctx, tools(t, nil, recorded(t, name)...)); errcode.Of(err) != tt.want {
			t.Errorf("%s: %v; want %s", name, err, tt.want)
		}
	}
}

func TestCandidates(t *testing.T) {
	list, err := Search{Dirs: []string{"/var/lib/zv"}}.Candidates(ctx, tools(t, nil, recorded(t, "32-unavail-import-list-degraded")...))
	want := []Candidate{
		{Name: "rz", GUID: "10842455601534423078", State: "ONLINE", Action: "The pool can be imported using its name or numeric identifier.",
			Devices: []Device{{0, "rz", "ONLINE", ""}, {1, "raidz1-0", "ONLINE", ""}, {2, "/var/lib/zv/f2", "ONLINE", ""},
				{2, "/var/lib/zv/f3", "ONLINE", ""}, {2, "/var/lib/zv/f4", "ONLINE", ""}}},
		{Name: "tank", GUID: "7453350351081501352", State: "DEGRADED", Status: "One or more devices are missing from the system.",
			Action: "The pool can be imported despite missing or damaged devices.  The fault tolerance of the pool may be compromised if imported.",
			Devices: []Device{{0, "tank", "DEGRADED", ""}, {1, "mirror-0", "DEGRADED", ""}, {2, "/var/lib/zv/f0", "ONLINE", ""},
				{2, "/var/lib/zv/f1", "UNAVAIL", "cannot open"}}},
	}
	if diff := cmp.Diff(want, list); err != nil || diff != "" {
		t.Errorf("Candidates: %v (-want +got):\n%s", err, diff)
	}
	if got := list[1].Missing(); !slices.Equal(got, []string{"/var/lib/zv/f1"}) {
		t.Errorf("Missing = %q", got)
	}
	none, err := Search{}.Candidates(ctx, tools(t, nil, recorded(t, "01-nopool-zpool-import")...))
	if err != nil || len(none) != 0 {
		t.Errorf("Candidates without any = %v, %v", none, err)
	}
	gone, err := Search{Destroyed: true, Dirs: []string{"/var/lib/zv"}}.Candidates(ctx, tools(t, nil, recorded(t, "26-misc-import-D")...))
	if err != nil || len(gone) != 1 || !gone[0].Destroyed || gone[0].State != "ONLINE" {
		t.Errorf("destroyed Candidates = %v, %v", gone, err)
	}
	log, _ := Search{Dirs: []string{"/var/lib/zv"}}.Candidates(ctx, tools(t, nil, recorded(t, "33-logmissing-import-list")...))
	if n := len(log[0].Devices); n != 6 || log[0].Devices[4] != (Device{0, "logs", "", ""}) || log[0].Devices[5] != (Device{1, "/var/lib/zv/f2", "UNAVAIL", "cannot open"}) {
		t.Errorf("a candidate with a log: %v", log[0].Devices)
	}
	other, _ := Search{Dirs: []string{"/var/lib/zv/copy"}}.Candidates(ctx, tools(t, nil, recorded(t, "34-otherhost-import-list")...))
	if !other[0].OtherHost || list[0].OtherHost {
		t.Errorf("OtherHost = %t, %t", other[0].OtherHost, list[0].OtherHost)
	}
	all, _ := Search{}.Candidates(ctx, tools(t, nil, recorded(t, "26-misc-import-list")...))
	if len(all) != 2 || !strings.HasSuffix(all[0].Status, "the 'compatibility' property is set.)") || len(all[1].Devices) != 2 {
		t.Errorf("Candidates = %v", all)
	}
}

// The text below the devices is of zpool_main.c (show_import); the names have blanks.
func TestCandidateWithProse(t *testing.T) {
	const text = `   pool: ta nk
     id: 123
  state: UNAVAIL
 status: One or more devices are missing from the system.
 action: The pool cannot be imported. Attach the missing
	devices and try again.
comment: second  pool
 config:

	ta nk                UNAVAIL  missing device
	  /srv/with blank/f  ONLINE
	cache
	  /srv/cache
	spares
	  /srv/spare

	Additional devices are known to be part of this pool, though their
	exact configuration cannot be determined.
`
	list := ParseCandidates(text)
	want := []Candidate{{Name: "ta nk", GUID: "123", State: "UNAVAIL", Status: "One or more devices are missing from the system.",
		Action: "The pool cannot be imported. Attach the missing devices and try again.", Comment: "second  pool",
		Devices: []Device{{0, "ta nk", "UNAVAIL", "missing device"}, {1, "/srv/with blank/f", "ONLINE", ""}, {0, "cache", "", ""}, {1, "/srv/cache", "", ""},
			{0, "spares", "", ""}, {1, "/srv/spare", "", ""}},
		Notes: []string{"Additional devices are known to be part of this pool, though their", "exact configuration cannot be determined."}}}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Errorf("ParseCandidates (-want +got):\n%s", diff)
	}
	if err := (Import{Pool: list[0]}).Check(); errcode.Of(err) != errcode.DeviceError {
		t.Errorf("Check of a pool that is not whole: %v", err)
	}
}

func FuzzParseCandidates(f *testing.F) {
	for _, name := range []string{"26-misc-import-list", "33-logmissing-import-list", "26-misc-import-D", "32-unavail-import-list-unavail"} {
		f.Add(recorded(f, name)[0].Stdout)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, c := range ParseCandidates(text) {
			for _, d := range c.Devices {
				if d.Name == "" || strings.Trim(d.Name, " \t") != d.Name || d.Depth < 0 {
					t.Errorf("%q has the device %v", text, d)
				}
			}
		}
	})
}

func TestPick(t *testing.T) {
	list := ParseCandidates(recorded(t, "26-misc-import-ambiguous-list")[0].Stdout)
	if _, err := Pick(list, "amb"); errcode.Of(err) != errcode.StorageRefused || !strings.Contains(err.Error(), "6470349361136739677") {
		t.Errorf("Pick of a name that two have: %v", err)
	}
	if c, err := Pick(list, "6470349361136739677"); err != nil || c.Devices[1].Name != "/var/lib/zv/f7" {
		t.Errorf("Pick by id = %v, %v", c, err)
	}
	if _, err := Pick(list, "tank"); errcode.Of(err) != errcode.PoolNotFound || !strings.Contains(err.Error(), "amb") {
		t.Errorf("Pick of another name: %v", err)
	}
}

func TestImport(t *testing.T) {
	c := Candidate{Name: "tank", GUID: "77", State: "ONLINE"}
	for _, tt := range []struct {
		i    Import
		want string
	}{
		{Import{Pool: c}, "import 77"},
		{Import{Pool: c, Rename: "ta nk", ReadOnly: true, NoMount: true}, "import -N -o readonly=on 77 ta nk"},
		{Import{Pool: c, Search: Search{Dirs: []string{"/a", "/b"}, Destroyed: true}}, "import -D -d /a -d /b -f 77"},
		{Import{Pool: c, Force: true, MissingLog: true}, "import -f -m 77"},
	} {
		if got := strings.Join(tt.i.Args(), " "); got != tt.want {
			t.Errorf("Args of %+v = %q; want %q", tt.i, got, tt.want)
		}
	}
	answered := func(name string, i Import) run.Exchange {
		e := recorded(t, name)[0]
		e.Argv = append([]string{"zpool"}, i.Args()...) // recorded with the name, asked by id
		return e
	}
	err := Import{Pool: c}.Do(ctx, tools(t, nil, answered("34-otherhost-import", Import{Pool: c})))
	if errcode.Of(err) != errcode.StorageRefused || !strings.Contains(err.Error(), "calypso-lab") || !strings.Contains(errcode.HintOf(err), "--force") {
		t.Errorf("a pool of another host: %v, %s", err, errcode.HintOf(err))
	}
	c.Devices = []Device{{1, "/var/lib/zv/f2", "UNAVAIL", "cannot open"}}
	err = Import{Pool: c}.Do(ctx, tools(t, nil, answered("33-logmissing-import", Import{Pool: c})))
	if errcode.Of(err) != errcode.DeviceError || !strings.Contains(err.Error(), "f2") || !strings.Contains(errcode.HintOf(err), "--missing-log") {
		t.Errorf("a pool without its log: %v, %s", err, errcode.HintOf(err))
	}
	c.OtherHost = true
	if err := (Import{Pool: c, Search: Search{Destroyed: true}}).Check(); errcode.Of(err) != errcode.StorageRefused {
		t.Errorf("a destroyed pool of another host: %v", err)
	}
	if err := (Import{Pool: c, Force: true}).Check(); err != nil {
		t.Errorf("forced: %v", err)
	}
}

// Each change is the command that was recorded.
func TestChanges(t *testing.T) {
	for name, tt := range map[string]struct {
		change Change
		want   errcode.Code
	}{
		"20-scrub-start":                    {Scrub("tank", ""), ""},
		"20-scrub-pause":                    {Scrub("tank", "-p"), ""},
		"20-scrub-stop-none":                {Scrub("tank", "-s"), errcode.StorageRefused},
		"20-scrub-again":                    {Scrub("tank", ""), errcode.PoolBusy},
		"26-misc-trim-cancel":               {Trim("tank", "-c"), ""},
		"21-offline-offline":                {Offline("tank", "vdc", ""), ""},
		"21-offline-offline-t":              {Offline("tank", "vdc", "-t"), ""},
		"21-offline-offline-last":           {Offline("tank", "vdb", ""), errcode.StorageRefused},
		"21-offline-online":                 {Online("tank", "vdc", ""), ""},
		"22-replace-replace":                {Replace("tank", "vdc", "vdd", false), ""},
		"22-replace-replace-inuse":          {Replace("tank", "vdd", "vdb", false), errcode.DeviceBusy},
		"22-replace-replace-toosmall":       {Replace("tank", "vdd", "/var/lib/zv/f0", false), errcode.StorageRefused},
		"22-replace-attach":                 {Attach("tank", "vdb", "vdf", false), ""},
		"22-replace-detach":                 {Detach("tank", "vdf"), ""},
		"22-replace-detach-last":            {Detach("tank", "vdb"), errcode.StorageRefused},
		"26-misc-destroyed":                 {Destroy("tank3"), ""},
		"26-misc-destroy-busy":              {Destroy("tank"), errcode.DatasetBusy},
		"26-misc-export":                    {Export("tank"), ""},
		"26-misc-export-busy":               {Export("tank"), errcode.DatasetBusy},
		"38-suspended-zpool-clear":          {Clear("sus", ""), ""},
		"38-suspended-zpool-clear-stillbad": {Clear("sus", ""), errcode.PoolSuspended},
		"30-cksum-clear-nosuchdev":          {Clear("tank", "/var/lib/zv/f9"), errcode.DeviceNotFound},
	} {
		if _, err := tt.change.Do(ctx, tools(t, map[string]string{"tank": "ONLINE", "sus": "SUSPENDED"}, recorded(t, name)...)); errcode.Of(err) != tt.want {
			t.Errorf("%s: %v; want code %q", name, err, tt.want)
		}
	}
	if err := Wait(ctx, tools(t, nil, recorded(t, "20-scrub-wait")...), "tank", "scrub"); err != nil {
		t.Errorf("Wait: %v", err)
	}
	if got := Attach("tank", "raidz1-0", "vdf", false).Work; got != "raidz_expand" { // a raidz is never resilvered for it
		t.Errorf("attach to a raidz begins %s", got)
	}
	if got := Replace("ta nk", "vdc", "", true).String(); got != `zpool replace -f "ta nk" vdc` && got != `zpool replace -f 'ta nk' vdc` {
		t.Errorf("String = %s", got)
	}
}

// But for clear, a suspended pool is not touched.
func TestChangeSuspended(t *testing.T) {
	for _, c := range []Change{Destroy("sus"), Export("sus"), Scrub("sus", ""), Offline("sus", "a", "")} {
		if _, err := c.Do(ctx, tools(t, map[string]string{"sus": "SUSPENDED"})); errcode.Of(err) != errcode.PoolSuspended {
			t.Errorf("%s on a suspended pool: %v", c, err)
		}
	}
}

func TestStillFaulted(t *testing.T) {
	said, err := Online("tank", "sdb", "").Do(ctx, tools(t, map[string]string{"tank": "DEGRADED"}, recorded(t, "37-removed-online-removed")...))
	if err == nil {
		err = StillFaulted("sdb", said)
	}
	if errcode.Of(err) != errcode.DeviceError {
		t.Errorf("online of a disk that is gone: %v", err)
	}
	if err := StillFaulted("sdb", ""); err != nil {
		t.Errorf("StillFaulted of silence: %v", err)
	}
}

func TestContents(t *testing.T) {
	list := run.Exchange{Argv: []string{"zpool", "list", "-Hp", "-o", "allocated,size", "ta nk"}, Stdout: "4096\t503316480\n"}
	lines := strings.Repeat("filesystem\nvolume\n", 3) + strings.Repeat("snapshot\n", 9)
	kinds := run.Exchange{Argv: []string{"zfs", "list", "-H", "-r", "-t", "filesystem,volume,snapshot", "-o", "type", "ta nk"}, Stdout: lines}
	got, err := AskContents(ctx, tools(t, nil, list, kinds), "ta nk")
	if want := (Contents{2, 3, 9, 4096, 503316480}); err != nil || got != want {
		t.Errorf("AskContents = %v, %v; want %v", got, err, want)
	}
	if got := (Contents{Filesystems: 1, Snapshots: 2}).String(); got != "1 file system, 0 volumes and 2 snapshots" {
		t.Errorf("String = %s", got)
	}
	var c counter
	for i := range len(lines) { // in the smallest pieces
		_, _ = c.Write([]byte(lines[i : i+1]))
	}
	if c.lines["snapshot"] != 9 || c.lines["volume"] != 3 || len(c.lines) != 3 {
		t.Errorf("counted %v", c.lines)
	}
}

func status(t *testing.T, name, poolName string) *pool.Status {
	t.Helper()
	e := recorded(t, name)
	e[0].Argv = []string{"zpool", "status", "-j", "--json-int", poolName}
	s, err := pool.AskStatus(ctx, tools(t, nil, e...), zfs.Version{Major: 2, Minor: 3}, poolName, time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestBears(t *testing.T) {
	leaf := func(name, state string) pool.Vdev { return pool.Vdev{Name: name, State: state} }
	group := func(name string, children ...pool.Vdev) pool.Vdev { return pool.Vdev{Name: name, Children: children} }
	a, b, c, d := leaf("a", "ONLINE"), leaf("b", "ONLINE"), leaf("c", "DEGRADED"), leaf("d", "OFFLINE")
	for _, tt := range []struct {
		v       pool.Vdev
		without string
		want    int
	}{
		{a, "", 0}, {a, "a", -1}, {d, "", -1},
		{group("mirror-0", a, b), "", 1}, {group("mirror-0", a, b), "a", 0}, {group("mirror-0", a, d), "", 0}, {group("mirror-0", a, d), "a", -1},
		{group("mirror-0", a, d), "d", 0}, {group("mirror-0", a, b, c), "a", 1},
		{group("raidz1-0", a, b, c), "", 1}, {group("raidz1-0", a, b, c), "b", 0}, {group("raidz1-0", a, b, d), "b", -1},
		{group("raidz2-3", a, b, c, d), "a", 0}, {group("draid2:4d:8c:1s-0", a, b, c), "c", 1},
		{group("raidz1-0", a, b, group("replacing-2", c, d)), "", 1}, {group("raidz1-0", a, b, group("replacing-2", c, d)), "c", 0},
		{group("raidz1-0", a, b, group("replacing-2", c, leaf("e", "ONLINE"))), "c", 1},
		{group("mirror-0", d, leaf("f", "FAULTED")), "", -1},
	} {
		if got := Bears(tt.v, tt.without); got != tt.want {
			t.Errorf("Bears(%s %v, %q) = %d; want %d", tt.v.Name, tt.v.Children, tt.without, got, tt.want)
		}
	}
	if s := status(t, "25-raidz-draid-status-j", "tank"); Bears(s.Vdevs[0], "") != 1 {
		t.Errorf("Bears of %s = %d; want 1", s.Vdevs[0].Name, Bears(s.Vdevs[0], ""))
	}
}

func TestLocate(t *testing.T) {
	s := status(t, "22-replace-replacing-status-j", "tank")
	h := disk.Host{Sys: t.TempDir(), Dev: "/dev/none", Proc: "/none"}
	for word, want := range map[string]string{"vdd": "replacing-1", "vdb": "mirror-0", "/dev/vdb1": "mirror-0"} {
		p, err := Locate(h, s, word)
		if err != nil || p.Parent == nil || p.Parent.Name != want || p.Group.Name != "mirror-0" || p.Arg(s) != p.Device.Name {
			t.Errorf("Locate(%s) = %+v, %v; want it in %s", word, p, err, want)
		}
		if again, err := Locate(h, s, p.Device.GUID); err != nil || again.Device.Name != p.Device.Name {
			t.Errorf("Locate(%s) = %v, %v; want %s", p.Device.GUID, again.Device.Name, err, p.Device.Name)
		}
	}
	if p, err := Locate(h, s, "mirror-0"); err != nil || p.Parent != nil {
		t.Errorf("Locate of a group: %+v, %v", p, err)
	}
	for _, word := range []string{"vdq", "", "/dev/vdq"} {
		if _, err := Locate(h, s, word); errcode.Of(err) != errcode.DeviceNotFound || !strings.Contains(err.Error(), "vdb") {
			t.Errorf("Locate(%q): %v", word, err)
		}
	}
	twice := &pool.Status{Vdevs: []pool.Vdev{{Name: "sda", GUID: "1"}, {Name: "sda", GUID: "2"}}}
	if p, _ := Locate(h, twice, "2"); p.Arg(twice) != "2" {
		t.Errorf("a name that two devices have is given to zpool: %s", p.Arg(twice))
	}
}

// What fits two devices of a pool is neither of them: to detach or offline the other one may lose the pool.
func TestLocateOfTwo(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"sys/class/block/sdb/sdb1/partition", "sys/class/block/sdb/sdb2/partition", "sys/class/block/sdb1/partition",
		"sys/class/block/sdb2/partition", "dev/sdb", "dev/sdb1", "dev/sdb2"} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte("1\n"), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	dev := dir + "/dev/"
	h := disk.Host{Sys: dir + "/sys", Dev: dir + "/dev", Proc: dir + "/proc"}
	missing := pool.Vdev{Name: "17", GUID: "17", State: "UNAVAIL", Was: dev + "sdb1"}
	one, two := pool.Vdev{Name: "one", GUID: "21", Path: dev + "sdb1"}, pool.Vdev{Name: "two", GUID: "22", Path: dev + "sdb2"}
	for _, c := range []struct {
		name string
		in   []pool.Vdev
		word string
		want string // the device; "": refused
	}{
		{"a missing device was there", []pool.Vdev{missing, one}, dev + "sdb1", ""},
		{"the missing device by its GUID", []pool.Vdev{missing, one}, "17", "17"},
		{"the missing device by its old path", []pool.Vdev{missing, two}, dev + "sdb1", "17"},
		{"two with one name", []pool.Vdev{{Name: "sda", GUID: "1"}, {Name: "sda", GUID: "2"}}, "sda", ""},
		{"a disk with two partitions in the pool", []pool.Vdev{one, two}, dev + "sdb", ""},
		{"a disk with one", []pool.Vdev{two}, dev + "sdb", "two"},
		{"a spare in use, shown twice", []pool.Vdev{{Name: "spare-0", GUID: "5", Children: []pool.Vdev{one}}, one}, "one", "one"},
	} {
		p, err := Locate(h, &pool.Status{Name: "tank", Vdevs: c.in}, c.word)
		if c.want == "" && errcode.Of(err) != errcode.StorageRefused || c.want != "" && (err != nil || p.Device.Name != c.want) {
			t.Errorf("%s: Locate(%s) = %q, %v; want %q", c.name, c.word, p.Device.Name, err, c.want)
		}
	}
}
