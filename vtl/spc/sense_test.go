package spc

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"strings"
	"syscall"
	"testing"

	"calypso/tape/scsi"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRawSense(t *testing.T) {
	tests := []struct {
		name  string
		check *Check
		want  string
	}{
		{"nothing", new(Check), "70 00 00 00000000 0a 00000000 0000 00 000000"},
		{"filemark", (&Check{ASC: FilemarkDetected, Filemark: true}).Residual(65536), "f0 00 80 00010000 0a 00000000 0001 00 000000"},
		{"early warning", (&Check{ASC: EndOfPartition, EOM: true}).Residual(0), "f0 00 40 00000000 0a 00000000 0002 00 000000"},
		{"overlength", (&Check{ILI: true}).Residual(-3), "f0 00 20 fffffffd 0a 00000000 0000 00 000000"},
		{"overflow", (&Check{Key: scsi.VolumeOverflow, ASC: EndOfPartition, EOM: true}).Residual(7), "f0 00 4d 00000007 0a 00000000 0002 00 000000"},
		{"largest residual", new(Check).Residual(math.MaxInt32), "f0 00 00 7fffffff 0a 00000000 0000 00 000000"},
		{"residual that does not fit", new(Check).Residual(math.MaxInt32 + 1), "70 00 00 00000000 0a 00000000 0000 00 000000"},
		{"negative residual that does not fit", new(Check).Residual(math.MinInt32 - 1), "70 00 00 00000000 0a 00000000 0000 00 000000"},
		{"CDB bit", BadCDB(1, 5), "70 00 05 00000000 0a 00000000 2400 00 cd0001"},
		{"CDB byte", BadCDB(8, -1), "70 00 05 00000000 0a 00000000 2400 00 c00008"},
		{"parameter bit", BadParameter(300, 7), "70 00 05 00000000 0a 00000000 2600 00 8f012c"},
		{"parameter byte", BadParameter(4, -1), "70 00 05 00000000 0a 00000000 2600 00 800004"},
		{"key and code", Refuse(scsi.DataProtect, WORMOverwrite), "70 00 07 00000000 0a 00000000 300c 00 000000"},
	}
	for _, tt := range tests {
		if got, want := tt.check.Raw(), unhex(t, tt.want); !bytes.Equal(got, want) {
			t.Errorf("%s\n got % x\nwant % x", tt.name, got, want)
		}
	}
}

func TestFinish(t *testing.T) {
	cdb := []byte{0x0A, 0, 0, 0, 1, 0}
	if err := Finish(cdb, nil); err != nil {
		t.Errorf("Finish(nil) = %v", err)
	}

	err := Finish(cdb, Refuse(scsi.NotReady, MediumNotPresent))
	plain, ok := err.(*scsi.SenseError)
	if !ok || plain.Sense.Key != scsi.NotReady || plain.Sense.ASC != 0x3A00 {
		t.Errorf("Finish(no medium) = %#v", err)
	}
	cdb[4] = 9 // the caller's buffer is its own again
	if !bytes.Equal(plain.CDB, []byte{0x0A, 0, 0, 0, 1, 0}) {
		t.Errorf("CDB = % x", plain.CDB)
	}

	err = Finish(cdb, Refuse(scsi.MediumError, WriteFault).Because(syscall.ENOSPC))
	s, ok := scsi.SenseOf(err)
	if !ok || s.ASC != 0x0C00 || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Finish(disk full) = %v", err)
	}
	if !strings.Contains(err.Error(), syscall.ENOSPC.Error()) {
		t.Errorf("%q does not tell the cause", err)
	}

	err = Finish(cdb, syscall.EBADF)
	if s, ok := scsi.SenseOf(err); !ok || s.Key != scsi.HardwareError || s.ASC != 0x4400 || !errors.Is(err, syscall.EBADF) {
		t.Errorf("Finish(an error that is no Check) = %v", err)
	}
}
