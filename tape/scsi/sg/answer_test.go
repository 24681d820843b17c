package sg

import (
	"errors"
	"testing"
	"unsafe"
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

// A node of another driver must not get SCSI commands.
func TestOpenRefusesOtherFiles(t *testing.T) {
	if _, err := Open("/dev/null"); err == nil || errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("open /dev/null: %v, want a refusal", err)
	}
	if _, err := Open("/dev/sg-there-is-none"); err == nil {
		t.Error("open a node that does not exist: no error")
	}
}
