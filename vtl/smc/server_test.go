package smc

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"calypso/vtl/spc"
)

func TestInquiry(t *testing.T) {
	r := newRig(t, smallLibrary(t))
	r.get("12 00 00 00 24 00", "08 80 07 02 5b 00 00 02"+ascii("CALYPSO", 8)+ascii("VTL", 16)+ascii("0001", 4))
	r.get("12 01 00 00 FF 00", "08 00 00 06 00 80 83 86 87 88")
	r.get("12 01 80 00 FF 00", "08 80 00 0a"+ascii("CALLIB0001", 10))
	r.want("12 01 B0 00 FF 00", "5/24/00 cdb[2]")
	r.get("A0 00 00 00 00 00 00 00 00 FF 00 00", "00000008 00000000 0000000000000000")
	got, err := r.exec("12 01 83 00 FF 00", 255)
	if err != nil || !strings.Contains(string(got), "CALYPSO VTL             CALLIB0001") {
		t.Errorf("device identification page = %q, %v", got, err)
	}
}

func TestSgInqReadsInquiry(t *testing.T) {
	path, err := exec.LookPath("sg_inq")
	if err != nil {
		t.Skip("sg_inq (sg3_utils) is not installed")
	}
	r := newRig(t, smallLibrary(t))
	data, _ := r.exec("12 00 00 00 FF 00", 255)
	file := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(path, "--raw", "--inhex="+file, "--descriptors").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"medium changer", "length=96", "SAM-6", "SPC-5", "SMC-3"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

func TestModeSense(t *testing.T) {
	r := newRig(t, smallLibrary(t))
	// Transport 1 from 1, storage 3 from 1001, import/export 2 from 101, drives 1 from 501.
	const page = "1d 12 0001 0001 03e9 0003 0065 0002 01f5 0001 0000"
	r.get("1A 08 1D 00 FF 00", "17 00 00 00"+page)
	const (
		before = "02 0e 0000 0000 0000 0000 0000 0000 0000" + "0a 0a 02 00 00 00 0000 0000 0000"
		after  = "1a 26 0000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000" +
			"1c 0a 08 04 00000000 00000000"
	)
	const all = page + "1e 02 00 00" + "1f 12 0e 03 00 0e 0e 0e 00000000 00 0e 0e 0e 00000000"
	r.get("1A 00 3F 00 FF 00", "7f 00 00 00"+before+after+all)
	r.get("1A 00 9D 00 FF 00", "17 00 00 00"+page)
	r.get("1A 00 5D 00 FF 00", "17 00 00 00 1d 12"+strings.Repeat("00", 18))
	r.get("5A 08 1D 00 00 00 00 00 FF 00", "001a 00 00 00 00 0000"+page)
	r.get("1A 08 1D 00 04 00", "17 00 00 00")
	r.get("1A 00 00 00 0C 00", "03 00 00 00")
	r.get("5A 00 00 00 00 00 00 00 FF 00", "0006 00 00 00 00 0000")
	r.want("1A 08 DD 00 FF 00", "5/39/00")
	r.want("1A 08 1B 00 FF 00", "5/24/00 cdb[2].5")
	r.want("1A 08 1D 01 FF 00", "5/24/00 cdb[2].5")
	r.want("15 10 00 00 00 00", "5/20/00 cdb[0]")
}

// A library without mail slots and drives says so: 0 from 0, not an address that is not there.
func TestModeSenseWithoutMailSlots(t *testing.T) {
	inv, err := NewInventory(nil, 2, 0)
	if err != nil {
		t.Fatal(err)
	}
	newRig(t, inv).get("1A 08 1D 00 FF 00", "17 00 00 00 1d 12 0001 0001 03e9 0002 0000 0000 0000 0000 0000")
}

func TestRequestSenseAndAttentions(t *testing.T) {
	r := newRig(t, smallLibrary(t))
	r.get("03 00 00 00 FF 00", "70 00 00 00 00 00 00 0a 00 00 00 00 00 00 00 00 00 00")
	if err := r.s.Take(102); err != nil {
		t.Fatal(err)
	}
	if err := r.s.Put(101, "V00009L9", DataMedium); err != nil {
		t.Fatal(err)
	}
	r.get("12 01 80 00 04 00", "08 80 00 0a")
	r.want("00 00 00 00 00 00", "6/28/01")
	r.want("00 00 00 00 00 00", "good")
	r.s.Attention(spc.ImportExportAccessed)
	r.get("03 00 00 00 FF 00", "70 00 06 00 00 00 00 0a 00 00 00 00 28 01 00 00 00 00")
	r.want("00 00 00 00 00 00", "good")
	r.s.PowerOn()
	r.want("07 00 00 00 00 00", "6/29/00")
	r.want("07 00 00 00 00 00", "good")
}

func TestStateSurvives(t *testing.T) {
	r := newRig(t, smallLibrary(t))
	r.want("1E 00 00 00 01 00", "good")
	r.s.Attention(spc.ImportExportAccessed)
	text, err := json.Marshal(r.s.State())
	if err != nil {
		t.Fatal(err)
	}
	var state State
	if err := json.Unmarshal(text, &state); err != nil {
		t.Fatal(err)
	}
	s, err := New(Config{State: &state}, r.s.Inventory(), r.h)
	if err != nil {
		t.Fatal(err)
	}
	again := &rig{t, s, r.h}
	again.want("00 00 00 00 00 00", "6/28/01")
	again.want("00 00 00 00 00 00", "good")
	if err := s.Take(102); err == nil {
		t.Error("the mail slots are not locked any more")
	}
	state.Dirty = true
	s, err = New(Config{State: &state}, r.s.Inventory(), r.h)
	if err != nil {
		t.Fatal(err)
	}
	again = &rig{t, s, r.h}
	again.want("00 00 00 00 00 00", "6/29/00")
	if err := s.Take(102); err != nil {
		t.Errorf("Take() after a power cycle = %v", err)
	}
}

func TestObserver(t *testing.T) {
	s, err := New(Config{Observe: true, State: &State{}}, smallLibrary(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{TB: t, s: s}
	r.want("A5 00 0000 03E9 01F5 0000 00 00", "7/27/00")
	r.want("1E 00 00 00 01 00", "7/27/00")
	r.want("B8 00 0000 FFFF 00 000008 00 00", "good")
}

func TestCDBChecks(t *testing.T) {
	r := newRig(t, smallLibrary(t))
	r.want("", "5/20/00")
	r.want("B6 00 0000 0000 0000 0000 00 00", "5/20/00 cdb[0]") // REQUEST VOLUME ELEMENT ADDRESS
	r.want("37 04 0000 0000 0000 0000", "5/24/00 cdb[1].2")
	r.want("1B 00 0065 20 00", "5/24/00 cdb[4].5")
	r.want("00 00 00 00 00", "5/24/00 cdb[5]")
	r.want("B8 20 0000 FFFF 00 000008 00 00", "5/24/00 cdb[1].5")
	r.want("B8 05 0000 FFFF 00 000008 00 00", "5/24/00 cdb[1].3")
	r.want("B8 00 0000 FFFF 04 000008 00 00", "5/24/00 cdb[6].2")
	r.want("A5 01 0000 03E9 01F5 0000 00 00", "5/24/00 cdb[1].0")
	r.want("A5 00 0000 03E9 01F5 0000 80 00", "5/24/00 cdb[10].7")
}

func TestInventoryIsChecked(t *testing.T) {
	for name, elements := range map[string][]Element{
		"order":    {{Address: 2, Type: Storage}, {Address: 1, Type: Storage}},
		"doubled":  {{Address: 1, Type: Storage}, {Address: 1, Type: Drive}},
		"gap":      {{Address: 1, Type: Storage}, {Address: 3, Type: Storage}},
		"two runs": {{Address: 1, Type: Storage}, {Address: 2, Type: Drive}, {Address: 3, Type: Storage}},
		"type":     {{Address: 1, Type: 5}},
		"all":      {{Address: 1, Type: AllTypes}},
		"barcode":  {{Address: 1, Type: Storage, Full: true, Barcode: strings.Repeat("V", 33)}},
	} {
		if _, err := New(Config{}, Inventory{Elements: elements}, nil); err == nil {
			t.Errorf("%s: New() succeeded", name)
		}
	}
	for _, n := range [][3]int{{501, 0, 0}, {0, 64536, 0}, {0, 0, 401}, {0, -1, 0}, {0, 0, -1}} {
		if _, err := NewInventory(make([]spc.Identity, n[0]), n[1], n[2]); err == nil {
			t.Errorf("NewInventory(%d drives, %d slots, %d mail slots) succeeded", n[0], n[1], n[2])
		}
	}
	inv, err := NewInventory(make([]spc.Identity, 500), 64535, 400)
	if err != nil {
		t.Fatal(err)
	}
	if err := inv.check(); err != nil {
		t.Errorf("the largest library: %v", err)
	}
}
