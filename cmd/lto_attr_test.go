package cmd

import (
	"testing"

	"calypso/sys/errcode"
	"calypso/tape/scsi"
)

// No virtual drive is without cartridge memories, so the refusal of one that is comes from here.
func TestWithoutMAM(t *testing.T) {
	d := &drive{device: device{name: "vtl01:0", library: &library{}}}
	refusal := func(key scsi.SenseKey, asc scsi.ASC) error {
		return &scsi.SenseError{CDB: []byte{0x8C}, Sense: scsi.Sense{Key: key, ASC: asc}}
	}
	err := withoutMAM(d, refusal(scsi.IllegalRequest, scsi.ASCInvalidOpcode))
	if errcode.Of(err) != errcode.DeviceUnsupported {
		t.Errorf("%v", err)
	}
	other := refusal(scsi.IllegalRequest, scsi.ASCInvalidField)
	if got := withoutMAM(d, other); got != other {
		t.Errorf("%v became %v", other, got)
	}
}
