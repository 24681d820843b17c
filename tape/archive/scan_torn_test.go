package archive

import (
	"testing"

	"calypso/sys/errcode"
	"calypso/tape"
)

// What a writer left when it died ends without a filemark: what cannot be read of it, or decrypted, does not end
// the scan.
func TestScanOfTornEndThatCannotBeRead(t *testing.T) {
	for name, fault := range map[string]error{
		"damaged":   errcode.New(errcode.TapeMediumError, "fake", "read error"),
		"encrypted": &errcode.Error{Code: errcode.KeyNeeded, Err: &tape.KeyError{ID: "00112233445566aa"}},
	} {
		d := labelledTape(t)
		mustWrite(t, d, streamSource("whole", []byte("data")))
		d.objects = append(d.objects, []byte("begun"), []byte("and left"))
		d.readFault = map[int]error{len(d.objects) - 2: fault}
		s := mustScan(t, d)
		if len(s.Damaged)+len(s.Locked) != 1 || s.Archives != 1 || s.Files != 4 || s.Blocks != int64(len(d.objects)) {
			t.Errorf("%s: %+v", name, s.ScanResult)
		}
	}
}
