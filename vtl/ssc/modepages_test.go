package ssc

import "testing"

// The mode pages that all LTO drives have, in the order of their codes.
const (
	page01       = "01 0a 00 00 00000000 00000000"
	none01       = page01
	page02       = "02 0e 0000 0000 0000 0000 0000 0000 0000"
	none02       = page02
	page0A       = "0a 0a 02 00 00 00 0000 0000 0000"
	changeable0A = "0a 0a 04 00 00 00 0000 0000 0000"
	page0A01     = "4a 01 001c 02 00 20 00 00000000 00000000 00000000 00000000 00000000 00000000"
	page1A       = "1a 26 0000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000"
	page1C       = "1c 0a 08 04 00000000 00000000"
	changeable1C = "1c 0a 04 00 00000000 ffffffff"
	page1D       = "1d 1e 00 00 01 02 0000 00000000 00000000 00000000 00000000 00000000 00000000"
	none1D       = "1d 1e 00 00 00 00 0000 00000000 00000000 00000000 00000000 00000000 00000000"
	allPages     = page01 + page02 + page0A + page0F + page10 + page11 + page1A + page1C + page1D
	defaultPages = page01 + page02 + page0A + page0F + page10 + page11Default + page1A + page1C + page1D
)

// WORMM of the medium configuration page is that of the cartridge.
func TestMediumConfigurationPage(t *testing.T) {
	worm := tapeOf("ab")
	worm.meta.WORM = true
	r := newRig(t, worm)
	get := func(want string) {
		t.Helper()
		got, err := r.exec("1A 08 1D 00 FF 00", nil, 255)
		if err != nil {
			t.Fatal(err)
		}
		wantBytes(t, "page 1Dh", got[4:12], unhex(t, want))
	}
	get("1d 1e 01 00 01 02 00 00")
	r.want("1B 00 00 00 00 00", "good")
	get("1d 1e 00 00 01 02 00 00")
}

// TEST of page 1Ch raises and clears TapeAlert flags.
func TestExceptionsPageTestsAlerts(t *testing.T) {
	r := newRig(t, nil)
	for _, step := range []struct {
		number string
		want   alerts
	}{
		{"00000001", 1 << 63},
		{"00000014", 1<<63 | 1<<44}, // 20, clean now
		{"ffffffff", 1 << 44},
		{"00000041", 1 << 44}, // 65 is none
		{"00000000", 1 << 44},
		{"00007fff", 1<<64 - 1},
	} {
		if got := r.senseOut("15 10 00 00 10 00", unhex(t, "00 00 10 00 1c 0a 0c 04 00000000"+step.number)); got != "good" {
			t.Fatalf("MODE SELECT(6) = %s", got)
		}
		if r.s.alerts != step.want {
			t.Errorf("after TEST with %s: flags %016x, want %016x", step.number, r.s.alerts, step.want)
		}
		got, _ := r.exec("1A 08 1C 00 FF 00", nil, 255)
		wantBytes(t, "page 1Ch", got[4:], unhex(t, page1C))
	}
	if got := r.senseOut("15 10 00 00 10 00", unhex(t, "00 00 10 00 1c 0a 00 04 00000000 00000000")); got != "5/26/00 param[6].3" {
		t.Errorf("MODE SELECT(6) without DEXCPT = %s", got)
	}
}

// With D_SENSE the drive reports in descriptor format (SPC-5).
func TestDescriptorSense(t *testing.T) {
	r := newRig(t, tapeOf("5|"))
	select0A := func(first string) {
		t.Helper()
		if got := r.senseOut("15 10 00 00 10 00", unhex(t, "00 00 10 00 0a 0a"+first+"00 00 00 0000 0000 0000")); got != "good" {
			t.Fatalf("MODE SELECT(6) = %s", got)
		}
	}
	select0A("06")
	for _, step := range []struct{ cdb, want string }{
		{"08 00 00 00 02 00", "72 00 00 00 000000 10 000a 80 00 fffffffffffffffd 0402 00 20"},
		{"08 00 00 00 02 00", "72 00 00 01 000000 10 000a 80 00 0000000000000002 0402 00 80"},
		{"08 03 00 00 02 00", "72 05 24 00 000000 08 0206 00 00 c9 0001 00"},
		{"FF 00 00 00 00 00", "72 05 20 00 000000 08 0206 00 00 c0 0000 00"},
	} {
		_, err := r.exec(step.cdb, nil, 2)
		wantBytes(t, step.cdb, rawSense(t, err), unhex(t, step.want))
	}
	got, _ := r.exec("03 00 00 00 FF 00", nil, 255)
	wantBytes(t, "REQUEST SENSE", got, unhex(t, "70 00 00 00000000 0a 00000000 0000 00 000000"))
	select0A("02")
	_, err := r.exec("08 00 00 00 02 00", nil, 2)
	wantBytes(t, "fixed format again", rawSense(t, err), unhex(t, "f0 00 08 00000002 0a 00000000 0005 00 000000"))
}
