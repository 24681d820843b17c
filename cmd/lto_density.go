package cmd

import (
	"context"
	"fmt"

	"calypso/sys/errcode"
	"calypso/tape"
)

func ltoDensityCommand() *command {
	return ltoVerb(&command{
		Name: "density", Summary: "show the formats that the drive and its cartridge support",
		Description: "Shows the density codes that the drive supports, and those of the loaded cartridge in this drive, as the drive reports them (REPORT DENSITY SUPPORT): which it can read, which it can write, and the native capacity of each. Takes no lock and works while the drive is in use.",
		Examples: []example{
			{"calypso lto density -f vtl01:0", "which cartridges the drive takes"},
			{"calypso lto density -f vtl01:0 --json | jq -r '.medium[].generation'", "the generation of the cartridge"},
		},
		Run: runLTODensity,
	})
}

// densitiesDoc is `calypso lto density --json`. A list is null when the drive does not tell.
type densitiesDoc struct {
	Drive     string        `json:"drive"`
	HeldBy    *holderDoc    `json:"held_by"`
	Barcode   *string       `json:"barcode"`
	Supported *[]densityDoc `json:"supported"`
	Medium    *[]densityDoc `json:"medium"`
}

type densityDoc struct {
	Code          string  `json:"density_code"`
	SecondaryCode string  `json:"secondary_density_code"`
	Generation    *string `json:"generation"`
	Name          *string `json:"name"`
	Organization  *string `json:"organization"`
	Description   *string `json:"description"`
	Writable      bool    `json:"writable"`
	Default       bool    `json:"default"`
	CapacityBytes *int64  `json:"native_capacity_bytes"`
	BitsPerMM     *int64  `json:"bits_per_mm"`
	Tracks        *int64  `json:"tracks"`
}

func newDensityDocs(list []tape.Density) *[]densityDoc {
	if list == nil {
		return nil
	}
	docs := []densityDoc{}
	for _, d := range list {
		docs = append(docs, densityDoc{
			Code: densityCodeText(d.Primary), SecondaryCode: densityCodeText(d.Secondary), Generation: orNull(tape.GenerationOf(d.Primary)),
			Name: orNull(d.Name), Organization: orNull(d.Organization), Description: orNull(d.Description),
			Writable: d.Writable, Default: d.Default, CapacityBytes: notZero(d.CapacityBytes),
			BitsPerMM: notZero(int64(d.BitsPerMM)), Tracks: notZero(int64(d.Tracks)),
		})
	}
	return &docs
}

func densityCodeText(b byte) string { return fmt.Sprintf("%02Xh", b) }

// notZero is null for a 0 that stands for a number nobody knows.
func notZero(n int64) *int64 {
	if n == 0 {
		return nil
	}
	return &n
}

func runLTODensity(ctx context.Context, inv *invocation) (err error) {
	d, holder, err := inv.observeDrive(ctx)
	if err != nil {
		return err
	}
	defer closeInto(&err, d)
	doc := densitiesDoc{Drive: d.name, HeldBy: newHolderDoc(holder), Barcode: orNull(d.library.LoadedIn(d.number))}
	list, err := d.DensitySupport(ctx, false)
	if err != nil {
		return err
	}
	doc.Supported = newDensityDocs(list)
	if doc.Supported != nil {
		if doc.Medium, err = mediumDensities(ctx, d); err != nil {
			return err
		}
	}
	return inv.emit(doc, func(p *page) { p.densities(doc) })
}

// mediumDensities is null without a cartridge.
func mediumDensities(ctx context.Context, d *drive) (*[]densityDoc, error) {
	list, err := d.DensitySupport(ctx, true)
	if code := errcode.Of(err); code == errcode.DriveEmpty || code == errcode.TapeNotReady {
		return nil, nil
	}
	return newDensityDocs(list), err
}

func (p *page) densities(doc densitiesDoc) {
	medium := "not known"
	if doc.Medium != nil && len(*doc.Medium) > 0 {
		medium = (*doc.Medium)[0].shown()
	}
	supported := "not known: the drive does not tell"
	if doc.Supported != nil {
		supported = counted(len(*doc.Supported), "format")
	}
	p.pairs("drive", doc.Drive, "cartridge", doc.Barcode, "format of the cartridge", medium, "supported", supported)
	if doc.Supported == nil || len(*doc.Supported) == 0 {
		return
	}
	t := newTable("code", "generation", "name", "access", ">capacity", "description")
	for _, d := range *doc.Supported {
		capacity := ""
		if d.CapacityBytes != nil {
			capacity = bytesText(*d.CapacityBytes)
		}
		t.row(d.Code, d.Generation, d.Name, d.access(), capacity, d.Description)
	}
	p.blank()
	p.fitTable(t, "")
}

// access is what the drive does with the format; what it writes on a blank tape unless it is told otherwise
// is its default.
func (d densityDoc) access() string {
	switch {
	case d.Default:
		return "write, default"
	case d.Writable:
		return "write"
	}
	return "read"
}

// shown is a format in words.
func (d densityDoc) shown() string {
	text := d.Code
	if d.Generation != nil {
		text = *d.Generation + ", " + text
	}
	if d.CapacityBytes != nil {
		text += ", " + bytesText(*d.CapacityBytes) + " native"
	}
	return text
}
