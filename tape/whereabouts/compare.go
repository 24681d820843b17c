package whereabouts

import (
	"fmt"
	"time"

	"calypso/tape"
)

// Verdict is what there is to say of a cartridge or a place.
type Verdict string

// The verdicts. The first four are as it should be.
const (
	There      Verdict = "there"      // where it is known to be
	Loaded     Verdict = "loaded"     // in a drive, and the library says it came from where it is known to be
	TakenOut   Verdict = "taken_out"  // it was put into an I/O slot, and is out
	Unrecorded Verdict = "unrecorded" // nothing is known of it, and nobody had the library accepted yet
	Moved      Verdict = "moved"      // somewhere else
	Missing    Verdict = "missing"    // not in the library
	Stranger   Verdict = "stranger"   // in the library, and not known to be
	Unreadable Verdict = "unreadable" // a cartridge whose barcode cannot be read
	Stuck      Verdict = "stuck"      // in the drive that it was to leave, or in the robot's hand
	Exception  Verdict = "exception"  // the library reports that something is wrong with the place
)

// Right says whether nobody need look.
func (v Verdict) Right() bool {
	return v == There || v == Loaded || v == TakenOut || v == Unrecorded
}

// Finding is a cartridge, or a place with an exception, with what is known and what is so.
type Finding struct {
	Barcode  string
	Verdict  Verdict
	Expected *tape.Element // kind and number; nil: nothing is known
	Found    *tape.Element // nil: nowhere
	Since    time.Time     // of what is known
	Detail   string        // a sentence; "" when the verdict says it all
}

// comparison works through an inventory, of which each place is explained once.
type comparison struct {
	inventory tape.Inventory
	places    map[string]int // by name
	barcodes  map[string]int
	explained []bool
	findings  []Finding
}

// Compare holds what is known against what the library reports: a finding for each cartridge that is known or
// there, in the order of the record, and for each place with an exception.
func Compare(r Record, v tape.Inventory) []Finding {
	c := &comparison{inventory: v, places: map[string]int{}, barcodes: map[string]int{}, explained: make([]bool, len(v.Elements))}
	for i, e := range v.Elements {
		c.places[e.String()] = i
		if _, twice := c.barcodes[e.Barcode]; e.Full && e.Barcode != "" && !twice {
			c.barcodes[e.Barcode] = i
		}
	}
	var absent []Cartridge
	for _, known := range r.Cartridges {
		if i, ok := c.find(known); ok {
			c.present(known, i)
		} else {
			absent = append(absent, known)
		}
	}
	for _, known := range absent { // after the others: what is in their places may be another's
		c.absent(known)
	}
	c.rest(r.Accepted.IsZero())
	return c.findings
}

// find gives the element that holds a known cartridge.
func (c *comparison) find(known Cartridge) (int, bool) {
	if known.Barcode != "" {
		i, ok := c.barcodes[known.Barcode]
		return i, ok
	}
	i, ok := c.places[known.Place]
	return i, ok && c.inventory.Elements[i].Full && c.inventory.Elements[i].Barcode == ""
}

func (c *comparison) add(known *Cartridge, place int, v Verdict, detail string) {
	f := Finding{Verdict: v, Detail: detail}
	if known != nil {
		expected, _ := parsePlace(known.Place)
		f.Barcode, f.Expected, f.Since = known.Barcode, &expected, known.Seen
	}
	if place >= 0 {
		e := c.inventory.Elements[place]
		c.explained[place] = true
		if e.Full {
			f.Found = &e
		}
		if known == nil {
			f.Barcode = e.Barcode
		}
		if f.Verdict == Exception && f.Found == nil {
			f.Found = &e
		}
	}
	c.findings = append(c.findings, f)
}

// present judges a cartridge that is in the library.
func (c *comparison) present(known Cartridge, place int) {
	e := c.inventory.Elements[place]
	switch {
	case e.Exception:
		c.add(&known, place, Exception, exception(e))
	case e.Kind == tape.Transport:
		c.add(&known, place, Stuck, "it is in the hand of the robot")
	case e.Kind == tape.DriveBay && known.Trouble != "":
		c.add(&known, place, Stuck, known.Trouble)
	case e.String() == known.Place:
		c.add(&known, place, There, known.Trouble)
	case e.Kind == tape.DriveBay && c.cameFrom(e, known.Place):
		c.add(&known, place, Loaded, "another program loaded it")
	case known.Trouble != "":
		c.add(&known, place, Moved, known.Trouble)
	default:
		c.add(&known, place, Moved, "nobody recorded how it came there: somebody else moved it, or a calypso that was killed")
	}
}

func (c *comparison) cameFrom(e tape.Element, place string) bool {
	i, ok := c.places[place]
	return ok && e.Source == int(c.inventory.Elements[i].Address)
}

// absent judges a cartridge that no place tells. What is where it should be may say why.
func (c *comparison) absent(known Cartridge) {
	i, ok := c.places[known.Place]
	if !ok {
		c.add(&known, -1, Missing, "the library has no "+known.Place+" now")
		return
	}
	e := c.inventory.Elements[i]
	free := !c.explained[i]
	switch {
	case free && e.Exception:
		c.add(&known, i, Exception, exception(e))
	case free && e.Full && e.Barcode == "" && known.Trouble == "":
		c.add(&known, i, Unreadable, "the barcode of what is there cannot be read")
	case known.Trouble != "":
		c.add(&known, -1, Missing, known.Trouble)
	case e.Kind == tape.IO:
		c.add(&known, -1, TakenOut, "")
	default:
		c.add(&known, -1, Missing, "somebody took it out, or the library does not see it")
	}
}

// rest are the places that nothing known explains.
func (c *comparison) rest(never bool) {
	for i, e := range c.inventory.Elements {
		first, there := c.barcodes[e.Barcode]
		switch {
		case c.explained[i]:
		case e.Exception:
			c.add(nil, i, Exception, exception(e))
		case !e.Full:
		case e.Barcode == "":
			c.add(nil, i, Unreadable, "nothing is known of it")
		case there && first != i:
			c.add(nil, i, Stranger, fmt.Sprintf("another cartridge with this barcode is in %s", c.inventory.Elements[first]))
		case never:
			c.add(nil, i, Unrecorded, "")
		default:
			c.add(nil, i, Stranger, "somebody put it in")
		}
	}
}

// exception is what the library says of a place.
func exception(e tape.Element) string { return fmt.Sprintf("%s: %s", e, e.ASC) }
