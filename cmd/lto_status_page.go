package cmd

import (
	"fmt"
	"strings"
)

// status draws the answer for a person.
func (p *page) status(doc *statusDoc) {
	list := []any{"drive", doc.Drive, "product", doc.productText(), "serial", doc.Serial, "state", doc.stateText()}
	if h := doc.HeldBy; h != nil {
		list = append(list, "in use by", h.String())
	}
	if doc.Reservation != nil {
		list = append(list, "reserved", doc.Reservation.String())
	}
	if doc.Stale {
		list = append(list, "as of", doc.asOfText())
	}
	list = append(list, "activity", orUnknown(doc.Activity), "alerts", doc.Alerts.String())
	if doc.CleaningRequired != nil && doc.CleaningRequested != nil {
		list = append(list, "cleaning", doc.cleaningText())
	}
	list = append(list, doc.mediumPairs()...)
	list = append(list, "compression", doc.Compression.String(), "encryption", doc.Encryption.String())
	p.fitPairs(list...)
	for _, u := range doc.Incomplete {
		p.fitLine("", u.String())
	}
}

func (doc *statusDoc) productText() string {
	return fmt.Sprintf("%s %s, firmware %s", doc.Vendor, doc.Product, doc.Revision)
}

// asOfText is of when the oldest part of the answer is, and which parts are no newer.
func (doc *statusDoc) asOfText() string {
	text := cell(doc.AsOf)
	if len(doc.StaleParts) > 0 {
		text += ": " + strings.Join(doc.StaleParts, ", ")
	}
	return text
}

// stateText is the state with what it says of itself.
func (doc *statusDoc) stateText() string {
	text := doc.State
	if doc.Progress != nil {
		text += fmt.Sprintf(", %.0f%%", 100**doc.Progress)
	}
	if doc.Sense != nil && doc.State != "empty" && doc.State != "not_loaded" {
		text += ": " + doc.Sense.Text
	}
	return text
}

func (doc *statusDoc) cleaningText() string {
	switch {
	case *doc.CleaningRequired:
		return "required now"
	case *doc.CleaningRequested:
		return "requested"
	}
	return "not requested"
}

func (doc *statusDoc) mediumPairs() []any {
	m := doc.Medium
	if m == nil {
		return nil
	}
	list := []any{"barcode", m.Barcode, "medium", m.kindText(), "volume", doc.Volume, "in catalog", doc.catalogText()}
	if m.CapacityBytes != nil && m.RemainingBytes != nil {
		list = append(list, "capacity", m.capacityText())
	}
	list = append(list, "write-protected", m.protectText(), "loads", m.LoadCount)
	if doc.Position != nil {
		list = append(list, "position", doc.Position.String())
	}
	return list
}

// kindText is "data, LTO-8, density 5Eh, medium type 88h, serial X".
func (m *mediumDoc) kindText() string {
	text := orUnknown(m.Kind)
	for _, part := range []struct {
		name  string
		value *string
	}{{"", m.Generation}, {"density ", m.DensityCode}, {"medium type ", m.MediumType}, {"serial ", m.Serial}} {
		if part.value != nil {
			text += ", " + part.name + *part.value
		}
	}
	return text
}

func (m *mediumDoc) capacityText() string {
	text := bytesText(*m.CapacityBytes)
	if m.UsedBytes != nil {
		text += ", " + bytesText(*m.UsedBytes) + " used"
	}
	return text + ", " + bytesText(*m.RemainingBytes) + " left"
}

// protectText is "-" when it is not known, and says who forbids to write.
func (m *mediumDoc) protectText() string {
	text := cell(m.WriteProtected)
	if m.Switch != nil && *m.Switch {
		text += ", by the switch of the cartridge"
	}
	if m.Software != nil && *m.Software {
		text += ", by software"
	}
	if m.WORM != nil && *m.WORM {
		text += ", and what is written stays: WORM"
	}
	return text
}

// catalogText says how many archives the catalog has: the tape itself was not read.
func (doc *statusDoc) catalogText() string {
	switch {
	case doc.Registered != nil && !*doc.Registered:
		return "not registered"
	case doc.Archives == nil:
		return "not known"
	}
	return counted(*doc.Archives, "archive")
}

func orUnknown(s *string) string {
	if s == nil {
		return "not known"
	}
	return *s
}
