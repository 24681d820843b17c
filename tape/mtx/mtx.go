// Package mtx writes what a library holds as mtx 1.3.12 does, byte for byte, for the scripts that read it.
//
// Limits: of mtx's answers the one to "status" alone.
package mtx

import (
	"fmt"
	"strings"

	"calypso/tape"
)

// Status is the answer of `mtx -f NAME status`. Slots count from 1, and the I/O slots on from the last of them.
func Status(name string, v tape.Inventory) string {
	var b strings.Builder
	drives, places := v.Of(tape.DriveBay), storage(v)
	fmt.Fprintf(&b, "  Storage Changer %s:%d Drives, %d Slots ( %d Import/Export )\n", name, len(drives), len(places), len(v.Of(tape.IO)))
	homes := emptyPlaces(places)
	for i, e := range drives {
		fmt.Fprintf(&b, "Data Transfer Element %d:%s\n", i, homes.drive(e))
	}
	for i, e := range places {
		kind := ""
		if e.Kind == tape.IO {
			kind = " IMPORT/EXPORT"
		}
		fmt.Fprintf(&b, "      Storage Element %d%s:%s%s\n", i+1, kind, fullness(e), tags(e, "="))
	}
	return b.String()
}

// storage lists what mtx calls storage elements.
func storage(v tape.Inventory) []tape.Element { return append(v.Of(tape.Slot), v.Of(tape.IO)...) }

// homes are the empty places, where the cartridges in the drives may have come from. One whose source is not
// known or is taken by now came, to mtx, from the first empty slot, the next such one from the second.
type homes struct {
	numbers map[uint16]int // by element address
	slots   []int
}

func emptyPlaces(places []tape.Element) *homes {
	h := &homes{numbers: map[uint16]int{}}
	for i, e := range places {
		if e.Full {
			continue
		}
		h.numbers[e.Address] = i + 1
		if e.Kind == tape.Slot {
			h.slots = append(h.slots, i+1)
		}
	}
	return h
}

// drive is what stands behind the number of a drive.
func (h *homes) drive(e tape.Element) string {
	if !e.Full {
		return "Empty"
	}
	number, known := h.numbers[e.SourceField]
	if !known && len(h.slots) > 0 {
		number, h.slots = h.slots[0], h.slots[1:]
	}
	from := "Unknown Storage Element"
	if number > 0 {
		from = fmt.Sprint("Storage Element ", number)
	}
	return "Full (" + from + " Loaded)" + tags(e, " = ")
}

func fullness(e tape.Element) string {
	if e.Full {
		return "Full "
	}
	return "Empty"
}

// tags are the volume tags. The two kinds of lines spell the equals sign differently.
func tags(e tape.Element, equals string) string {
	text := ""
	if tag := printed(e.Tag); tag != "" {
		text = ":VolumeTag" + equals + tag
	}
	if tag := printed(e.AltTag); tag != "" {
		text += ":AlternateVolumeTag" + equals + tag
	}
	return text
}

// printed is as much of a volume tag as mtx prints: up to the first byte that is no ASCII text.
func printed(tag string) string {
	if i := strings.IndexFunc(tag, func(r rune) bool { return r < ' ' || r > '\x7f' }); i >= 0 {
		return tag[:i]
	}
	return tag
}
