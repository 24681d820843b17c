package cmd

import (
	"context"
	"encoding/hex"
	"fmt"

	"calypso/sys/errcode"
	"calypso/tape"
	"calypso/tape/scsi"
)

func ltoAttrGroup() *command {
	return &command{
		Name: "attr", Summary: "read and write the memory of the cartridge",
		Description: "A cartridge has a memory (MAM) that the drive reads without moving the tape: what the cartridge is, how much it was used, and attributes that hosts write, such as barcode, media_pool or user_text. An attribute is named by its name or by its id, four hexadecimal digits.",
		Commands:    []*command{ltoAttrListCommand(), ltoAttrGetCommand(), ltoAttrSetCommand(), ltoAttrClearCommand()},
	}
}

// attrListDoc is `calypso lto attr list --json`.
type attrListDoc struct {
	Drive      string    `json:"drive"`
	Partition  int64     `json:"partition"`
	Attributes []attrDoc `json:"attributes"`
	Supported  []string  `json:"supported"` // ids that the drive knows; empty when it does not tell
}

// attrDoc is one attribute. number is in the unit, capacities in bytes; a value without a number or
// without words has null there.
type attrDoc struct {
	ID          string        `json:"id"`
	Name        *string       `json:"name"`
	Title       *string       `json:"title"`
	Format      string        `json:"format"`
	Writable    bool          `json:"writable"`
	LengthBytes int           `json:"length_bytes"`
	Hex         string        `json:"hex"`
	Number      *int64        `json:"number"`
	Unit        *string       `json:"unit"`
	Text        *string       `json:"text"`
	Parts       []attrPartDoc `json:"parts"`
}

type attrPartDoc struct {
	Name   string  `json:"name"`
	Number *int64  `json:"number"`
	Unit   *string `json:"unit"`
	Text   *string `json:"text"`
}

func newAttrDoc(a tape.Attribute) attrDoc {
	info, _ := scsi.LookupAttribute(a.ID)
	v := tape.DecodeAttribute(a)
	doc := attrDoc{ID: fmt.Sprintf("%04X", a.ID), Name: orNull(info.Name), Title: orNull(info.Title), Format: attrFormatName(a.Format),
		Writable: !a.ReadOnly && scsi.HostMayWrite(a.ID), LengthBytes: len(a.Value), Hex: hex.EncodeToString(a.Value),
		Number: known(v.Number), Unit: orNull(v.Unit), Text: orNull(v.Text)}
	for _, p := range v.Parts {
		doc.Parts = append(doc.Parts, attrPartDoc{p.Name, known(p.Number), orNull(p.Unit), orNull(p.Text)})
	}
	return doc
}

func attrFormatName(f scsi.AttributeFormat) string {
	switch f {
	case scsi.ASCIIFormat:
		return "ascii"
	case scsi.TextFormat:
		return "text"
	}
	return "binary"
}

// shown is the value as a table has it: words, a number with its unit, or the bytes.
func (d attrDoc) shown() string {
	switch {
	case d.Text != nil:
		return *d.Text
	case d.Number != nil && cell(d.Unit) == "bytes":
		return fmt.Sprintf("%d (%s)", *d.Number, bytesText(*d.Number))
	case d.Number != nil && d.Unit != nil:
		return fmt.Sprintf("%d %s", *d.Number, *d.Unit)
	case d.Number != nil:
		return fmt.Sprint(*d.Number)
	case len(d.Parts) > 0:
		return counted(len(d.Parts), "value") + "; see 'lto attr get'"
	case d.Format != "binary":
		return ""
	}
	return d.Hex
}

func partitionFlag() flag {
	return intFlag("partition", "N", "the partition whose attributes are meant").Default("0")
}

// partition is the value of --partition.
func (inv *invocation) partition() (uint8, error) {
	n := inv.integer("partition")
	if n < 0 || n > 63 {
		return 0, usageErrorf("--partition: %d is not 0 to 63", n)
	}
	return uint8(n), nil
}

func ltoAttrListCommand() *command {
	return ltoVerb(&command{
		Name: "list", Summary: "list the attributes in the memory of the cartridge",
		Description: "Lists all attributes with their values. Amounts of data are in bytes. Takes no lock and works while the drive is in use.",
		Flags:       []flag{boolFlag("hex", "the bytes of the values in hexadecimal"), partitionFlag()},
		Examples: []example{
			{"calypso lto attr list -f vtl01:0", "what the cartridge knows of itself"},
			{"calypso lto attr list -f vtl01:0 --json | jq -r .attributes[].id", "the ids alone"},
		},
		Run: runLTOAttrList,
	})
}

func runLTOAttrList(ctx context.Context, inv *invocation) (err error) {
	partition, err := inv.partition()
	if err != nil {
		return err
	}
	d, _, err := inv.observeDrive(ctx)
	if err != nil {
		return err
	}
	defer closeInto(&err, d)
	list, err := d.AttributesOf(ctx, partition)
	if err != nil {
		return withoutPartition(d, partition, err)
	}
	doc := attrListDoc{Drive: d.name, Partition: int64(partition)}
	if ids, err := d.SupportedAttributes(ctx); err == nil {
		for _, id := range ids {
			doc.Supported = append(doc.Supported, fmt.Sprintf("%04X", id))
		}
	}
	t := newTable("id", "name", "writable", "value")
	for _, a := range list {
		d := newAttrDoc(a)
		doc.Attributes = append(doc.Attributes, d)
		t.row(d.ID, d.Name, d.Writable, d.listed(inv))
	}
	return inv.emit(doc, func(p *page) { p.fitTable(t, "the cartridge memory is empty") })
}

// listed is the value in a list, where long bytes are in words.
func (d attrDoc) listed(inv *invocation) string {
	if text := d.value(inv); text != d.Hex {
		return text
	}
	return hexWords(d.Hex)
}

func (d attrDoc) value(inv *invocation) string {
	if inv.flag("hex") {
		return d.Hex
	}
	return d.shown()
}

// withoutMAM makes the refusal of a drive that cannot reach cartridge memories clear.
func withoutMAM(d *drive, err error) error {
	s, ok := scsi.SenseOf(err)
	if !ok || s.Key != scsi.IllegalRequest || s.ASC != scsi.ASCInvalidOpcode {
		return d.notLoaded(err)
	}
	return errcode.New(errcode.DeviceUnsupported, d.name, "the drive does not read or write the memory of cartridges: %w", err).
		WithHint("LTO drives do; some host adapters and bridges keep the command from them")
}

func attrArg() arg { return arg{Name: "ATTRIBUTE", Usage: "name or id, e.g. barcode or 0806"} }

// attrGetDoc is `calypso lto attr get --json`.
type attrGetDoc struct {
	Drive     string  `json:"drive"`
	Partition int64   `json:"partition"`
	Attribute attrDoc `json:"attribute"`
}

func ltoAttrGetCommand() *command {
	return ltoVerb(&command{
		Name: "get", Summary: "show one attribute of the cartridge's memory",
		Description: "Shows the value of an attribute; of one that has several values, each. Takes no lock and works while the drive is in use.",
		Args:        []arg{attrArg()},
		Flags:       []flag{boolFlag("hex", "the bytes of the value in hexadecimal"), partitionFlag()},
		Examples: []example{
			{"calypso lto attr get -f vtl01:0 barcode", "the barcode that the cartridge's memory holds"},
			{"calypso lto attr get -f vtl01:0 0340 --hex", "the bytes of an attribute"},
		},
		Run: runLTOAttrGet,
	})
}

func runLTOAttrGet(ctx context.Context, inv *invocation) (err error) {
	info, partition, err := inv.attribute()
	if err != nil {
		return err
	}
	d, _, err := inv.observeDrive(ctx)
	if err != nil {
		return err
	}
	defer closeInto(&err, d)
	a, err := d.AttributeOf(ctx, partition, info.ID)
	switch {
	case err != nil:
		return withoutPartition(d, partition, err)
	case a == nil:
		return errcode.New(errcode.AttributeNotFound, d.name, "the cartridge memory has no attribute %s", inv.arg("ATTRIBUTE"))
	}
	doc := attrGetDoc{d.name, int64(partition), newAttrDoc(*a)}
	return inv.emit(doc, func(p *page) { p.attribute(doc.Attribute, inv) })
}

// attribute is what the command line names.
func (inv *invocation) attribute() (scsi.AttributeInfo, uint8, error) {
	info, err := tape.FindAttribute(inv.arg("ATTRIBUTE"))
	if err != nil {
		return info, 0, err
	}
	partition, err := inv.partition()
	return info, partition, err
}

// attribute draws the value alone, or a line for each part.
func (p *page) attribute(d attrDoc, inv *invocation) {
	if inv.flag("hex") || len(d.Parts) == 0 {
		p.line("%s", d.value(inv))
		return
	}
	var list []any
	for _, part := range d.Parts {
		list = append(list, part.Name, attrDoc{Format: "text", Number: part.Number, Unit: part.Unit, Text: part.Text}.shown())
	}
	p.pairs(list...)
}
