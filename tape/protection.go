package tape

import (
	"context"

	"calypso/tape/scsi"
)

// The fields by which a host forbids a drive to write: SWP of the control page (SPC-5), and SWP, ASOCWP,
// PERSWP and PRMWP of the device configuration page (SSC-5).
var protectionFields = []struct {
	page  byte
	field string
}{
	{scsi.PageDeviceConfiguration, "software_write_protect"},
	{scsi.PageDeviceConfiguration, "associated_write_protect"},
	{scsi.PageDeviceConfiguration, "persistent_write_protect"},
	{scsi.PageDeviceConfiguration, "permanent_write_protect"},
	{pageControl, "software_write_protect"},
}

const pageControl = 0x0A

// SoftwareProtection says whether a host has write-protected the drive or its cartridge, other than by the
// switch of the cartridge; nil when the drive does not tell.
func (d *Drive) SoftwareProtection(ctx context.Context) (*bool, error) {
	raw := map[byte][]byte{}
	for _, code := range []byte{scsi.PageDeviceConfiguration, pageControl} {
		m, err := d.modeSense(ctx, false, code)
		if err != nil && !refused(err) {
			return nil, err
		}
		if page := m.Page(code, 0); page != nil {
			raw[code] = page.Raw
		}
	}
	return protectedIn(raw), nil
}

// protectedIn reads the fields of the pages that the drive gave.
func protectedIn(raw map[byte][]byte) *bool {
	var on, known bool
	for _, p := range protectionFields {
		field, _ := scsi.LookupModePage(p.page, 0).Field(p.field)
		if v, ok := field.Get(raw[p.page]); ok {
			known, on = true, on || v != 0
		}
	}
	if !known {
		return nil
	}
	return &on
}

// CleaningInside says that the drive is not ready because the cartridge in it is one that cleans.
func (r Readiness) CleaningInside() bool { return cleaningInside(r.Sense) }
