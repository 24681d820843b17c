package lvm

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"calypso/sys/errcode"
	"calypso/sys/run"
	"calypso/sys/run/transcript"
)

var ctx = context.Background()

// replay answers from recordings, strictly: LVM 2.03.31 on loop devices.
func replay(t *testing.T, names ...string) Tools {
	t.Helper()
	var paths []string
	for _, n := range names {
		paths = append(paths, filepath.Join("testdata", n+".txt"))
	}
	exchanges, err := transcript.Read(paths...)
	if err != nil {
		t.Fatal(err)
	}
	return Tools{Runner: &run.Replay{Exchanges: exchanges}}
}

func TestReport(t *testing.T) {
	r, err := replay(t, "full").Report(ctx)
	if err != nil {
		t.Fatal(err)
	}
	wantGroups := []Group{{Name: "vg0", UUID: "1Ve6wv-04rW-l1tW-OkvT-LnKB-ooiW-37h3KS", Size: 528482304, Free: 335544320,
		Extent: 4194304, PhysicalVolumes: 2, VolumeCount: 4}}
	if !reflect.DeepEqual(r.Groups, wantGroups) {
		t.Errorf("Groups = %+v; want %+v", r.Groups, wantGroups)
	}
	var physical []string
	for _, p := range r.Physical {
		physical = append(physical, p.Device+" in "+p.Group)
	}
	if want := []string{"/dev/loop0 in vg0", "/dev/loop1 in vg0", "/dev/loop2 in "}; !slices.Equal(physical, want) {
		t.Errorf("Physical = %q; want %q", physical, want)
	}
	bk, err := r.Volume("vg0", "bk01")
	if err != nil || bk.Size != 83886080 || bk.Path != "/dev/vg0/bk01" || !slices.Equal(bk.Tags, []string{"calypso:repo=bk01"}) ||
		!bk.Active || bk.DataPercent != nil || bk.IsThinPool() {
		t.Errorf("bk01 = %+v, %v; want 80 MiB, tagged, active", bk, err)
	}
	pool, err := r.Volume("vg0", "pool0")
	if err != nil || !pool.IsThinPool() || pool.Path != "" || pool.MetadataPercent == nil || *pool.MetadataPercent != 10.94 {
		t.Errorf("pool0 = %+v, %v; want a thin pool whose metadata is 10.94 %% full", pool, err)
	}
	thin, err := r.Volume("vg0", "th01")
	if err != nil || thin.Pool != "pool0" || thin.IsThinPool() || thin.FullName() != "vg0/th01" {
		t.Errorf("th01 = %+v, %v; want a thin volume of pool0", thin, err)
	}
	if s := r.SnapshotsOf(bk); len(s) != 1 || s[0].Name != "snap0" {
		t.Errorf("SnapshotsOf(bk01) = %+v; want snap0", s)
	}
	for _, missing := range [][2]string{{"novg", "x"}, {"vg0", "nolv"}} {
		if _, err := r.Volume(missing[0], missing[1]); errcode.Of(err) != errcode.VolumeNotFound {
			t.Errorf("Volume(%q) = %v; want volume_not_found", missing, err)
		}
	}
}

func TestReportOfNothing(t *testing.T) {
	r, err := replay(t, "none").Report(ctx)
	if err != nil || len(r.Groups)+len(r.Physical)+len(r.Volumes) != 0 {
		t.Errorf("Report = %+v, %v; want nothing", r, err)
	}
}

func TestReportOfFullThinPool(t *testing.T) {
	r, err := replay(t, "thin-full").Report(ctx)
	if err != nil {
		t.Fatal(err)
	}
	pool, err := r.Volume("vg0", "pool0")
	if err != nil || *pool.DataPercent != 100 || pool.Health != "out_of_data" {
		t.Errorf("pool0 = %+v, %v; want it full, out_of_data", pool, err)
	}
}

// A physical volume that is gone: LVM answers with status 0 and complains in its log.
func TestReportOfMissingDevice(t *testing.T) {
	r, err := replay(t, "missing").Report(ctx)
	if err != nil {
		t.Fatal(err)
	}
	g, err := r.Group("vg0")
	if err != nil || g.Missing != 1 {
		t.Errorf("Group(vg0) = %+v, %v; want one physical volume missing", g, err)
	}
	if want := "is missing PV"; strings.Count(r.Complaint, want) != 1 {
		t.Errorf("Complaint = %q; want %q once", r.Complaint, want)
	}
	_, err = r.Group("vg1")
	if text := err.Error(); !strings.Contains(text, want0(r)) {
		t.Errorf("Group(vg1) = %q; want what LVM complains of in it", text)
	}
}

func want0(r Report) string { first, _, _ := strings.Cut(r.Complaint, ";"); return first }

func TestErrors(t *testing.T) {
	const mib = 1 << 20
	volume := func(name string) Volume { return Volume{Name: name, Group: "vg0"} }
	for _, c := range []struct {
		recording string
		do        func(Tools) error
		code      errcode.Code
		says      string
	}{
		{"lvcreate", func(l Tools) error { return l.Create(ctx, NewVolume{"vg0", "bk01", 64 * mib, "", "calypso:repo=bk01"}) }, "", ""},
		{"lvcreate-thin", func(l Tools) error {
			return l.Create(ctx, NewVolume{"vg0", "th01", 200 * mib, "pool0", "calypso:repo=th01"})
		}, "", ""},
		{"lvcreate-exists", func(l Tools) error { return l.Create(ctx, NewVolume{"vg0", "bk01", 64 * mib, "", "calypso:repo=bk01"}) },
			errcode.VolumeExists, `Logical Volume "bk01" already exists in volume group "vg0"`},
		{"lvcreate-nospace", func(l Tools) error {
			return l.Create(ctx, NewVolume{"vg0", "bk02", 65536 * mib, "", "calypso:repo=bk02"})
		}, errcode.DiskFull, "110 extents"},
		{"lvcreate-novg", func(l Tools) error {
			return l.Create(ctx, NewVolume{"novg", "bk02", 64 * mib, "", "calypso:repo=bk02"})
		}, errcode.VolumeNotFound, `Volume group "novg" not found; Cannot process volume group novg`},
		{"lvcreate-nopool", func(l Tools) error {
			return l.Create(ctx, NewVolume{"vg0", "th02", 200 * mib, "nopool", "calypso:repo=th02"})
		}, errcode.VolumeNotFound, "Pool nopool not found"},
		{"lvextend", func(l Tools) error { return l.Grow(ctx, volume("bk01"), 80*mib) }, "", ""},
		{"lvextend-nospace", func(l Tools) error { return l.Grow(ctx, volume("bk01"), 65536*mib) }, errcode.DiskFull, "only 84 available"},
		{"lvextend-none", func(l Tools) error { return l.Grow(ctx, volume("nolv"), 80*mib) }, errcode.VolumeNotFound, "vg0/nolv"},
		{"lvextend-smaller", func(l Tools) error { return l.Grow(ctx, volume("bk01"), 4*mib) }, errcode.StorageRefused, "not larger"},
		{"lvremove-inuse", func(l Tools) error { return l.Remove(ctx, volume("bk01")) }, errcode.VolumeBusy, "filesystem in use"},
		{"lvremove-none", func(l Tools) error { return l.Remove(ctx, volume("nolv")) }, errcode.VolumeNotFound, "vg0/nolv"},
	} {
		err := c.do(replay(t, c.recording))
		if errcode.Of(err) != c.code || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v; want code %q, %q", c.recording, err, c.code, c.says)
		}
	}
}

// Not root: a valid report, empty, and the reason in its log. The status counts.
func TestNotRoot(t *testing.T) {
	exchanges, err := transcript.Read("testdata/nonroot.txt")
	if err != nil {
		t.Fatal(err)
	}
	exchanges[0].Argv = append([]string{"lvm"}, reportArgs...) // it was recorded through su
	_, err = Tools{Runner: &run.Replay{Exchanges: exchanges}}.Report(ctx)
	if errcode.Of(err) != errcode.PermissionDenied || !strings.Contains(err.Error(), "P_global") {
		t.Errorf("Report = %v; want permission_denied, with the file", err)
	}
}

func TestCheckName(t *testing.T) {
	for name, ok := range map[string]bool{"bk01": true, "a.b_c+d-e": true, "": false, "-r": false, "a b": false, "..": false,
		"snapshot1": false, "x_tdata": false, "ü": false, strings.Repeat("a", 127): true, strings.Repeat("a", 128): false} {
		if err := CheckName(name); (err == nil) != ok {
			t.Errorf("CheckName(%q) = %v; want ok %v", name, err, ok)
		}
	}
}

func FuzzParseReport(f *testing.F) {
	for _, name := range []string{"full", "missing", "none", "thin-full"} {
		e, err := transcript.Read("testdata/" + name + ".txt")
		if err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(e[0].Stdout))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := parseReport(data)
		if err != nil {
			return
		}
		for _, v := range r.Volumes {
			if v.Size < 0 || v.DataPercent != nil && !(*v.DataPercent >= 0) {
				t.Errorf("%+v: a size or share below 0", v)
			}
		}
	})
}

// The report of a host with thousands of volumes is larger than what is kept of a tool's chatter.
func TestLargeReport(t *testing.T) {
	const most = 5000
	row := `{"lv_name":"v%d","vg_name":"vg0","lv_uuid":"` + strings.Repeat("u", 100) + `","lv_size":"1"}`
	var rows []string
	for i := range most {
		rows = append(rows, fmt.Sprintf(row, i))
	}
	dir := t.TempDir()
	for file, text := range map[string]string{"report": `{"report":[{"lv":[` + strings.Join(rows, ",\n") + `]}]}`, "lvm": "#!/bin/sh\nexec cat " + dir + "/report\n"} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	r, err := Tools{run.Host{Path: []string{dir}}}.Report(ctx)
	if err != nil || len(r.Volumes) != most {
		t.Errorf("Report = %d volumes, %.200v; want %d", len(r.Volumes), err, most)
	}
}

// A volume that a process or a target has open: lib/activate/activate.c, lv_check_not_in_use.
func TestVolumeIsOpen(t *testing.T) {
	for said, want := range map[string]errcode.Code{
		"  Logical volume vg0/bk01 in use.\n":                       errcode.VolumeBusy,
		"  WARNING: Device in use.\n  Something else went wrong.\n": errcode.Failed,
		"  Logical volume vg0/bk01 is used by another device.\n":    errcode.VolumeBusy,
	} {
		r := &run.Replay{Exchanges: []run.Exchange{{Argv: []string{"lvremove", "--yes", "vg0/bk01"}, Stderr: said, ExitCode: 5}}}
		if err := (Tools{r}).Remove(ctx, Volume{Group: "vg0", Name: "bk01"}); errcode.Of(err) != want {
			t.Errorf("%q gives %v (%s); want %s", said, err, errcode.Of(err), want)
		}
	}
}
