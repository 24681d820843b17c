package ssc

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestStandardInquiry(t *testing.T) {
	r := newRig(t, nil)
	got, err := r.exec("12 00 00 00 FF 00", nil, 255)
	if err != nil {
		t.Fatal(err)
	}
	want := unhex(t, "01 80 07 02 5b 00 00 02") // tape, RMB, SPC-5, format 2, 91 more bytes, CMDQUE
	want = append(want, "CALYPSO ULTRIUM-TD8     0001"...)
	want = append(want, make([]byte, 22)...)
	want = append(want, unhex(t, "00c0 05c0 05a0")...)
	want = append(want, make([]byte, 32)...)
	wantBytes(t, "INQUIRY", got, want)

	short, _ := r.exec("12 00 00 00 24 00", nil, 255)
	wantBytes(t, "INQUIRY of 36 bytes", short, want[:36])
	r.want("12 00 80 00 24 00", "5/24/00 cdb[2]") // a page without EVPD
	r.want("12 02 00 00 24 00", "5/24/00 cdb[1].1")
	r.want("12 01 B7 00 24 00", "5/24/00 cdb[2]")
}

func TestVitalProductData(t *testing.T) {
	r := newRig(t, nil)
	pages := map[string]string{
		"12 01 00 00 FF 00": "01 00 00 0a 00 80 83 86 87 88 b0 b1 b2 b5",
		"12 01 80 00 FF 00": "01 80 00 0a 43 41 4c 30 30 30 30 30 30 31",
	}
	for cdb, want := range pages {
		got, err := r.exec(cdb, nil, 255)
		if err != nil {
			t.Fatal(err)
		}
		wantBytes(t, cdb, got, unhex(t, want))
	}
	got, err := r.exec("12 01 83 00 FF 00", nil, 255)
	if err != nil {
		t.Fatal(err)
	}
	want := unhex(t, "01 83 00 46  02 01 00 22")
	want = append(want, "CALYPSO ULTRIUM-TD8     CAL0000001"...)
	want = append(want, unhex(t, "01 03 00 08")...)
	wantBytes(t, "device identification page", got[:len(want)], want)
	unit, port := got[len(want):len(want)+8], got[len(got)-8:]
	wantBytes(t, "designators of the port", got[len(want)+8:len(got)-8], unhex(t, "01 14 00 04 00000001 01 13 00 08"))
	if unit[0]>>4 != 3 || port[0]>>4 != 3 || string(unit) == string(port) { // locally assigned
		t.Errorf("NAA names % x and % x, want two of format 3", unit, port)
	}
}

func TestVitalProductDataOfSequentialAccess(t *testing.T) {
	s, err := New(Config{Generation: "LTO-9", Serial: "CAL0000001", Library: "LIB01", Element: 502}, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{TB: t, s: s}
	for cdb, want := range map[string]string{
		"12 01 00 00 FF 00": "01 00 00 0c 00 80 83 86 87 88 b0 b1 b2 b3 b4 b5",
		"12 01 86 00 0E 00": "01 86 00 3c 00 01 00 00 00 00 00 00 00 20",
		"12 01 87 00 FF 00": "01 87 00 04 3f ff 00 00",
		"12 01 88 00 14 00": "01 88 00 18 0000 0001 0000 0000 0000 000c 01 13 00 08",
		"12 01 B0 00 FF 00": "01 b0 00 02 01 00",
		"12 01 B1 00 FF 00": "01 b1 00 0a 43 41 4c 30 30 30 30 30 30 31",
		"12 01 B2 00 FF 00": "01 b2 00 08 ff ff ff ff ff ff ff ff",
		"12 01 B3 00 FF 00": "01 b3 00 05 4c 49 42 30 31",
		"12 01 B4 00 FF 00": "01 b4 00 02 01 f6",
		"12 01 B5 00 FF 00": "01 b5 00 0c 00 00 00 00 07 00 00 00 00 00 00 00",
	} {
		got, err := r.exec(cdb, nil, 255)
		if err != nil {
			t.Fatal(err)
		}
		wantBytes(t, cdb, got, unhex(t, want))
	}
}

func TestIdentityCanBeSet(t *testing.T) {
	s, err := New(Config{Generation: "LTO-9", Serial: "S", Vendor: "IBM", Product: "ULT3580-TD9", Revision: "R3G3"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{TB: t, s: s}
	got, _ := r.exec("12 00 00 00 24 00", nil, 36)
	if string(got[8:]) != "IBM     ULT3580-TD9     R3G3" {
		t.Errorf("INQUIRY = %q", got[8:])
	}
	other, err := New(Config{Generation: "LTO-9", Serial: "T"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if string(s.Identity().NAA()) == string(other.Identity().NAA()) {
		t.Error("two drives have the same name")
	}
}

func TestReportLUNs(t *testing.T) {
	r := newRig(t, nil)
	for cdb, want := range map[string]string{
		"A0 00 00 00 00 00 00 00 00 FF 00 00": "00000008 00000000 0000000000000000",
		"A0 00 02 00 00 00 00 00 00 FF 00 00": "00000008 00000000 0000000000000000",
		"A0 00 01 00 00 00 00 00 00 FF 00 00": "00000000 00000000",
		"A0 00 00 00 00 00 00 00 00 04 00 00": "00000008",
	} {
		got, err := r.exec(cdb, nil, 255)
		if err != nil {
			t.Fatal(err)
		}
		wantBytes(t, cdb, got, unhex(t, want))
	}
	r.want("A0 00 03 00 00 00 00 00 00 FF 00 00", "5/24/00 cdb[2]")
}

func TestCDBChecks(t *testing.T) {
	r := newRig(t, tapeOf("ab"))
	r.want("", "5/20/00")
	r.want("02 00 00 00 00 00", "5/20/00 cdb[0]")
	r.want("FF", "5/20/00 cdb[0]")
	r.want("00", "5/24/00 cdb[1]")
	r.want("00 00 00 00 00", "5/24/00 cdb[5]")
	r.want("00 00 00 00 00 00 00", "5/24/00 cdb[6]")
	r.want("00 00 00 01 00 00", "5/24/00 cdb[3].0")
	r.want("00 20 00 00 00 00", "5/24/00 cdb[1].5") // LUN 1 in the place SCSI-2 had for it
	r.want("00 00 00 00 00 04", "5/24/00 cdb[5].2") // NACA
	r.want("34", "5/24/00 cdb[1].4")
	r.want("8C 1F 00 00 00 00 00 00 00 00 00 00 00 00 00 00", "5/24/00 cdb[1].4")
	r.wantAt(0)
}

// judge runs a tool of sg3_utils over data and wants these strings in what it makes of them.
func judge(t *testing.T, data []byte, want []string, tool string, args ...string) {
	t.Helper()
	path, err := exec.LookPath(tool)
	if err != nil {
		t.Skipf("%s (sg3_utils) is not installed", tool)
	}
	file := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(file, []byte(fmt.Sprintf("% x\n", data)), 0o600); err != nil {
		t.Fatal(err)
	}
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "FILE", file)
	}
	out, err := exec.Command(path, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", tool, args, err, out)
	}
	for _, s := range want {
		if !strings.Contains(string(out), s) {
			t.Errorf("%s %q: no %q in\n%s", tool, args, s, out)
		}
	}
}

func TestSgInqReadsInquiry(t *testing.T) {
	r := newRig(t, nil)
	data, _ := r.exec("12 00 00 00 FF 00", nil, 255)
	judge(t, data, []string{
		"RMB=1", "Resp_data_format=2", "length=96", "Peripheral device type: tape",
		"Vendor identification: CALYPSO", "Product identification: ULTRIUM-TD8", "Product revision level: 0001",
		"SAM-6", "SPC-5", "SSC-5",
	}, "sg_inq", "--inhex=FILE", "--descriptors")
}

func TestSgVpdReadsPages(t *testing.T) {
	r := newRig(t, nil)
	for cdb, want := range map[string][]string{
		"12 01 00 00 FF 00": {"Supported VPD pages", "Unit serial number", "Device identification"},
		"12 01 80 00 FF 00": {"Unit serial number: CAL0000001"},
		"12 01 83 00 FF 00": {"T10 vendor identification", "vendor id: CALYPSO",
			"vendor specific: ULTRIUM-TD8     CAL0000001", "designator type: NAA", "0x3"},
	} {
		data, _ := r.exec(cdb, nil, 255)
		judge(t, data, want, "sg_vpd", "--inhex=FILE")
	}
}

func TestSgDecodeSenseReadsSense(t *testing.T) {
	r := newRig(t, tapeOf("5|"))
	steps := []struct {
		cdb  string
		room int
		want []string
	}{
		{"08 00 00 00 02 00", 2, []string{"Fixed format, current", "No Sense", "Info fld=0xfffffffd", "ILI"}},
		{"08 00 00 00 02 00", 2, []string{"Filemark detected", "Info fld=0x2", "FMK"}},
		{"08 00 00 00 02 00", 2, []string{"Blank Check", "End-of-data detected", "Info fld=0x2"}},
		{"08 03 00 00 02 00", 2, []string{"Illegal Request", "Invalid field in cdb", "Error in Command: byte 1 bit 1"}},
		{"03 02 00 00 02 00", 2, []string{"Illegal Request", "Error in Command: byte 1 bit 1"}},
	}
	for _, step := range steps {
		_, err := r.exec(step.cdb, nil, step.room)
		judge(t, rawSense(t, err), step.want, "sg_decode_sense", "--file=FILE")
	}
}
