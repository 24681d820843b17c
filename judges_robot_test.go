package main

import (
	"strings"
	"testing"
)

// TestJudgesOfExchangeAndDoor: mtx exchanges cartridges and positions the robot, and loaderinfo, sg_modes and
// sg_logs read what the changer says of itself.
func TestJudgesOfExchangeAndDoor(t *testing.T) {
	need(t, "mtx", "loaderinfo", "sg_logs", "sg_modes", "sg_raw")
	a, c, d := judgedLibrary(t)
	c.says(0, "mtx -f /dev/judged exchange 1 2")
	c.says(0, "mtx -f /dev/judged status", `Storage Element 1:Full :VolumeTag=V00002L8 *$`, `Storage Element 2:Full :VolumeTag=V00001L8 *$`)
	c.says(0, "mtx -f /dev/judged exchange 1 2 3")
	c.says(0, "mtx -f /dev/judged status", `Storage Element 1:Empty`, `Storage Element 2:Full :VolumeTag=V00002L8 *$`, `Storage Element 3:Full :VolumeTag=V00001L8 *$`)
	c.says(1, "mtx -f /dev/judged invert exchange 2 3", `Additional Sense Code = 24`, `Field in Error = 0A|Field Pointer = 00 0A`)
	c.says(1, "mtx -f /dev/judged exchange 1 2", `Source Element Address 1001 is Empty`)
	c.says(0, "mtx -f /dev/judged position 1")
	c.says(0, "mtx -f /dev/judged inventory")
	c.says(0, "mtx -f /dev/judged eepos 0 transfer 2 1")
	c.says(0, "loaderinfo -f /dev/judged",
		`^Transport Geometry Descriptor Page: Yes$`, `^Invertable: No$`, `^Device Configuration Page: Yes$`,
		`^Storage: Data Transfer, Import/Export, Storage$`, `^SCSI Media Changer \(rev 2\): Yes$`, `^Volume Tag Reader Present: Yes$`, `^Auto-Clean Enabled: No$`,
		`^Transfer Medium Transport: None$`, `^Transfer Storage: ->Data Transfer, ->Import/Export, ->Storage$`,
		`^Transfer Import/Export: ->Data Transfer, ->Import/Export, ->Storage$`, `^Transfer Data Transfer: ->Data Transfer, ->Import/Export, ->Storage$`,
		`^Exchange Medium Transport: None$`, `^Exchange Storage: <>Data Transfer, <>Import/Export, <>Storage$`, `^Exchange Data Transfer: <>Data Transfer, <>Import/Export, <>Storage$`)
	c.says(0, "sg_modes -a /dev/judged", `Element address assignment`, `Transport geometry parameters`, `Device capabilities`, `1f 12 0e 03 00 0e 0e 0e`)
	c.says(0, "sg_logs -l /dev/judged", `0x00 +Supported log pages`, `0x2e`)
	c.says(0, "sg_logs -p 0x2e -HHH /dev/judged", `^2e 00 01 40 00 01 c0 01`)
	c.says(5, "sg_logs -p 0x0d /dev/judged", `not supported|Illegal request|Invalid field`)
	// The door, by the changer's own command.
	c.says(0, "sg_raw /dev/judged 1b 00 00 65 00 00", `SCSI Status: Good`)
	c.says(1, "mtx -f /dev/judged transfer 1 4", `Additional Sense Code = 3B`, `Additional Sense Qualifier = 11`)
	c.says(0, "sg_raw /dev/judged 1b 00 00 65 01 00", `SCSI Status: Good`)
	c.ask(6, "sg_turs", "/dev/judged")
	c.says(0, "mtx -f /dev/judged transfer 1 4")
	// A cartridge in the drive against one in a slot.
	c.says(0, "mtx -f /dev/judged load 3 0", `\.\.\.done$`)
	c.says(0, "sg_raw /dev/judged a6 00 00 00 00 65 01 f5 03 e9 00 00", `SCSI Status: Good`)
	c.says(0, "mtx -f /dev/judged status", `^Data Transfer Element 0:Full \(Storage Element 4 Loaded\):VolumeTag = V00002L8 *$`, `Storage Element 1:Full :VolumeTag=V00001L8 *$`)
	for range 2 {
		d.ask(6, "sg_turs", "/dev/judged")
	}
	d.says(0, "sg_turs /dev/judged")
	if out := a.calypso(0, "vtl", "tape", "list", "vtl01").out; !strings.Contains(out, "slot 1") {
		t.Errorf("calypso sees\n%s", out)
	}
}

// TestJudgesOfCleaning: the drive tells sg3_utils what is in it.
func TestJudgesOfCleaning(t *testing.T) {
	need(t, "mtx", "sg_turs", "sg_read_attr")
	a := newAppliance(t)
	a.calypso(0, "vtl", "create", "vtl01", "--slots", "3", "--tapes", "1")
	a.calypso(0, "vtl", "tape", "add", "vtl01", "CLNU01CU")
	c, d := a.judged(shim(a))
	c.says(0, "mtx -f /dev/judged load 2 0", `\.\.\.done$`)
	for range 2 {
		d.ask(6, "sg_turs", "/dev/judged")
	}
	d.says(2, "sg_turs -v /dev/judged", `Cleaning cartridge installed`)
	d.says(0, "sg_read_attr /dev/judged", `Medium type: 0x1$`, `Medium type information: 0x32$`, `Load count: 1$`)
	c.says(0, "mtx -f /dev/judged unload 2 0", `\.\.\.done$`)
}
