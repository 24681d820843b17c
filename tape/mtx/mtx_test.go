package mtx

import (
	"strings"
	"testing"

	"calypso/tape"
)

// TestStatus: lines that mtx 1.3.12 wrote of a library which fills labels up to 36 bytes, and has a cartridge
// without one. TestMtxFormat of the judges asks mtx itself.
func TestStatus(t *testing.T) {
	label := func(text string) string { return text + strings.Repeat(" ", 28) }
	v := tape.Inventory{Elements: []tape.Element{
		{Kind: tape.DriveBay, Number: 0, Address: 500, Full: true, Tag: label("E01001L8"), SourceField: 1000},
		{Kind: tape.DriveBay, Number: 1, Address: 501},
		{Kind: tape.Slot, Number: 1, Address: 1000, Tag: strings.Repeat("\x00", 36)},
		{Kind: tape.Slot, Number: 2, Address: 1001, Full: true, Tag: label("E01002L8")},
		{Kind: tape.Slot, Number: 3, Address: 1002, Full: true, Tag: strings.Repeat("\x00", 36)},
		{Kind: tape.IO, Number: 1, Address: 10, Full: true, Tag: label("E01020L8")},
		{Kind: tape.IO, Number: 2, Address: 11},
		{Kind: tape.Transport, Number: 0, Address: 1},
	}}
	const want = `  Storage Changer /dev/sg1:2 Drives, 5 Slots ( 2 Import/Export )
Data Transfer Element 0:Full (Storage Element 1 Loaded):VolumeTag = E01001L8                            
Data Transfer Element 1:Empty
      Storage Element 1:Empty
      Storage Element 2:Full :VolumeTag=E01002L8                            
      Storage Element 3:Full 
      Storage Element 4 IMPORT/EXPORT:Full :VolumeTag=E01020L8                            
      Storage Element 5 IMPORT/EXPORT:Empty
`
	if got := Status("/dev/sg1", v); got != want {
		t.Errorf("Status =\n%swant\n%s", got, want)
	}
}
