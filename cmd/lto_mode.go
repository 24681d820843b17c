package cmd

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"

	"calypso/sys/errcode"
	"calypso/tape"
	"calypso/tape/scsi"
)

func ltoModeGroup() *command {
	return &command{
		Name: "mode", Summary: "see and change the mode pages of a drive by name",
		Description: "Mode pages are the settings of a drive. A page and its fields have the names of the standards (SSC-5, SPC-5): compression.enabled, device_configuration.write_delay, control.d_sense. The page 'buffering' is the mode header and block descriptor. What is set lasts until the drive is switched off, unless it is saved.",
		Commands:    []*command{ltoModeListCommand(), ltoModeGetCommand(), ltoModeSetCommand()},
	}
}

// modeListDoc is `calypso lto mode list|get --json`.
type modeListDoc struct {
	Drive string        `json:"drive"`
	Pages []modePageDoc `json:"pages"`
}

type modePageDoc struct {
	Page          string         `json:"page"`
	Code          string         `json:"code"`
	Subpage       string         `json:"subpage"`
	Savable       bool           `json:"savable"`
	CurrentHex    *string        `json:"current_hex"`
	ChangeableHex *string        `json:"changeable_hex"`
	DefaultHex    *string        `json:"default_hex"`
	SavedHex      *string        `json:"saved_hex"`
	Fields        []modeFieldDoc `json:"fields"`
}

// modeFieldDoc has true or false, a number, or the word of an enum as its values; null is unknown.
type modeFieldDoc struct {
	Field      string   `json:"field"`
	Unit       *string  `json:"unit"`
	Values     []string `json:"values"`
	Current    any      `json:"current"`
	Default    any      `json:"default"`
	Saved      any      `json:"saved"`
	Changeable *bool    `json:"changeable"`
}

func newModePageDoc(p tape.ModePage) modePageDoc {
	doc := modePageDoc{Page: p.Name, Code: fmt.Sprintf("%02X", p.Code), Subpage: fmt.Sprintf("%02X", p.Subpage), Savable: p.Savable,
		CurrentHex: hexOrNull(p.Current), ChangeableHex: hexOrNull(p.Changeable), DefaultHex: hexOrNull(p.Default), SavedHex: hexOrNull(p.Saved)}
	for _, f := range p.Fields {
		doc.Fields = append(doc.Fields, newModeFieldDoc(p, f))
	}
	return doc
}

func newModeFieldDoc(p tape.ModePage, f scsi.ModeField) modeFieldDoc {
	doc := modeFieldDoc{Field: f.Name, Unit: orNull(f.Unit), Values: f.Words(),
		Current: modeValue(f, p.Current), Default: modeValue(f, p.Default), Saved: modeValue(f, p.Saved)}
	if _, known := f.Get(p.Changeable); known {
		can := f.Changeable(p.Changeable)
		doc.Changeable = &can
	}
	return doc
}

// modeValue is the value of a field in JSON; nil when the page does not have it.
func modeValue(f scsi.ModeField, page []byte) any {
	v, ok := f.Get(page)
	if !ok {
		return nil
	}
	return modeWord(f, v)
}

func modeWord(f scsi.ModeField, v uint64) any {
	switch f.Kind {
	case scsi.BoolField:
		return v != 0
	case scsi.EnumField:
		return f.Text(v)
	}
	return v
}

func hexOrNull(b []byte) *string { return orNull(hex.EncodeToString(b)) }

// modeCell is a value of a field in a table, which 'mode set' takes back.
func modeCell(v any) string {
	switch x := v.(type) {
	case nil:
		return "-"
	case bool:
		return map[bool]string{true: "on", false: "off"}[x]
	}
	return fmt.Sprint(v)
}

func ltoModeListCommand() *command {
	return ltoVerb(&command{
		Name: "list", Summary: "list the mode pages of the drive with their fields",
		Description: "Lists all mode pages that the drive has, each field with its value and whether the drive lets it change. Takes no lock and works while the drive is in use.",
		Examples: []example{
			{"calypso lto mode list -f vtl01:0", "every setting of the drive"},
			{"calypso lto mode list -f vtl01:0 --json | jq -r '.pages[].page'", "the names of its pages"},
		},
		Run: runLTOModeList,
	})
}

func runLTOModeList(ctx context.Context, inv *invocation) error {
	pages, name, err := inv.modePages(ctx)
	if err != nil {
		return err
	}
	doc := modeListDoc{Drive: name}
	for _, p := range pages {
		doc.Pages = append(doc.Pages, newModePageDoc(p))
	}
	return inv.emit(doc, func(p *page) { p.modePages(doc, false) })
}

// modePages reads the pages without taking the drive's lock.
func (inv *invocation) modePages(ctx context.Context) (pages []tape.ModePage, name string, err error) {
	d, _, err := inv.observeDrive(ctx)
	if err != nil {
		return nil, "", err
	}
	defer closeInto(&err, d)
	pages, err = d.ModePages(ctx)
	return pages, d.name, err
}

func ltoModeGetCommand() *command {
	return ltoVerb(&command{
		Name: "get", Summary: "show the current, default and saved values of mode fields",
		Description: "Shows what the fields of a page are now, and which of them can be changed. What a field is by default and after the next power cycle is shown below it where it is another value. '-' is what the drive does not tell. Takes no lock and works while the drive is in use.",
		Args:        []arg{{Name: "FIELD", Usage: "PAGE or PAGE.FIELD; without it all", Optional: true}},
		Flags:       []flag{boolFlag("hex", "the bytes of the pages in hexadecimal")},
		Examples: []example{
			{"calypso lto mode get -f vtl01:0 compression", "the fields of a page"},
			{"calypso lto mode get -f vtl01:0 compression.enabled --json", "one value"},
			{"calypso lto mode get -f vtl01:0 page_24 --hex", "a page that has no name, as bytes"},
		},
		Run: runLTOModeGet,
	})
}

func runLTOModeGet(ctx context.Context, inv *invocation) error {
	all, name, err := inv.modePages(ctx)
	if err != nil {
		return err
	}
	pages, err := selectModes(all, name, inv.arg("FIELD"))
	if err != nil {
		return err
	}
	doc := modeListDoc{Drive: name}
	for _, p := range pages {
		doc.Pages = append(doc.Pages, newModePageDoc(p))
	}
	return inv.emit(doc, func(p *page) {
		if inv.flag("hex") {
			p.modeHex(doc)
			return
		}
		p.modePages(doc, true)
	})
}

// selectModes gives the page asked for, PAGE or PAGE.FIELD with that field alone; "" is all pages.
func selectModes(all []tape.ModePage, drive, asked string) ([]tape.ModePage, error) {
	if asked == "" {
		return all, nil
	}
	wanted, field, one := strings.Cut(asked, ".")
	for _, p := range all {
		if p.Name != wanted {
			continue
		}
		if one {
			f, ok := p.Field(field)
			if !ok {
				_, _, err := tape.FindModeField(asked)
				return nil, err
			}
			p.Fields = []scsi.ModeField{f}
		}
		return []tape.ModePage{p}, nil
	}
	if _, err := tape.FindModePage(wanted); err != nil {
		return nil, err
	}
	return nil, errcode.New(errcode.ModeNotFound, drive, "the drive has no mode page %s", wanted)
}
