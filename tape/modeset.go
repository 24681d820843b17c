package tape

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"calypso/sys/errcode"
	"calypso/tape/scsi"
)

// ModeChange is a new value for a field.
type ModeChange struct {
	Field scsi.ModeField
	Value uint64
}

// SetModeFields changes fields of one page: it reads the page, changes their bits, sends it and reads
// it back. save also keeps it over a power cycle. Nothing is sent when the page has these values
// already, unless to save them.
//
// Errors: errcode.ModeNotFound for a page that the drive does not have, ModeRefused for what it does
// not let change or refuses, with nothing changed, and ModeMismatch when it took the page and set
// something else.
func (d *Drive) SetModeFields(ctx context.Context, info scsi.ModePageInfo, changes []ModeChange, save bool) error {
	page, err := d.PlanModeFields(ctx, info, changes, save)
	if err != nil {
		return err
	}
	next := changedPage(page.Current, changes)
	if bytes.Equal(next, page.Current) && (!save || bytes.Equal(page.Saved, page.Current)) {
		return nil
	}
	if err := d.selectMode(ctx, info, next, save); err != nil {
		return err
	}
	return d.verifyMode(ctx, info, changes, save)
}

// PlanModeFields checks all that SetModeFields checks before it sends anything, and gives the page as it
// is. A field is refused when the drive's mask of changeable bits does not have all bits that differ.
func (d *Drive) PlanModeFields(ctx context.Context, info scsi.ModePageInfo, changes []ModeChange, save bool) (ModePage, error) {
	page, err := d.ModePage(ctx, info)
	if err != nil {
		return page, err
	}
	if save && !page.Savable {
		return page, d.modeRefused(info.Name, "the drive cannot save this page")
	}
	for _, c := range changes {
		if err := d.checkChange(page, c); err != nil {
			return page, err
		}
	}
	return page, d.checkPartitioning(page)
}

// checkChange says why a field cannot be changed; nil: it can, or has the value already.
func (d *Drive) checkChange(page ModePage, c ModeChange) error {
	name := page.Name + "." + c.Field.Name
	was, ok := c.Field.Get(page.Current)
	switch {
	case !ok:
		return d.modeRefused(name, "the page of this drive is shorter and does not have it")
	case was == c.Value:
		return nil
	}
	mask, known := c.Field.Get(page.Changeable)
	if known && (was^c.Value)&^mask != 0 {
		return d.modeRefused(name, fmt.Sprintf("the drive does not let it change from %s to %s", c.Field.Text(was), c.Field.Text(c.Value)))
	}
	return nil
}

// checkPartitioning refuses to send a page that makes partitions at once: unless POFM says that FORMAT
// MEDIUM does, MODE SELECT itself destroys what is on the tape (SSC-5, Medium Partition).
func (d *Drive) checkPartitioning(page ModePage) error {
	if page.Name != "medium_partition" {
		return nil
	}
	onFormat, _ := page.Field("partition_on_format")
	if v, ok := onFormat.Get(page.Current); !ok || v == 0 {
		return d.modeRefused(page.Name, "on this drive a change would partition the tape at once and destroy what is on it")
	}
	return nil
}

func (d *Drive) modeRefused(name, why string) *errcode.Error {
	return errcode.New(errcode.ModeRefused, d.Name, "%s: %s; nothing was sent", name, why)
}

// changedPage is a copy of the page with the changes in it.
func changedPage(page []byte, changes []ModeChange) []byte {
	next := bytes.Clone(page)
	for _, c := range changes {
		c.Field.Put(next, c.Value)
	}
	return next
}

// selectMode sends a page, or the header alone.
func (d *Drive) selectMode(ctx context.Context, info scsi.ModePageInfo, page []byte, save bool) error {
	const op = "mode select"
	m, err := d.header10(ctx, info)
	if err != nil {
		return err
	}
	if info.IsHeader() {
		m.SetHeader(page)
		page = nil
	}
	list := m.SelectList10(page)
	if d.modeSix {
		list = m.SelectList6(page)
	}
	_, err = d.repeat(ctx, op, scsi.ModeSelect(d.modeSix, save, len(list)), list, nil)
	if illegalRequest(err) {
		return &errcode.Error{Code: errcode.ModeRefused, Op: op, Object: d.Name, Msg: info.Name + ": " + refusalText(err), Err: err}
	}
	return err
}

// header10 reads the header and block descriptor with a page that is there for sure.
func (d *Drive) header10(ctx context.Context, info scsi.ModePageInfo) (scsi.ModeData, error) {
	if info.IsHeader() {
		return d.allModes(ctx, scsi.CurrentValues)
	}
	return d.senseModes(ctx, scsi.CurrentValues, info.Code, info.Subpage)
}

// refusalText is the text of the sense in an error, the error's own without one.
func refusalText(err error) string {
	var e *scsi.SenseError
	if errors.As(err, &e) {
		return e.Sense.String()
	}
	return err.Error()
}

// verifyMode reads the page back. The saved values count too when they were to be changed.
func (d *Drive) verifyMode(ctx context.Context, info scsi.ModePageInfo, changes []ModeChange, save bool) error {
	page, err := d.ModePage(ctx, info)
	if err != nil {
		return err
	}
	differ := differences(info, "", page.Current, changes)
	if save {
		differ = append(differ, differences(info, "saved ", page.Saved, changes)...)
	}
	if len(differ) == 0 {
		return nil
	}
	return errcode.New(errcode.ModeMismatch, d.Name, "the drive took the page and set something else: %s", strings.Join(differ, ", ")).
		WithOp("mode select")
}

func differences(info scsi.ModePageInfo, which string, page []byte, changes []ModeChange) []string {
	var list []string
	for _, c := range changes {
		got, ok := c.Field.Get(page)
		switch {
		case !ok:
			list = append(list, fmt.Sprintf("%s%s.%s is gone", which, info.Name, c.Field.Name))
		case got != c.Value:
			list = append(list, fmt.Sprintf("%s%s.%s is %s, not %s", which, info.Name, c.Field.Name, c.Field.Text(got), c.Field.Text(c.Value)))
		}
	}
	return list
}
