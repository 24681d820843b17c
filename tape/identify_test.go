package tape

import (
	"encoding/hex"
	"strings"
	"testing"

	"calypso/sys/errcode"
	"calypso/tape/scsi"
)

const stdInquiry = "12 00 00 00 fc 00"

func inquiryData(kind byte, vendor, product, revision string) string {
	b := append([]byte{kind, 0x80, 6, 2, 31, 0, 0, 0}, strings.Repeat(" ", 28)...)
	copy(b[8:], vendor)
	copy(b[16:], product)
	copy(b[32:], revision)
	return hex.EncodeToString(b)
}

func vpd(page byte) string { return "12 01 " + hex.EncodeToString([]byte{page}) + " 04 00 00" }

func ascii(s string) string { return hex.EncodeToString([]byte(s)) }

// No TEST UNIT READY comes first: INQUIRY leaves unit attentions alone.
func TestIdentify(t *testing.T) {
	w := &wire{t: t, steps: []step{
		{cdb: stdInquiry, in: inquiryData(1, "HPE", "Ultrium 9-SCSI", "R2A1")},
		{cdb: vpd(0), in: "01 00 0004 00 80 83 b1"},
		{cdb: vpd(0x80), in: "01 80 000a" + ascii("8031BDC7DB")},
		{cdb: vpd(0xB1), in: "01 b1 000a" + ascii("CZ123456AB")},
		{cdb: vpd(0x83), in: "01 83 003e 61 93 00 08 5001438031bdc7dc 02 01 00 22" + ascii("HPE     Ultrium 9-SCSI  8031BDC7DB") +
			"01 03 00 08 5001438031bdc7db"},
	}}
	defer w.done()
	got, err := NewDrive(w).Identify(t.Context())
	want := Identity{Type: scsi.TapeDevice, Vendor: "HPE", Product: "Ultrium 9-SCSI", Revision: "R2A1", Serial: "8031BDC7DB",
		ManufacturerSerial: "CZ123456AB", T10ID: "HPE     Ultrium 9-SCSI  8031BDC7DB", NAA: "5001438031bdc7db"}
	if got != want || err != nil {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestIdentifyWithoutPages(t *testing.T) {
	w := &wire{t: t, steps: []step{
		{cdb: stdInquiry, in: inquiryData(1, "HP", "Ultrium 1-SCSI", "E38W")}, {cdb: vpd(0), sense: badField},
		{cdb: stdInquiry, in: inquiryData(1, "HP", "Ultrium 1-SCSI", "E38W")}, {cdb: vpd(0), in: "01 00 0002 00 80"}, {cdb: vpd(0x80), sense: badField},
	}}
	defer w.done()
	for range 2 {
		if id, err := NewDrive(w).Identify(t.Context()); err != nil || id.Vendor != "HP" || id.Serial != "" {
			t.Errorf("%+v, %v", id, err)
		}
	}
}

func TestIdentifyRefusesOtherDevices(t *testing.T) {
	for _, data := range []string{inquiryData(8, "HPE", "MSL3040", "3350"), inquiryData(0x7F, "", "", ""), inquiryData(0x21, "HPE", "", "")} {
		w := &wire{t: t, steps: []step{{cdb: stdInquiry, in: data}}}
		_, err := NewDrive(w).Identify(t.Context())
		wantCode(t, err, errcode.DeviceUnsupported, "not a tape drive")
	}
	w := &wire{t: t, steps: []step{{cdb: stdInquiry, in: inquiryData(1, "HPE", "", "")}}}
	_, err := NewChanger(w).Identify(t.Context())
	wantCode(t, err, errcode.DeviceUnsupported, "not a medium changer")
}

func TestIdentifyFailures(t *testing.T) {
	std := step{cdb: stdInquiry, in: inquiryData(1, "HPE", "", "")}
	for _, steps := range [][]step{
		{{cdb: stdInquiry, in: "0180"}},
		{std, {cdb: vpd(0), in: "01 80 0000"}},
		{std, {cdb: vpd(0), in: "01 00 0001 83"}, {cdb: vpd(0x83), in: "01"}},
	} {
		w := &wire{t: t, steps: steps}
		_, err := NewDrive(w).Identify(t.Context())
		wantCode(t, err, errcode.DeviceError, "makes no sense")
		w.done()
	}
	w := &wire{t: t, steps: []step{{cdb: stdInquiry, err: lost(0x12)}}}
	_, err := NewDrive(w).Identify(t.Context())
	wantCode(t, err, errcode.DeviceUnknown)
}
