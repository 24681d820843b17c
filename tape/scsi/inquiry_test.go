package scsi

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// pad is text filled with spaces to n bytes.
func pad(s string, n int) string { return s + strings.Repeat(" ", n-len(s)) }

func lto9Inquiry() []byte {
	head := "\x01\x80\x06\x12\x5b\x00\x00\x02"
	return []byte(head + pad("HPE", 8) + pad("Ultrium 9-SCSI", 16) + "R2A1" + strings.Repeat("\x00", 60))
}

func TestParseInquiry(t *testing.T) {
	want := InquiryData{Type: TapeDevice, Removable: true, Version: 6, Vendor: "HPE", Product: "Ultrium 9-SCSI", Revision: "R2A1"}
	got, err := ParseInquiry(lto9Inquiry())
	if err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestParseInquiryCutShort(t *testing.T) {
	got, err := ParseInquiry(lto9Inquiry()[:20])
	if err != nil || got.Vendor != "HPE" || got.Product != "Ultr" || got.Revision != "" {
		t.Errorf("20 bytes: %+v, %v", got, err)
	}
	if _, err := ParseInquiry(lto9Inquiry()[:4]); !errors.Is(err, ErrShort) {
		t.Errorf("4 bytes: %v", err)
	}
	lying := lto9Inquiry()
	lying[4] = 10 // the additional length ends inside the vendor
	if got, _ := ParseInquiry(lying); got.Vendor != "HPE" || got.Product != "" {
		t.Errorf("additional length 10: %+v", got)
	}
}

func TestParseInquiryHidesControlCharacters(t *testing.T) {
	data := lto9Inquiry()
	copy(data[16:], "Evil\x1b[2J\xe9 X")
	if got, _ := ParseInquiry(data); got.Product != "Evil?[2J? XCSI" {
		t.Errorf("product %q", got.Product)
	}
}

// identification is page 83h as an LTO drive gives it: T10 vendor id, NAA, a port's NAA.
func identification() []byte {
	t10 := "\x02\x01\x00\x22" + pad("HPE", 8) + pad("Ultrium 9-SCSI", 16) + "8031BDC7DB"
	naa := "\x01\x03\x00\x08\x50\x01\x43\x80\x31\xbd\xc7\xdb"
	port := "\x61\x93\x00\x08\x50\x01\x43\x80\x31\xbd\xc7\xdc"
	body := t10 + naa + port
	return []byte("\x01\x83\x00" + string(rune(len(body))) + body)
}

func TestParseVPD(t *testing.T) {
	list, err := ParseVPDIdentification(identification())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range list {
		got = append(got, d.String())
	}
	want := []string{"HPE     Ultrium 9-SCSI  8031BDC7DB", "50014380" + "31bdc7db", "5001438031bdc7dc"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if s := list[0].T10Serial(); s != "8031BDC7DB" {
		t.Errorf("serial %q", s)
	}
	if list[2].Association != 1 || list[2].Type != DesignatorNAA || list[1].T10Serial() != "" {
		t.Errorf("%+v", list)
	}
}

func TestParseVPDTruncatedDesignator(t *testing.T) {
	data := identification()
	list, err := ParseVPDIdentification(data[:len(data)-1])
	if err != nil || len(list) != 2 {
		t.Errorf("%d designators, %v", len(list), err)
	}
	data[3] = 38 // the page says that it ends after the first
	if list, _ := ParseVPDIdentification(data); len(list) != 1 {
		t.Errorf("%d designators after the page's own end", len(list))
	}
}

func TestParseVPDSerialAndPages(t *testing.T) {
	serial, err := ParseVPDSerial([]byte("\x08\x80\x00\x0fDEC418146K_LL02"), VPDUnitSerial)
	if err != nil || serial != "DEC418146K_LL02" {
		t.Errorf("%q, %v", serial, err)
	}
	pages, err := ParseVPDPages([]byte{8, 0, 0, 7, 0x00, 0x80, 0x83, 0x85, 0xC0})
	if err != nil || len(pages) != 5 {
		t.Errorf("a length past the data: % x, %v", pages, err)
	}
	var wrong *PageError
	if _, err := ParseVPDSerial([]byte{1, 0, 0, 0}, VPDUnitSerial); !errors.As(err, &wrong) || wrong.Got != 0 {
		t.Errorf("another page: %v", err)
	}
	if _, err := ParseVPD([]byte{1, 0x80, 0}, VPDUnitSerial); !errors.Is(err, ErrShort) {
		t.Errorf("3 bytes: %v", err)
	}
}

func TestInquiryAgainstJudge(t *testing.T) {
	judge := judge(t, "sg_inq")
	out := run(t, judge, "--inhex="+hexFile(t, lto9Inquiry()))
	for _, want := range []string{"Vendor identification: HPE", "Product identification: Ultrium 9-SCSI", "Product revision level: R2A1"} {
		if !strings.Contains(out, want) {
			t.Errorf("the judge does not say %q:\n%s", want, out)
		}
	}
}

func TestIdentificationAgainstJudge(t *testing.T) {
	judge := judge(t, "sg_vpd")
	out := run(t, judge, "--page=0x83", "--inhex="+hexFile(t, identification()))
	for _, want := range []string{"vendor id: HPE", "vendor specific: Ultrium 9-SCSI  8031BDC7DB", "0x5001438031bdc7db", "0x5001438031bdc7dc"} {
		if !strings.Contains(out, want) {
			t.Errorf("the judge does not say %q:\n%s", want, out)
		}
	}
}

func hexFile(t *testing.T, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(path, []byte(strings.Join(hexArgs(data), " ")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestParseReportLUNs(t *testing.T) {
	data := unhex(t, "00000010 00000000 0000000000000000 0001000000000000")
	luns, err := ParseReportLUNs(data)
	if diff := cmp.Diff([]uint64{0, 0x0001000000000000}, luns); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if luns, _ := ParseReportLUNs(data[:20]); len(luns) != 1 {
		t.Errorf("cut in the second: %v", luns)
	}
	data[3] = 8
	if luns, _ := ParseReportLUNs(data); len(luns) != 1 {
		t.Errorf("length 8: %v", luns)
	}
	if _, err := ParseReportLUNs(nil); !errors.Is(err, ErrShort) {
		t.Error(err)
	}
}
