package spc

import "bytes"

// Preset changes the default value of a page, as a setting of the device does, and makes it the current one.
func (m *Modes) Preset(code, subpage byte, change func(body []byte)) {
	i := m.index(code, subpage)
	body := bytes.Clone(m.pages[i].Default)
	change(body)
	m.pages[i].Default, m.current[i] = body, bytes.Clone(body)
}
