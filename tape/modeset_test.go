package tape

import (
	"fmt"
	"strings"
	"testing"

	"calypso/sys/errcode"
	"calypso/tape/scsi"
)

// The mode data of these tests: header, descriptor and the device configuration page of an LTO-8 drive.
const (
	modeHead  = "98 10 00 00 0008 5e 000000 00 000000"
	configNow = "90 0e 00 00 00 00 01 2c 40 00 10 00 00 00 01 08"
	configCan = "90 0e 00 00 00 00 ff ff 00 00 00 00 00 00 01 00"
)

func modeData(pages string) string {
	n := len(strings.ReplaceAll(modeHead+pages, " ", "")) / 2
	return fmt.Sprintf("%04x", n) + modeHead + pages
}

// senseAll is MODE SENSE(10) of all pages and subpages with a page control.
func senseAll(pc int, answer step) step {
	answer.cdb = fmt.Sprintf("5a 00 %02x ff 00 00 00 40 00 00", pc<<6|0x3F)
	return answer
}

// readModes is what ModePages sends when the drive gives all but saved values.
func readModes(current, changeable string) []step {
	return []step{
		senseAll(0, step{in: modeData(current)}), senseAll(1, step{in: modeData(changeable)}), senseAll(2, step{in: modeData(configNow)}),
		senseAll(3, step{sense: "70 00 05 00000000 0a 00000000 3900 00 000000"}),
	}
}

func delayOf(t *testing.T, v uint64) (scsi.ModePageInfo, []ModeChange) {
	t.Helper()
	info, f, err := FindModeField("device_configuration.write_delay")
	if err != nil {
		t.Fatal(err)
	}
	return info, []ModeChange{{f, v}}
}

const selectConfig = "55 10 00 00 00 00 00 00 20 00"

func configWith(delay string) string {
	return "10 0e 00 00 00 00 " + delay + " 40 00 10 00 00 00 01 08"
}

func TestSetModeFields(t *testing.T) {
	after := "90" + configWith("0064")[2:]
	steps := append(readModes(configNow, configCan),
		step{cdb: "5a 00 10 00 00 00 00 40 00 00", in: modeData(configNow)},
		step{cdb: selectConfig, out: "0000 00" + modeHead[2:] + configWith("0064")})
	d, _ := newDrive(t, append(steps, readModes(after, configCan)...)...)
	info, changes := delayOf(t, 100)
	if err := d.SetModeFields(t.Context(), info, changes, false); err != nil {
		t.Error(err)
	}
}

func TestSetModeFieldsAlreadySo(t *testing.T) {
	d, _ := newDrive(t, readModes(configNow, configCan)...)
	info, changes := delayOf(t, 300)
	if err := d.SetModeFields(t.Context(), info, changes, false); err != nil {
		t.Error(err)
	}
}

// The drive takes the page, rounds the value and says so, or not.
func TestSetModeFieldsMismatch(t *testing.T) {
	for _, sense := range []string{"", "70 00 01 00000000 0a 00000000 3700 00 000000"} {
		steps := append(readModes(configNow, configCan),
			step{cdb: "5a 00 10 00 00 00 00 40 00 00", in: modeData(configNow)}, step{cdb: selectConfig, out: "*", sense: sense})
		d, _ := newDrive(t, append(steps, readModes(configNow, configCan)...)...)
		info, changes := delayOf(t, 100)
		wantCode(t, d.SetModeFields(t.Context(), info, changes, false), errcode.ModeMismatch, "write_delay is 300, not 100")
	}
}

func TestSetModeFieldsRefusedByTheDrive(t *testing.T) {
	steps := append(readModes(configNow, configCan),
		step{cdb: "5a 00 10 00 00 00 00 40 00 00", in: modeData(configNow)},
		step{cdb: selectConfig, out: "*", sense: "70 00 05 00000000 0a 00000000 2600 00 8f0016"})
	d, _ := newDrive(t, steps...)
	info, changes := delayOf(t, 100)
	err := d.SetModeFields(t.Context(), info, changes, false)
	wantCode(t, err, errcode.ModeRefused, "device_configuration: ", "at parameter byte 22 bit 7")
	wantSense(t, err, scsi.ASCInvalidParameter)
}

// Nothing is sent for a field that the mask forbids, one that the page is too short for, a page that
// cannot be saved, and one that the drive does not have.
func TestSetModeFieldsRefusedBefore(t *testing.T) {
	fixed := "90 0e 00 00 00 00 00 00 00 00 00 00 00 00 01 00"
	info, changes := delayOf(t, 100)
	d, _ := newDrive(t, readModes(configNow, fixed)...)
	wantCode(t, d.SetModeFields(t.Context(), info, changes, false), errcode.ModeRefused, "does not let it change from 300 to 100")
	low := "90 0e 00 00 00 00 00 ff 00 00 00 00 00 00 01 00" // only the low byte
	d, _ = newDrive(t, readModes(configNow, low)...)
	wantCode(t, d.SetModeFields(t.Context(), info, changes, false), errcode.ModeRefused, "does not let it change from 300 to 100")
	d, _ = newDrive(t, readModes("90 03 00 00 00", configCan)...)
	wantCode(t, d.SetModeFields(t.Context(), info, changes, false), errcode.ModeRefused, "is shorter")
	d, _ = newDrive(t, readModes(configWith("012c"), configCan)...)
	wantCode(t, d.SetModeFields(t.Context(), info, changes, true), errcode.ModeRefused, "cannot save")
	d, _ = newDrive(t, readModes("0f 02 80 00", "")...)
	wantCode(t, d.SetModeFields(t.Context(), info, changes, false), errcode.ModeNotFound, "no mode page device_configuration (10h,00h)")
}

// Without POFM, MODE SELECT of the medium partition page would repartition the tape.
func TestMediumPartitionIsNotSentLightly(t *testing.T) {
	info, f, err := FindModeField("medium_partition.additional_partitions")
	if err != nil {
		t.Fatal(err)
	}
	for flags, refused := range map[string]bool{"20": true, "24": false} {
		page := "11 0a 03 00 " + flags + " 03 00 00 00 00 00 00"
		d, _ := newDrive(t, readModes(page, "11 0a ff ff ff ff ff ff ff ff ff ff")...)
		_, err := d.PlanModeFields(t.Context(), info, []ModeChange{{f, 1}}, false)
		if (errcode.Of(err) == errcode.ModeRefused) != refused {
			t.Errorf("flags %s: %v", flags, err)
		}
	}
}

// A drive that knows neither subpages nor MODE SENSE(10).
func TestModePagesOfAnOldDrive(t *testing.T) {
	list := []step{{cdb: "5a 00 3f ff 00 00 00 40 00 00", sense: badOpcode}}
	for pc := range 4 {
		all := fmt.Sprintf("1a 00 %02x ff ff 00", pc<<6|0x3F)
		plain := fmt.Sprintf("1a 00 %02x 00 ff 00", pc<<6|0x3F)
		list = append(list, step{cdb: all, sense: badField}, step{cdb: plain, in: "1b 98 10 08 5e 000000 00 000000" + configNow})
	}
	d, _ := newDrive(t, list...)
	pages, err := d.ModePages(t.Context())
	if err != nil || len(pages) != 2 || pages[0].Name != "buffering" || pages[1].Name != "device_configuration" || pages[1].Saved == nil {
		t.Errorf("%+v, %v", pages, err)
	}
}

// A drive that gives single pages alone.
func TestModePagesOneByOne(t *testing.T) {
	var list []step
	for pc := range 4 {
		list = append(list, senseAll(pc, step{sense: badField}),
			step{cdb: fmt.Sprintf("5a 00 %02x 00 00 00 00 40 00 00", pc<<6|0x3F), sense: badField})
		for _, info := range scsi.ModePageInfos()[1:] {
			s := step{cdb: fmt.Sprintf("5a 00 %02x %02x 00 00 00 40 00 00", pc<<6|int(info.Code), info.Subpage), sense: badField}
			if info.Name == "device_configuration" {
				s.sense, s.in = "", modeData(configNow)
			}
			list = append(list, s)
		}
	}
	d, _ := newDrive(t, list...)
	pages, err := d.ModePages(t.Context())
	if err != nil || len(pages) != 2 || pages[1].Name != "device_configuration" {
		t.Errorf("%+v, %v", pages, err)
	}
}

func FuzzModeProfile(f *testing.F) {
	f.Add([]byte("compression:\n  enabled: true\ndevice_configuration:\n  write_delay: 300\n"))
	f.Add([]byte("compression: &a\n  enabled: *a\n"))
	f.Add([]byte("a: b\n---\nc: d\n"))
	f.Add([]byte(""))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := ParseModeProfile("profile.yaml", data)
		if (err == nil) != (len(list) > 0) {
			t.Errorf("%d pages, %v", len(list), err)
		}
		for _, s := range list {
			for _, c := range s.Changes {
				if c.Value > c.Field.Max() {
					t.Errorf("%s.%s: %d", s.Page.Name, c.Field.Name, c.Value)
				}
			}
		}
	})
}
