package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"calypso/sys/place"
	"calypso/tape/scsi"
	"calypso/vtl"
)

// mtx and sg3_utils talk to the virtual devices as they are shipped: testdata/judges/sgio.c, preloaded
// into them, carries their SG_IO to a socket here.

// bench is a drive or a changer on a socket.
type bench struct {
	*appliance
	env    []string
	device vtl.Device
}

const judgedDevice = "/dev/judged"

// shim compiles what is preloaded into the judges.
func shim(a *appliance) string {
	a.t.Helper()
	need(a.t, "cc")
	source, err := filepath.Abs(filepath.Join("testdata", "judges", "sgio.c"))
	check(a.t, err)
	library := a.path("sgio.so")
	a.tool("cc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl")
	return library
}

// serveDevice puts a device on a socket until the test ends.
func serveDevice(a *appliance, library, name string, device vtl.Device) *bench {
	a.t.Helper()
	socket := a.path(name)
	listener, err := net.Listen("unix", socket)
	check(a.t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			serveProgram(a.t, c, device)
		}
	}()
	a.t.Cleanup(func() {
		listener.Close()
		<-done
		if err := device.Close(); err != nil {
			a.t.Errorf("close %s: %v", name, err)
		}
	})
	return &bench{a, []string{"LD_PRELOAD=" + library, "JUDGE_SOCKET=" + socket, "JUDGE_DEVICE=" + judgedDevice}, device}
}

// serveProgram answers the commands of one program until it closes the device.
func serveProgram(t *testing.T, c net.Conn, device scsi.Transport) {
	defer c.Close()
	for {
		var ask [3]uint32
		if err := binary.Read(c, binary.NativeEndian, &ask); err != nil {
			return
		}
		cmd := &scsi.Command{CDB: make([]byte, ask[0]), DataOut: make([]byte, ask[1]), DataIn: make([]byte, ask[2])}
		if _, err := io.ReadFull(c, cmd.CDB); err != nil {
			return
		}
		if _, err := io.ReadFull(c, cmd.DataOut); err != nil {
			return
		}
		status, sense := outcome(t, device.Exec(context.Background(), cmd))
		got := cmd.DataIn[:min(cmd.Transferred, len(cmd.DataIn))]
		answer := []uint32{status, uint32(len(sense)), uint32(len(got))}
		if err := binary.Write(c, binary.NativeEndian, answer); err != nil {
			return
		}
		c.Write(sense)
		c.Write(got)
	}
}

// outcome is the status and the sense data of a command.
func outcome(t *testing.T, err error) (status uint32, sense []byte) {
	var refused *scsi.SenseError
	var other *scsi.StatusError
	switch {
	case err == nil:
		return 0, nil
	case errors.As(err, &refused):
		return 2, refused.Sense.Raw
	case errors.As(err, &other):
		return uint32(other.Status), nil
	}
	t.Errorf("the device did not answer: %v", err)
	return 0x40, nil
}

// ask runs a judge on the device; status is what it must exit with.
func (b *bench) ask(status int, program string, args ...string) string {
	b.t.Helper()
	need(b.t, program)
	got := b.run(nil, "env", append(append(b.env[:len(b.env):len(b.env)], program), args...)...)
	if got.status != status {
		b.t.Errorf("%s %q: status %d; want %d\n%s%s", program, args, got.status, status, got.out, got.err)
	}
	return got.out + got.err
}

// says holds the answer of a judge to patterns.
func (b *bench) says(status int, command string, patterns ...string) {
	b.t.Helper()
	words := strings.Fields(command)
	out := b.ask(status, words[0], words[1:]...)
	for _, p := range patterns {
		if !regexp.MustCompile("(?m)" + p).MatchString(out) {
			b.t.Errorf("%s does not say %q:\n%s", command, p, out)
		}
	}
}

// judgedLibrary is a changer and the first of its two drives, each on a socket.
func judgedLibrary(t *testing.T) (a *appliance, changer, drive *bench) {
	t.Helper()
	a = newAppliance(t)
	library := shim(a)
	a.calypso(0, "vtl", "create", "vtl01", "--drives", "2", "--slots", "3", "--io-slots", "1", "--tapes", "2", "--media", "LTO-8")
	changer, drive = a.judged(library)
	return a, changer, drive
}

// judged puts the changer and the first drive of vtl01 on sockets.
func (a *appliance) judged(shim string) (changer, drive *bench) {
	a.t.Helper()
	places, err := place.Resolve(func(string) string { return "" }, 0, a.state, "")
	check(a.t, err)
	store := vtl.NewStore(places)
	c, err := store.OpenChanger(a.t.Context(), "vtl01")
	check(a.t, err)
	changer = serveDevice(a, shim, "changer", c)
	d, err := store.OpenDrive(a.t.Context(), "vtl01", 0)
	check(a.t, err)
	return changer, serveDevice(a, shim, "drive", d)
}

// TestJudgesOfTheChanger: mtx sees every element where it is, and moves cartridges.
func TestJudgesOfTheChanger(t *testing.T) {
	need(t, "mtx", "loaderinfo", "sg_inq", "sg_vpd", "sg_luns", "sg_modes")
	_, c, d := judgedLibrary(t)
	c.says(0, "mtx -f /dev/judged inquiry", `^Product Type: Medium Changer$`, `^Vendor ID: 'CALYPSO '$`)
	c.says(0, "mtx -f /dev/judged status", `^  Storage Changer /dev/judged:2 Drives, 4 Slots \( 1 Import/Export \)$`,
		`^Data Transfer Element 0:Empty$`, `^Data Transfer Element 1:Empty$`, `Storage Element 1:Full :VolumeTag=V00001L8 *$`,
		`Storage Element 2:Full :VolumeTag=V00002L8 *$`, `Storage Element 3:Empty$`, `Storage Element 4 IMPORT/EXPORT:Empty$`)
	c.says(0, "mtx -f /dev/judged load 1 0", `\.\.\.done$`)
	c.says(0, "mtx -f /dev/judged transfer 2 4")
	c.says(0, "mtx -f /dev/judged load 4 1", `\.\.\.done$`)
	c.says(0, "mtx -f /dev/judged status", `^Data Transfer Element 0:Full \(Storage Element 1 Loaded\):VolumeTag = V00001L8 *$`,
		`^Data Transfer Element 1:Full \(Storage Element 4 Loaded\):VolumeTag = V00002L8 *$`, `Storage Element 1:Empty$`, `Storage Element 2:Empty$`)
	c.says(0, "mtx -f /dev/judged nobarcode status", `^Data Transfer Element 0:Full \(Storage Element 1 Loaded\)$`)
	c.says(1, "mtx -f /dev/judged transfer 3 2", `Source Element Address 1003 is Empty`)
	c.says(0, "mtx -f /dev/judged inventory")
	c.says(0, "loaderinfo -f /dev/judged", `^Bar Code Reader: `, `^Number of Storage Elements: 3$`, `^Number of Import/Export Elements: 1$`,
		`^Number of Data Transfer Elements: 2$`, `^Number of Medium Transport Elements: 1$`)
	c.says(0, "sg_inq /dev/judged", `PDT=8 `, `RMB=1`, `\[SPC-5\]`, `Peripheral device type: medium changer`, `Unit serial number: L[0-9A-F]+$`)
	c.says(0, "sg_vpd -a /dev/judged", `Device identification \[di\]`, `T10 vendor identification`, `vendor id: CALYPSO`, `designator type: NAA`)
	c.says(0, "sg_luns /dev/judged", `which imples 1 lun entry|which implies 1 lun entry`)
	c.says(0, "sg_modes -p 0x1d /dev/judged", `Element address assignment`, `1d 12 00 01 00 01 03 e9  00 03 00 65 00 01 01 f5`)
	c.says(5, "sg_modes -p 0x3e /dev/judged", `not supported|Illegal request`)
	for range 2 {
		d.ask(6, "sg_turs", "/dev/judged") // power on; not ready to ready change
	}
	d.says(0, "sg_prevent /dev/judged")
	c.says(1, "mtx -f /dev/judged unload 1 0", `Sense Key=Illegal Request`, `Additional Sense Code = 53`, `Additional Sense Qualifier = 02`)
	d.says(0, "sg_prevent --allow /dev/judged")
	c.says(0, "mtx -f /dev/judged unload 1 0", `\.\.\.done$`)
}

// TestJudgesOfTheDrive: sg3_utils decode what the drive answers, as SPC-5 and SSC-5 have it.
func TestJudgesOfTheDrive(t *testing.T) {
	need(t, "mtx", "tapeinfo", "scsitape", "sg_inq", "sg_vpd", "sg_turs", "sg_modes", "sg_read_attr", "sg_read_block_limits", "sg_raw", "sg_requests")
	_, c, d := judgedLibrary(t)
	d.says(6, "sg_turs -v /dev/judged", `Power on, reset`)
	d.says(2, "sg_turs -v /dev/judged", `Not Ready`, `Medium not present$`)
	d.says(0, "sg_requests /dev/judged", `Medium not present$`)
	d.says(2, "sg_read_attr /dev/judged", `Device not ready`)
	d.says(2, "sg_raw -r 32 /dev/judged 34 06 00 00 00 00 00 00 00 00", `Medium not present$`)
	c.says(0, "mtx -f /dev/judged load 1 0")
	d.says(6, "sg_turs -v /dev/judged", `Not ready to ready change, medium may have changed`)
	d.says(0, "sg_turs /dev/judged")
	d.says(0, "sg_inq /dev/judged", `PDT=1 `, `RMB=1`, `\[SPC-5\]`, `Product identification: ULTRIUM-TD8`, `Unit serial number: D[0-9A-F]+$`)
	d.says(0, "sg_vpd -p di /dev/judged", `Addressed logical unit`, `vendor specific: ULTRIUM-TD8 +D[0-9A-F]+$`, `0x3[0-9a-f]{15}$`)
	d.says(0, "sg_read_block_limits /dev/judged", `Minimum block size: 1 byte`, `Maximum block size: 8388608 byte`)
	d.says(0, "sg_modes -a /dev/judged", `MODE SENSE\(10\)`, `medium type=0x88`, `Density code=0x5e`, `>> Data Compression`, `>> Device configuration`)
	d.says(0, "sg_modes -6 -a /dev/judged", `MODE SENSE\(6\)`, `Density code=0x5e`)
	d.says(0, "sg_read_attr /dev/judged", `Maximum capacity in partition \[MiB\]: 11444091$`, `Barcode: V00001L8 *$`, `Medium density code: 0x5e$`,
		`Medium serial number: `, `Load count: 1$`, `MAM capacity \[B\]: `)
	d.says(0, "sg_read_attr --sa=1 /dev/judged", `Attribute list:`, `Barcode$`)
	d.says(9, "sg_raw /dev/judged ee 00 00 00 00 00", `Illegal Request`, `Invalid command operation code`)
	d.says(0, "tapeinfo -f /dev/judged", `^Ready: yes$`, `^Density Code: 0x5e$`, `^BOP: yes$`, `^Block Position: 0$`, `^BlockSize: 0$`, `^DataCompCapable: yes$`, `^MaxBlock: 8388608$`)
}

// TestJudgesOtherInitiator: scsitape writes blocks of fixed length, reads them again and finds its way, and
// the image holds what it wrote.
func TestJudgesOtherInitiator(t *testing.T) {
	need(t, "mtx", "tapeinfo", "scsitape", "sg_turs")
	a, c, d := judgedLibrary(t)
	c.says(0, "mtx -f /dev/judged load 1 0")
	for range 2 {
		d.ask(6, "sg_turs", "/dev/judged")
	}
	data := bytes.Repeat([]byte("0123456789abcde\n"), 16*512/16)
	a.write("data", data)
	d.says(0, "scsitape -f /dev/judged setblk 512")
	d.ask(0, "sh", "-c", "scsitape -f /dev/judged write 512 <data")
	d.says(0, "scsitape -f /dev/judged mark 2")
	d.says(0, "tapeinfo -f /dev/judged", `^Block Position: 18$`, `^BlockSize: 512$`)
	d.says(0, "scsitape -f /dev/judged rewind")
	d.ask(0, "sh", "-c", "scsitape -f /dev/judged read >back")
	if got := a.read(a.path("back")); !bytes.Equal(got, data) {
		t.Errorf("scsitape reads %d bytes that are not the %d it wrote", len(got), len(data))
	}
	d.says(0, "scsitape -f /dev/judged seek 3")
	d.says(0, "tapeinfo -f /dev/judged", `^Block Position: 3$`)
	d.says(0, "scsitape -f /dev/judged fsf 1")
	d.says(0, "tapeinfo -f /dev/judged", `^Block Position: 17$`)
	d.says(1, "scsitape -f /dev/judged fsf 5", `Sense Key=Blank Check`, `Residual = 00 00 00 04`, `Additional Sense Code = 00`, `Additional Sense Qualifier = 05`)
	d.says(0, "scsitape -f /dev/judged bsf 2")
	d.says(0, "tapeinfo -f /dev/judged", `^Block Position: 16$`)
	d.says(0, "scsitape -f /dev/judged eod")
	d.says(0, "tapeinfo -f /dev/judged", `^Block Position: 18$`)
	c.says(0, "mtx -f /dev/judged unload 1 0")
	files, err := readSIMH(a.read(a.image("V00001L8")))
	check(t, err)
	if len(files) != 2 || len(files[0].blocks) != 16 || !bytes.Equal(files[0].bytes(), data) || len(files[1].blocks) != 0 {
		t.Errorf("the image has %d tape files, the first of %d blocks; want 16 blocks, then an empty file", len(files), len(files[0].blocks))
	}
}
