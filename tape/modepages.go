package tape

import (
	"context"

	"calypso/sys/errcode"
	"calypso/tape/scsi"
)

// ModePage is a mode page with all the drive tells of it. Values are nil where it does not.
type ModePage struct {
	scsi.ModePageInfo
	Savable    bool // the drive can keep it over a power cycle
	Current    []byte
	Changeable []byte // a 1 for each bit that MODE SELECT may change
	Default    []byte
	Saved      []byte
}

// Room for the pages of one answer; the lists of LTO drives have 300 bytes.
const modeRoom = 16 << 10

// headerMask are the changeable bits of the header and block descriptor. Drives return current values
// there whatever is asked for (SPC-5 6.14), so the mask is the standard's: buffered mode, density,
// block length. Medium type and WP are reserved in MODE SELECT.
var headerMask = []byte{0x00, 0x70, 0xFF, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF}

// ModePages reads all mode pages: the header, then the pages that the drive has in its order. Drives
// that refuse to give all subpages at once are asked for all pages, then for single ones.
func (d *Drive) ModePages(ctx context.Context) ([]ModePage, error) {
	current, err := d.allModes(ctx, scsi.CurrentValues)
	if err != nil {
		return nil, err
	}
	pages := []ModePage{headerPage(current)}
	for _, raw := range current.Pages {
		p := ModePage{ModePageInfo: scsi.LookupModePage(raw.Code, raw.Subpage), Current: raw.Raw}
		p.Savable = len(raw.Raw) > 0 && raw.Raw[0]&0x80 != 0
		pages = append(pages, p)
	}
	return pages, d.addModeValues(ctx, pages)
}

// ModePage reads one page; errcode.ModeNotFound when the drive does not have it.
func (d *Drive) ModePage(ctx context.Context, info scsi.ModePageInfo) (ModePage, error) {
	pages, err := d.ModePages(ctx)
	if err != nil {
		return ModePage{}, err
	}
	for _, p := range pages {
		if p.Name == info.Name {
			return p, nil
		}
	}
	return ModePage{}, errcode.New(errcode.ModeNotFound, d.Name, "the drive has no mode page %s (%02Xh,%02Xh)", info.Name, info.Code, info.Subpage)
}

// headerPage is the page that is made of the header.
func headerPage(m scsi.ModeData) ModePage {
	info := scsi.ModePageInfos()[0]
	b := m.Header()
	return ModePage{ModePageInfo: info, Current: b, Changeable: headerMask[:len(b)]}
}

// addModeValues fills in the other three values of the pages. A drive that does not give them at all
// leaves them nil.
func (d *Drive) addModeValues(ctx context.Context, pages []ModePage) error {
	for _, pc := range []scsi.PageControl{scsi.ChangeableValues, scsi.DefaultValues, scsi.SavedValues} {
		m, err := d.allModes(ctx, pc)
		switch {
		case illegalRequest(err):
			continue
		case err != nil:
			return err
		}
		for i := range pages {
			if found := m.Page(pages[i].Code, pages[i].Subpage); found != nil && !pages[i].IsHeader() {
				*pages[i].value(pc) = found.Raw
			}
		}
	}
	return nil
}

func (p *ModePage) value(pc scsi.PageControl) *[]byte {
	switch pc {
	case scsi.ChangeableValues:
		return &p.Changeable
	case scsi.DefaultValues:
		return &p.Default
	case scsi.SavedValues:
		return &p.Saved
	}
	return &p.Current
}

// illegalRequest says that the drive refused what was asked for as illegal, for whatever reason: of the saved
// values 5/39/00 is one more.
func illegalRequest(err error) bool {
	s, ok := scsi.SenseOf(err)
	return ok && s.Key == scsi.IllegalRequest
}

// allModes reads all pages in the widest form that the drive knows.
func (d *Drive) allModes(ctx context.Context, pc scsi.PageControl) (scsi.ModeData, error) {
	m, err := d.senseModes(ctx, pc, scsi.AllModePages, scsi.AllSubpages)
	if refused(err) {
		m, err = d.senseModes(ctx, pc, scsi.AllModePages, 0)
	}
	if refused(err) {
		return d.singleModes(ctx, pc)
	}
	return m, err
}

// singleModes asks for the known pages one by one. The error is that of the first page when the drive
// gives none.
func (d *Drive) singleModes(ctx context.Context, pc scsi.PageControl) (all scsi.ModeData, first error) {
	given := false
	for _, info := range scsi.ModePageInfos()[1:] {
		m, err := d.senseModes(ctx, pc, info.Code, info.Subpage)
		switch {
		case illegalRequest(err):
			if first == nil {
				first = err
			}
		case err != nil:
			return all, err
		case given:
			all.Pages = append(all.Pages, m.Pages...)
		default:
			all, given = m, true
		}
	}
	if given {
		first = nil
	}
	return all, first
}

// senseModes is MODE SENSE(10), or (6) for drives that do not know it.
func (d *Drive) senseModes(ctx context.Context, pc scsi.PageControl, page, subpage byte) (scsi.ModeData, error) {
	const op = "mode sense"
	data := make([]byte, modeRoom)
	six, parse := d.modeSix, scsi.ParseModeSense10
	if six {
		data, parse = data[:0xFF], scsi.ParseModeSense6
	}
	n, err := d.repeat(ctx, op, scsi.ModeSense(six, pc, page, subpage, len(data)), nil, data)
	if s, ok := scsi.SenseOf(err); ok && s.ASC == scsi.ASCInvalidOpcode && !six {
		d.modeSix = true
		return d.senseModes(ctx, pc, page, subpage)
	}
	if err != nil {
		return scsi.ModeData{}, err
	}
	m, err := parse(data[:n])
	if err != nil {
		return m, d.garbled(op, err)
	}
	return m, nil
}
