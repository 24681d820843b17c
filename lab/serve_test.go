//go:build lab

package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"calypso/sys/place"
	"calypso/tape/scsi/sg"
	"calypso/vtl"
	"calypso/vtl/tcmu"
)

// served puts a new library behind the kernel and gives its nodes.
func served(t *testing.T, drives int) []sg.Node {
	t.Helper()
	for _, m := range []string{"target_core_user", "tcm_loop", "st", "sg", "ch"} {
		run(t, "modprobe", m)
	}
	dir := t.TempDir()
	store := vtl.NewStore(place.Places{StateDir: filepath.Join(dir, "state"), RunDir: filepath.Join(dir, "run")})
	ctx := context.Background()
	lib, err := store.Create(ctx, vtl.CreateSpec{Name: "vtl01", Drives: drives, Slots: 10, Media: "LTO-8", Tapes: -1, BarcodePrefix: "V"})
	if err != nil {
		t.Fatal(err)
	}
	changer, err := store.OpenChanger(ctx, "vtl01")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = changer.Close() })
	units := []tcmu.Unit{{Name: "vtl01-changer", Serial: "C0", Transport: changer}}
	for n := range drives {
		d, err := store.OpenDrive(ctx, "vtl01", n)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = d.Close() })
		units = append(units, tcmu.Unit{Name: fmt.Sprintf("vtl01-drive-%d", n), Serial: fmt.Sprintf("D%d", n), Transport: d})
	}
	if err := tcmu.Clear(tcmu.System, "vtl01", lib.UnitNames(), tcmu.Loopback{NAA: "6001405a5a5a5a01"}); err != nil {
		t.Fatal(err)
	}
	s, err := tcmu.Start(ctx, tcmu.System, "vtl01", units, tcmu.Loopback{NAA: "6001405a5a5a5a01"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	var nodes []sg.Node
	eventually(t, "the nodes of the library", func() bool {
		nodes, err = sg.Nodes("/sys")
		if len(nodes) != drives+1 {
			return false
		}
		for _, n := range nodes {
			if n.Kind == sg.Tape && n.NoRewind == "" || n.Kind == sg.Changer && n.Changer == "" {
				return false
			}
			for _, path := range []string{n.Generic, n.NoRewind} {
				if _, err := os.Stat(path); path != "" && err != nil {
					return false
				}
			}
		}
		return true
	})
	return nodes
}

func TestServedLibrary(t *testing.T) {
	nodes := served(t, 2)
	fmt.Println(run(t, "lsscsi", "-g"))
	fmt.Println(run(t, "mtx", "-f", nodes[0].Generic, "status"))
	fmt.Println(run(t, "mtx", "-f", nodes[0].Generic, "load", "1", "0"))
	tape := nodes[1].NoRewind
	fmt.Println(run(t, "mt", "-f", tape, "status"))
	run(t, "sh", "-c", "dd if=/dev/urandom of=/tmp/data bs=1M count=64 status=none")
	fmt.Println(run(t, "dd", "if=/tmp/data", "of="+tape, "bs=256k"))
	run(t, "mt", "-f", tape, "rewind")
	fmt.Println(run(t, "sh", "-c", "dd if="+tape+" bs=256k | cmp - /tmp/data"))
	if out := run(t, "dmesg"); strings.Contains(out, "Oops") || strings.Contains(out, "BUG:") {
		t.Error(out)
	}
}
