package cmd

import (
	"context"
	"fmt"

	"calypso/sys/errcode"
	"calypso/tape"
)

// attrSetDoc is `calypso lto attr set|clear --json`.
type attrSetDoc struct {
	Drive     string   `json:"drive"`
	Partition int64    `json:"partition"`
	ID        string   `json:"id"`
	Was       *attrDoc `json:"was"`
	Attribute *attrDoc `json:"attribute"` // null: none
	Changed   bool     `json:"changed"`   // in a dry run: would be
}

func ltoAttrSetCommand() *command {
	return driveVerb(&command{
		Name: "set", Summary: "write an attribute into the cartridge's memory",
		Description: "Writes an attribute and reads it back. Hosts may write 0800h to 0BFFh and, for what vendors define, 1400h to 17FFh. A value that does not fit is refused before anything is sent, and the message says what fits.",
		Args:        []arg{attrArg(), {Name: "VALUE", Usage: "text, a number, a UUID, or bytes with --hex"}},
		Flags:       []flag{boolFlag("hex", "the value is bytes in hexadecimal"), partitionFlag()},
		Examples: []example{
			{"calypso lto attr set -f vtl01:0 media_pool offsite", "name the pool the cartridge belongs to"},
			{"calypso lto attr set -f vtl01:0 owner backup.example.org", "say whose it is"},
			{"calypso lto attr set -f vtl01:0 1623 01 --hex", "bytes, for an attribute without a text form"},
		},
		Exits:   []errcode.Exit{errcode.ExitRefused, errcode.ExitMismatch},
		Mutates: true,
		Run:     runLTOAttrSet,
	})
}

func runLTOAttrSet(ctx context.Context, inv *invocation) error {
	info, partition, err := inv.attribute()
	if err != nil {
		return err
	}
	parse := tape.TextAttribute
	if inv.flag("hex") {
		parse = tape.HexAttribute
	}
	a, err := parse(info, inv.arg("VALUE"))
	if err != nil {
		return err
	}
	return inv.writeAttribute(ctx, partition, a)
}

func ltoAttrClearCommand() *command {
	return driveVerb(&command{
		Name: "clear", Summary: "remove an attribute from the cartridge's memory",
		Description: "Removes an attribute that hosts may write. One that is not there is no error.",
		Args:        []arg{attrArg()},
		Flags:       []flag{partitionFlag()},
		Examples:    []example{{"calypso lto attr clear -f vtl01:0 media_pool", "take the cartridge out of its pool"}},
		Exits:       []errcode.Exit{errcode.ExitRefused, errcode.ExitMismatch},
		Mutates:     true,
		Run:         runLTOAttrClear,
	})
}

func runLTOAttrClear(ctx context.Context, inv *invocation) error {
	info, partition, err := inv.attribute()
	if err != nil {
		return err
	}
	a, err := tape.NoAttribute(info)
	if err != nil {
		return err
	}
	return inv.writeAttribute(ctx, partition, a)
}

// writeAttribute writes a, or deletes it when its value is empty.
func (inv *invocation) writeAttribute(ctx context.Context, partition uint8, a tape.Attribute) (err error) {
	d, err := inv.openDrive(ctx)
	if err != nil {
		return err
	}
	defer closeInto(&err, d)
	was, err := d.AttributeOf(ctx, partition, a.ID)
	if err != nil {
		return withoutPartition(d, partition, err)
	}
	doc := attrSetDoc{Drive: d.name, Partition: int64(partition), ID: fmt.Sprintf("%04X", a.ID)}
	if was != nil {
		w := newAttrDoc(*was)
		doc.Was = &w
	}
	if doc.Changed = was != nil; len(a.Value) > 0 {
		next := newAttrDoc(a)
		doc.Attribute, doc.Changed = &next, was == nil || doc.Was.Hex != next.Hex
	}
	if doc.Changed && !inv.dryRun {
		if err := d.SetAttributeOf(ctx, partition, a); err != nil {
			return withoutMAM(d, err)
		}
	}
	return inv.emit(doc, func(p *page) { p.line("%s", doc.sentence(inv)) })
}

// sentence says what was done.
func (doc attrSetDoc) sentence(inv *invocation) string {
	name := inv.arg("ATTRIBUTE")
	switch {
	case !doc.Changed && doc.Attribute == nil:
		return name + " is not there"
	case !doc.Changed:
		return fmt.Sprintf("%s is %s", name, doc.Attribute.shown())
	case doc.Attribute == nil && inv.dryRun:
		return fmt.Sprintf("would clear %s, which is %s", name, cell(doc.Was.shown()))
	case doc.Attribute == nil:
		return fmt.Sprintf("cleared %s, which was %s", name, cell(doc.Was.shown()))
	case inv.dryRun:
		return fmt.Sprintf("would set %s to %s", name, doc.Attribute.shown())
	}
	return fmt.Sprintf("set %s to %s", name, doc.Attribute.shown())
}
