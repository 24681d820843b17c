package sg

import (
	"errors"
	"sync/atomic"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"calypso/sys/errcode"
	"calypso/tape/scsi"
)

// The offsets are those of struct sg_io_hdr of a 64-bit Linux, measured with a C compiler.
func TestHeaderLayout(t *testing.T) {
	if unsafe.Sizeof(uintptr(0)) != 8 {
		t.Log("32-bit: the offsets below are not those of this system")
		return
	}
	var h header
	for name, tt := range map[string]struct{ got, want uintptr }{
		"size":          {unsafe.Sizeof(h), 88},
		"interface_id":  {unsafe.Offsetof(h.interfaceID), 0},
		"dxfer_dir":     {unsafe.Offsetof(h.direction), 4},
		"cmd_len":       {unsafe.Offsetof(h.cdbLength), 8},
		"mx_sb_len":     {unsafe.Offsetof(h.senseRoom), 9},
		"iovec_count":   {unsafe.Offsetof(h.iovecCount), 10},
		"dxfer_len":     {unsafe.Offsetof(h.dataLength), 12},
		"dxferp":        {unsafe.Offsetof(h.data), 16},
		"cmdp":          {unsafe.Offsetof(h.cdb), 24},
		"sbp":           {unsafe.Offsetof(h.sense), 32},
		"timeout":       {unsafe.Offsetof(h.timeout), 40},
		"flags":         {unsafe.Offsetof(h.flags), 44},
		"pack_id":       {unsafe.Offsetof(h.packID), 48},
		"usr_ptr":       {unsafe.Offsetof(h.user), 56},
		"status":        {unsafe.Offsetof(h.status), 64},
		"sb_len_wr":     {unsafe.Offsetof(h.senseLength), 67},
		"host_status":   {unsafe.Offsetof(h.hostStatus), 68},
		"driver_status": {unsafe.Offsetof(h.driverStatus), 70},
		"resid":         {unsafe.Offsetof(h.residual), 72},
		"duration":      {unsafe.Offsetof(h.duration), 76},
		"info":          {unsafe.Offsetof(h.info), 80},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: at %d, want %d", name, tt.got, tt.want)
		}
	}
}

func TestOutcome(t *testing.T) {
	filemark := []byte{0xF0, 0, 0x80, 0, 0, 1, 0, 10, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0}
	quiet := make([]byte, 18)
	quiet[0] = 0x70
	for name, tt := range map[string]struct {
		status       uint8
		host, driver uint16
		sense        []byte
		want         string
	}{
		"good":                      {0, 0, 0, nil, ""},
		"good with empty sense":     {0, 0, 8, quiet, ""},
		"filemark, status lost":     {0, 0, 8, filemark, "READ(6): no sense: filemark detected (0/00/01)"},
		"check":                     {2, 0, 8, filemark, "READ(6): no sense: filemark detected (0/00/01)"},
		"check without sense":       {2, 0, 0, nil, "READ(6): answer lost: check condition without readable sense: sense: too few bytes: 0, need 3"},
		"busy":                      {8, 0, 0, nil, "READ(6): device busy (status 08h)"},
		"conflict":                  {0x18, 0, 0, nil, "READ(6): reserved by another host (status 18h)"},
		"conflict the host knows":   {0x18, 0x11, 0, nil, "READ(6): reserved by another host (status 18h)"},
		"no answer":                 {0, 3, 6, nil, "READ(6): answer lost: host adapter: no answer within the time allowed"},
		"host adapter of a new age": {0, 0x77, 0, nil, "READ(6): answer lost: host adapter: status 77h"},
		"driver":                    {0, 0, 4, nil, "READ(6): answer lost: driver status 04h"},
	} {
		err := outcome([]byte{8, 0, 0, 0, 1, 0}, tt.status, tt.host, tt.driver, tt.sense)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

// Whatever the host adapter and the driver say beside a status GOOD, the command may or may not have been
// carried out: never "done", never "failed". The numbers are those of <scsi/scsi_status.h> of Linux.
func TestLostAnswers(t *testing.T) {
	lost := func(what string, err error) {
		var transport *scsi.TransportError
		if !errors.As(err, &transport) {
			t.Errorf("%s: %v; want a lost answer", what, err)
		}
	}
	for host, name := range map[uint16]string{
		1: "DID_NO_CONNECT", 2: "DID_BUS_BUSY", 3: "DID_TIME_OUT", 4: "DID_BAD_TARGET", 5: "DID_ABORT", 6: "DID_PARITY", 7: "DID_ERROR",
		8: "DID_RESET", 9: "DID_BAD_INTR", 0x0A: "DID_PASSTHROUGH", 0x0B: "DID_SOFT_ERROR", 0x0C: "DID_IMM_RETRY", 0x0D: "DID_REQUEUE",
		0x0E: "DID_TRANSPORT_DISRUPTED", 0x0F: "DID_TRANSPORT_FAILFAST", 0x10: "DID_TARGET_FAILURE", 0x11: "DID_NEXUS_FAILURE",
		0x12: "DID_ALLOC_FAILURE", 0x13: "DID_MEDIUM_ERROR", 0x14: "DID_TRANSPORT_MARGINAL", 0x99: "of a kernel to come",
	} {
		lost(name, outcome([]byte{0x0A, 0, 0, 0, 1, 0}, 0, host, 0, nil))
	}
	for driver := uint16(1); driver < 0x80; driver++ {
		if driver != 8 { // DRIVER_SENSE: there is sense data
			lost("driver status", outcome([]byte{0x0A, 0, 0, 0, 1, 0}, 0, 0, driver, nil))
		}
	}
	deferred := []byte{0x71, 0, 0x03, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x0C, 0, 0, 0, 0, 0}
	descriptor := []byte{0x72, 0x06, 0x29, 0x00, 0, 0, 0, 0}
	for name, tt := range map[string]struct {
		raw      []byte
		deferred bool
		asc      scsi.ASC
	}{"deferred": {deferred, true, 0x0C00}, "descriptor": {descriptor, false, scsi.ASCPowerOnReset}} {
		for _, status := range []uint8{0, 2} { // bridges lose the status
			s, ok := scsi.SenseOf(outcome([]byte{0x0A, 0, 0, 0, 1, 0}, status, 0, 8, tt.raw))
			if !ok || s.Deferred != tt.deferred || s.ASC != tt.asc {
				t.Errorf("%s with status %d: %+v, %v", name, status, s, ok)
			}
		}
	}
}

// driver is a Device whose kernel is the test: it gets each header that is written and gives the answer.
func driver(t *testing.T, answer func(fd int, h header)) *Device {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	d := &Device{path: "/dev/sg9", fd: fds[0], head: new(header), cdb: new([16]byte), sense: new([senseBytes]byte)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		var h header
		for {
			n, err := unix.Read(fds[1], h.bytes())
			if err == unix.EINTR {
				continue
			}
			if n != headerSize || err != nil {
				return
			}
			answer(fds[1], h)
		}
	}()
	t.Cleanup(func() {
		_ = d.Close()
		<-ended
		_ = unix.Close(fds[1])
	})
	return d
}

func send(t *testing.T, fd int, b []byte) {
	if _, err := unix.Write(fd, b); err != nil {
		t.Error(err)
	}
}

// An answer that is lost between the driver and us is lost for good: no later answer is taken for it, and the
// device takes no more commands.
func TestLostInTheDriver(t *testing.T) {
	for name, answer := range map[string]func(fd int, h header){
		"cut":            func(fd int, h header) { send(t, fd, h.bytes()[:40]) },
		"of another":     func(fd int, h header) { h.packID--; send(t, fd, h.bytes()) },
		"device is gone": func(fd int, h header) { _ = unix.Shutdown(fd, unix.SHUT_RDWR) },
	} {
		var commands atomic.Int32
		d := driver(t, func(fd int, h header) {
			if commands.Add(1) == 1 {
				send(t, fd, h.bytes())
				return
			}
			answer(fd, h)
		})
		tur := scsi.Command{CDB: make([]byte, 6)}
		if err := d.Exec(t.Context(), &tur); err != nil {
			t.Fatal(name, err)
		}
		for range 3 {
			var transport *scsi.TransportError
			if err := d.Exec(t.Context(), &tur); !errors.As(err, &transport) {
				t.Errorf("%s: %v; want a lost answer", name, err)
			}
		}
		if err := d.Close(); err != nil {
			t.Errorf("%s: close: %v", name, err)
		}
		if n := commands.Load(); n != 2 {
			t.Errorf("%s: %d commands were sent; want 2", name, n)
		}
	}
}

// What the driver did not take because the device is gone or offline leaves its state unknown all the same:
// what it had in its buffer nobody knows. Other refusals of the driver change nothing.
func TestNotSent(t *testing.T) {
	for errno, want := range map[unix.Errno]errcode.Code{unix.ENODEV: "", unix.ENXIO: "", unix.ENOMEM: errcode.DeviceError,
		unix.EIO: errcode.DeviceError, unix.EPERM: errcode.PermissionDenied} {
		d := &Device{path: "/dev/sg9", fd: -1}
		err := d.notSent(&scsi.Command{CDB: make([]byte, 6)}, errno)
		var transport *scsi.TransportError
		if lost := errors.As(err, &transport); lost != (want == "") || !lost && errcode.Of(err) != want {
			t.Errorf("%v: %v; want %s", errno, err, want)
		}
	}
}

// A node of another driver must not get SCSI commands.
func TestOpenRefusesOtherFiles(t *testing.T) {
	if _, err := Open("/dev/null"); err == nil || errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("open /dev/null: %v, want a refusal", err)
	}
	if _, err := Open("/dev/sg-there-is-none"); err == nil {
		t.Error("open a node that does not exist: no error")
	}
}
