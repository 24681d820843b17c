package tape

import (
	"encoding/hex"
	"strings"
	"testing"

	"calypso/sys/errcode"
	"calypso/tape/scsi"
)

const (
	senseHeader      = "1a 00 10 00 fc 00"
	senseCompression = "1a 00 0f 00 fc 00"
	readMAM          = "8c 00 00 00 00 00 00 00 0000 00010000 00 00"
	devicePage       = "900e00000000012c4000100000000190"
)

// header is the data of MODE SENSE(6): medium type, device-specific byte, density, block length and
// page 10h.
func header(medium, specific, density, block string) string {
	return "1b" + medium + specific + "08" + density + "00000000" + block + devicePage
}

// text is a 32-byte ASCII value in hex.
func text(s string) string { return hex.EncodeToString([]byte(s + strings.Repeat(" ", 32-len(s)))) }

// lto9MAM has the values of a cartridge in an HPE LTO-9 drive.
func lto9MAM() string {
	body := "0000 80 0008 00000000009e4edf" + "0001 80 0008 000000000105ef59" + "0003 80 0008 0000000000000011" +
		"0220 80 0008 0000000000000002" + "0221 80 0008 ffffffffffffffff" + "0400 81 0008 4648202020202020" +
		"0401 81 0020" + text("H123456789") + "0405 80 0001 60" + "0406 81 0008 3230323330343137" + "0408 80 0001 80" +
		"0806 01 0020" + text("S30002L9")
	n := len(strings.ReplaceAll(body, " ", "")) / 2
	return hex.EncodeToString([]byte{0, 0, byte(n >> 8), byte(n)}) + body
}

func TestMedium(t *testing.T) {
	d, _ := newDrive(t, step{cdb: senseHeader, in: header("98", "90", "60", "000000")}, step{cdb: readMAM, in: lto9MAM()})
	got, err := d.Medium(t.Context())
	want := Medium{Generation: "LTO-9", DensityCode: 0x60, MediumType: 0x98, WriteProtected: true, WORM: true,
		Barcode: "S30002L9", Manufacturer: "FH", Serial: "H123456789", ManufactureDate: "20230417",
		CapacityBytes: 0x105EF59 << 20, RemainingBytes: 0x9E4EDF << 20, LoadCount: 17, WrittenBytes: 2 << 20, ReadBytes: -1}
	if got != want || err != nil {
		t.Errorf("got  %+v, %v\nwant %+v", got, err, want)
	}
}

func TestMediumWithoutMemory(t *testing.T) {
	d, _ := newDrive(t,
		step{cdb: senseHeader, sense: badField}, step{cdb: "5a 00 10 00 00 00 00 00 fc 00", sense: badField},
		step{cdb: senseCompression, in: "0b0010085e00000000000400"},
		step{cdb: readMAM, sense: "70 00 03 00000000 0a 00000000 0410 00 000000"})
	got, err := d.Medium(t.Context())
	want := Medium{Generation: "LTO-8", DensityCode: 0x5E, BlockLength: 0x400,
		CapacityBytes: -1, RemainingBytes: -1, LoadCount: -1, WrittenBytes: -1, ReadBytes: -1}
	if got != want || err != nil {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestMediumOfAnEmptyDrive(t *testing.T) {
	d, _ := newDrive(t, step{cdb: senseHeader, in: header("00", "10", "00", "000000")}, step{cdb: readMAM, sense: noMedium})
	_, err := d.Medium(t.Context())
	wantCode(t, err, errcode.DriveEmpty)
}

func TestGeneration(t *testing.T) {
	tests := []struct {
		mode, memory byte
		want         string
	}{
		{0x5E, 0, "LTO-8"}, {0, 0x5E, "LTO-8"}, {0x60, 0x5E, "LTO-8"}, {0x5D, 0x5C, "LTO-7-M8"}, {0x5C, 0x5C, "LTO-7"},
		{0x62, 0x62, "LTO-10"}, {0x63, 0, "LTO-10-P"}, {0x58, 0x99, "LTO-5"}, {0x53, 0, ""},
	}
	for _, tt := range tests {
		if got := generation(tt.mode, tt.memory); got != tt.want {
			t.Errorf("%02X/%02X: %q, want %q", tt.mode, tt.memory, got, tt.want)
		}
	}
	for b, worm := range map[byte]bool{0x9C: true, 0x3C: true, 0x98: false, 0x0C: false, 0: false} {
		if wormType(b) != worm {
			t.Errorf("medium type %02X: WORM %v", b, !worm)
		}
	}
}

func TestNumbersThatDoNotFit(t *testing.T) {
	huge := Attribute{Value: []byte{0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}}
	if n := mebibytes(huge); n != -1 {
		t.Error(n)
	}
	if n := number(huge, 1); n != 1<<63-1 {
		t.Error(n)
	}
}

func TestAttributesInPieces(t *testing.T) {
	room := make([]byte, attributeRoom)
	copy(room, unhex(t, "00010010 0000 80 fff0")) // one attribute of 65520 bytes, more claimed than fits
	next := "8c 00 00 00 00 00 00 00 0001 00010000 00 00"
	d, _ := newDrive(t, step{cdb: readMAM, in: hex.EncodeToString(room)}, step{cdb: next, in: "00000006 0805 00 0001 81"})
	list, err := d.Attributes(t.Context())
	if err != nil || len(list) != 2 || len(list[0].Value) != 0xFFF0 || list[1].ID != 0x0805 {
		t.Errorf("%d attributes, %v", len(list), err)
	}
}

// TestAttributesClaimed: a length that nothing stands behind does not make it ask for ever.
func TestAttributesClaimed(t *testing.T) {
	d, _ := newDrive(t, step{cdb: readMAM, in: "00010000 0805 00 0001 81"})
	if list, err := d.Attributes(t.Context()); err != nil || len(list) != 1 {
		t.Errorf("%d attributes, %v", len(list), err)
	}
}

func TestAttributesOfADriveThatRefusesZero(t *testing.T) {
	d, _ := newDrive(t, step{cdb: readMAM, sense: badField},
		step{cdb: "8c 01 00 00 00 00 00 00 0000 00001000 00 00", in: "00000004 0001 0806"},
		step{cdb: "8c 00 00 00 00 00 00 00 0001 00010000 00 00", in: "00000006 0805 00 0001 81"})
	list, err := d.Attributes(t.Context())
	if err != nil || len(list) != 1 {
		t.Errorf("%d attributes, %v", len(list), err)
	}
	for _, answer := range []step{{sense: badField}, {in: "00000000"}, {in: "00000002 0000"}} {
		answer.cdb = "8c 01 00 00 00 00 00 00 0000 00001000 00 00"
		d, _ = newDrive(t, step{cdb: readMAM, sense: badField}, answer)
		_, err = d.Attributes(t.Context())
		wantCode(t, err, errcode.CommandRefused)
	}
}

func TestSetAttribute(t *testing.T) {
	barcode, err := scsi.NewAttribute(scsi.AttrBarcode, "V00001L8")
	if err != nil {
		t.Fatal(err)
	}
	write := "8d 01 00 00 00 00 00 00 00 00 00000029 00 00"
	list := "00000025 0806 01 0020" + text("V00001L8")
	d, _ := newDrive(t,
		step{cdb: write, out: list}, step{cdb: readMAM, in: list},
		step{cdb: write, out: list, sense: badField}, step{cdb: strings.Replace(write, "8d 01", "8d 00", 1), out: list}, step{cdb: readMAM, in: list},
		step{cdb: write, out: list}, step{cdb: readMAM, in: "00000006 0805 00 0001 81"},
		step{cdb: write, out: list, sense: "70 00 05 00000000 0a 00000000 2600 00 800004"})
	for range 2 {
		if err := d.SetAttribute(t.Context(), barcode); err != nil {
			t.Error(err)
		}
	}
	wantCode(t, d.SetAttribute(t.Context(), barcode), errcode.AttributeMismatch, "did not keep attribute 0806h")
	wantCode(t, d.SetAttribute(t.Context(), barcode), errcode.CommandRefused, "at parameter byte 4")
}

func TestDeleteAttribute(t *testing.T) {
	d, _ := newDrive(t, step{cdb: "8d 01 00 00 00 00 00 00 00 00 00000009 00 00", out: "00000005 0808 02 0000"},
		step{cdb: readMAM, in: "00000000"})
	if err := d.SetAttribute(t.Context(), Attribute{ID: scsi.AttrMediaPool, Format: scsi.TextFormat}); err != nil {
		t.Error(err)
	}
}

func TestSetVariableBlock(t *testing.T) {
	d, _ := newDrive(t,
		step{cdb: senseHeader, in: header("98", "90", "60", "004000")},
		step{cdb: "15 10 00 00 0c 00", out: "00 00 10 08 60 000000 00 000000"},
		step{cdb: senseHeader, in: header("98", "90", "60", "000000")},
		step{cdb: senseHeader, in: header("98", "90", "60", "000000")}) // the second call has nothing to do
	for range 2 {
		if err := d.SetVariableBlock(t.Context()); err != nil {
			t.Error(err)
		}
	}
	stubborn := step{cdb: senseHeader, in: header("98", "10", "60", "000200")}
	d, _ = newDrive(t, stubborn, step{cdb: "15 10 00 00 0c 00", out: "*"}, stubborn)
	wantCode(t, d.SetVariableBlock(t.Context()), errcode.DeviceError, "512 bytes")
}

// page0F is MODE SENSE data with page 0Fh; dce is its byte 2.
func page0F(dce string) string {
	return "1b 98 10 08 60 000000 00 000000 8f 0e" + dce + "80 000000ff 000000ff 00000000"
}

func TestSetCompression(t *testing.T) {
	sel := func(dce string) step {
		return step{cdb: "15 10 00 00 1c 00", out: "00 00 10 08 60 000000 00 000000 0f 0e" + dce + "80 000000ff 000000ff 00000000"}
	}
	on, off := step{cdb: senseCompression, in: page0F("c0")}, step{cdb: senseCompression, in: page0F("40")}
	d, _ := newDrive(t, on, on, sel("40"), off, off, sel("c0"), on, on, on, sel("40"), on)
	ctx := t.Context()
	if c, err := d.Compression(ctx); !c.Enabled || !c.Capable || err != nil {
		t.Error(c, err)
	}
	for i, want := range []bool{false, true, true} { // the last changes nothing
		if err := d.SetCompression(ctx, want); err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
	wantCode(t, d.SetCompression(ctx, false), errcode.DeviceError, "did not follow")
}

func TestCompressionOfADriveWithoutIt(t *testing.T) {
	none := []step{{cdb: senseCompression, sense: badField}, {cdb: "5a 00 0f 00 00 00 00 00 fc 00", sense: badField}}
	d, _ := newDrive(t, append(none, none...)...)
	if c, err := d.Compression(t.Context()); c.Capable || c.Enabled || err != nil {
		t.Error(c, err)
	}
	wantCode(t, d.SetCompression(t.Context(), true), errcode.DeviceUnsupported)
	d, _ = newDrive(t, step{cdb: senseCompression, in: page0F("00")})
	wantCode(t, d.SetCompression(t.Context(), true), errcode.DeviceUnsupported)
}

func TestModeSense10IsTheFallback(t *testing.T) {
	d, _ := newDrive(t, step{cdb: senseHeader, sense: badOpcode},
		step{cdb: "5a 00 10 00 00 00 00 00 fc 00", in: "001e 98 10 00 00 0008 60 000000 00 000000" + devicePage})
	if err := d.SetVariableBlock(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestGarbledAnswers(t *testing.T) {
	d, _ := newDrive(t, step{cdb: senseHeader, in: "0b00"}, step{cdb: senseCompression, in: "1398100860000000000000008f06c0"},
		step{cdb: readMAM, in: "00"})
	wantCode(t, d.SetVariableBlock(t.Context()), errcode.DeviceError, "makes no sense")
	_, err := d.Compression(t.Context())
	wantCode(t, err, errcode.DeviceError, "makes no sense")
	_, err = d.Attributes(t.Context())
	wantCode(t, err, errcode.DeviceError, "makes no sense")
}
