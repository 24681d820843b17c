package cmd

import "strings"

// modePages draws a table for each page, headed by its name; whole adds the default and saved values.
func (p *page) modePages(doc modeListDoc, whole bool) {
	for i, m := range doc.Pages {
		if i > 0 {
			p.blank()
		}
		if len(m.Fields) == 0 {
			p.line("%s", m.Page)
			p.fitLine("  ", "its fields have no names; in hexadecimal it is "+hexWords(cell(m.CurrentHex)))
			continue
		}
		t := newTable("", "value", "changeable")
		t.headers[0] = m.Page // as it is typed
		for _, f := range m.Fields {
			t.row(f.Field, f.cell(f.Current), f.Changeable)
			if whole {
				f.otherRows(t)
			}
		}
		p.table(t, "")
		if whole {
			p.modeUntold(m)
		}
	}
}

// otherRows are the default and the saved value, where they are known and not the current one.
func (f modeFieldDoc) otherRows(t *table) {
	for _, other := range []struct {
		name  string
		value any
	}{{"default", f.Default}, {"saved", f.Saved}} {
		if other.value != nil && other.value != f.Current {
			t.row(" ", f.cell(other.value), other.name)
		}
	}
}

// modeUntold says which values of a page the drive does not tell.
func (p *page) modeUntold(m modePageDoc) {
	var list []string
	if m.DefaultHex == nil {
		list = append(list, "default")
	}
	if m.SavedHex == nil {
		list = append(list, "saved")
	}
	if len(list) > 0 {
		p.fitLine("", "(the drive does not tell "+strings.Join(list, " and ")+" values of this page)")
	}
}

// cell is a value with its unit; the first word is what 'mode set' takes back.
func (f modeFieldDoc) cell(v any) string {
	text, unit := modeCell(v), cell(f.Unit)
	switch {
	case v == nil || f.Unit == nil:
		return text
	case unit[0] >= '0' && unit[0] <= '9':
		return text + " x " + unit
	}
	return text + " " + unit
}

func (p *page) modeHex(doc modeListDoc) {
	t := newTable("page", "values", "bytes")
	for _, m := range doc.Pages {
		for _, row := range []struct {
			name  string
			bytes *string
		}{{"current", m.CurrentHex}, {"changeable", m.ChangeableHex}, {"default", m.DefaultHex}, {"saved", m.SavedHex}} {
			t.row(m.Page, row.name, hexWords(cell(row.bytes)))
		}
	}
	p.fitTable(t, "no mode pages")
}
