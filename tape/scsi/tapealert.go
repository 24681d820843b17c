package scsi

import (
	"fmt"
	"math/bits"
	"strings"
)

// AlertFlags are the 64 TapeAlert flags of a tape drive. Flag 1 is the most significant bit, as in
// page 12h and in the cartridge's memory; use Has and Numbers.
//
// A changer has page 2Eh too, with a table of its own: never give its page to these decoders.
type AlertFlags uint64

// AlertCount is the number of flags; they count from 1.
const AlertCount = 64

// NewAlertFlags sets the flags with these numbers.
func NewAlertFlags(numbers ...int) AlertFlags {
	var f AlertFlags
	for _, n := range numbers {
		f |= alertBit(n)
	}
	return f
}

func alertBit(n int) AlertFlags {
	if n < 1 || n > AlertCount {
		return 0
	}
	return 1 << (AlertCount - n)
}

// Has says whether flag n is set.
func (f AlertFlags) Has(n int) bool { return f&alertBit(n) != 0 }

// Numbers lists the flags that are set, in ascending order.
func (f AlertFlags) Numbers() []int {
	var list []int
	for f != 0 {
		n := bits.LeadingZeros64(uint64(f)) + 1
		list = append(list, n)
		f &^= alertBit(n)
	}
	return list
}

// Alerts explains the flags that are set.
func (f AlertFlags) Alerts() []Alert {
	var list []Alert
	for _, n := range f.Numbers() {
		list = append(list, AlertOf(n))
	}
	return list
}

// TapeAlerts decodes page 2Eh of a tape drive. The flag is the code of the parameter, never its place:
// drives leave parameters out. ok is false when the page has none of them.
func (p LogPage) TapeAlerts() (f AlertFlags, ok bool) {
	for _, parameter := range p.Parameters {
		if parameter.Code < 1 || parameter.Code > AlertCount || len(parameter.Value) == 0 {
			continue
		}
		ok = true
		if v := parameter.Value; v[0]&0x01 != 0 && !notAvailable(v) {
			f |= alertBit(int(parameter.Code))
		}
	}
	return f, ok
}

// TapeAlertResponse decodes page 12h: the flags as they are, without clearing them. ok is false when
// the page does not hold them.
func (p LogPage) TapeAlertResponse() (f AlertFlags, ok bool) {
	if found := p.parameter(0); found != nil {
		return alertMap(found.Value)
	}
	return 0, false
}

// TapeAlerts decodes attribute 0002h of a cartridge's memory: the flags of its previous load, in
// whatever drive that was.
func (a Attribute) TapeAlerts() (f AlertFlags, ok bool) {
	if a.ID != AttrTapeAlert || a.Format != BinaryFormat {
		return 0, false
	}
	return alertMap(a.Value)
}

// alertMap reads 8 bytes, flag 1 being the first bit. All bits set is "not available": no drive has
// every fault there is.
func alertMap(b []byte) (AlertFlags, bool) {
	if len(b) != 8 || notAvailable(b) {
		return 0, false
	}
	return AlertFlags(uint64(uint32At(b, 0))<<32 | uint64(uint32At(b, 4))), true
}

// Severity is how bad a TapeAlert flag is (SSC-5 annex A).
type Severity int

// The severities: it helps to know; data may be at risk or the drive soon fails; data is at risk or
// the drive does not work.
const (
	Information Severity = iota
	Warning
	Critical
)

var severityNames = [...]string{"information", "warning", "critical"}

func (s Severity) String() string { return severityNames[s] }

// Concern is what a flag tells about; more than one may be meant.
type Concern uint8

// The concerns.
const (
	ConcernsDrive     Concern = 1 << iota
	ConcernsCartridge         // the loaded one
	ConcernsCleaning          // the drive wants it, or the cleaning cartridge is no good
	ConcernsHost              // what was asked of the drive, and how it is connected
	ConcernsLibrary           // the loader or library around the drive
)

var concernNames = [...]string{"drive", "cartridge", "cleaning", "host", "library"}

// Names lists the concerns in words.
func (c Concern) Names() []string {
	var list []string
	for i, name := range concernNames {
		if c&(1<<i) != 0 {
			list = append(list, name)
		}
	}
	return list
}

func (c Concern) String() string { return strings.Join(c.Names(), ", ") }

// Alert explains one TapeAlert flag.
type Alert struct {
	Number   int
	Name     string
	Severity Severity
	Concerns Concern
	Meaning  string // what happened
	Action   string // what to do
}

// AlertOf explains flag n, 1 to 64.
func AlertOf(n int) Alert {
	if n < 1 || n > AlertCount {
		return Alert{Number: n, Name: fmt.Sprintf("flag %d", n), Concerns: ConcernsDrive}
	}
	return alerts[n-1]
}
