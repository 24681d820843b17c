package scsi

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// mhvtlModes is what MODE SENSE(10) of all pages gave on a virtual IBM ULT3580-TD8; the judge sg_modes
// reads it as these pages.
const mhvtlModes = "00ea 00 10 00 00 0008 00 000000 00 000000" +
	"01 0a 00 00 00 00 00 00 00 00 00 00" +
	"02 0e 32 32 00 00 00 00 00 00 04 00 00 00 00 00" +
	"0a 0a 00 00 00 00 00 00 00 00 00 00" +
	"0f 0e c0 80 ff ff ff ff ff ff ff ff 00 00 00 00" +
	"10 0e 00 00 00 00 00 64 40 00 18 00 00 00 01 80" +
	"11 0e 03 03 9c 03 09 00 00 02 00 02 00 02 00 02" +
	"1a 24 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00" +
	"1c 0a 08 03 00 00 00 00 00 00 00 00" +
	"1d 1e 10 00 01 01 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"

func TestModeFieldsOfRealPages(t *testing.T) {
	m, err := ParseModeSense10(unhex(t, mhvtlModes))
	if err != nil {
		t.Fatal(err)
	}
	hpe, err := ParseModeSense6(unhex(t, "2b 98 90 08 60 000000 00 004000"+compressionPage+devicePage))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		data  ModeData
		field string
		want  string
	}{
		{m, "buffering.buffered_mode", "buffered"},
		{m, "disconnect_reconnect.buffer_full_ratio", "50"},
		{m, "disconnect_reconnect.maximum_burst_size", "1024"},
		{m, "compression.enabled", "on"},
		{m, "compression.algorithm", "4294967295"},
		{m, "device_configuration.write_delay", "100"},
		{m, "device_configuration.logical_object_identifiers", "on"},
		{m, "device_configuration.enable_eod_generation", "on"},
		{m, "device_configuration.synchronize_at_early_warning", "on"},
		{m, "device_configuration.worm_tamper_read_enable", "refused"},
		{m, "medium_partition.maximum_additional_partitions", "3"},
		{m, "medium_partition.fixed_data_partitions", "on"},
		{m, "medium_partition.partition_size_unit", "partition_units"},
		{m, "medium_partition.partition_on_format", "on"},
		{m, "medium_partition.medium_format_recognition", "format_and_partition"},
		{m, "medium_partition.partition_units", "9"},
		{m, "medium_partition.partition_3_size", "2"},
		{m, "informational_exceptions.disable_exception_control", "on"},
		{m, "informational_exceptions.method_of_reporting", "recovered_error_if_allowed"},
		{m, "medium_configuration.worm", "off"},
		{m, "medium_configuration.worm_label_restrictions", "1"},
		{hpe, "buffering.medium_type", "152"},
		{hpe, "buffering.write_protected", "on"},
		{hpe, "buffering.density", "96"},
		{hpe, "buffering.block_length", "16384"},
		{hpe, "device_configuration.write_delay", "300"},
		{hpe, "device_configuration.rewind_on_reset", "stay"},
	}
	for _, tt := range tests {
		page, name, _ := strings.Cut(tt.field, ".")
		info := infoNamed(t, page)
		f, ok := info.Field(name)
		if !ok {
			t.Fatalf("no field %s", tt.field)
		}
		raw := tt.data.Header()
		if !info.IsHeader() {
			raw = tt.data.Page(info.Code, info.Subpage).Raw
		}
		if v, ok := f.Get(raw); !ok || f.Text(v) != tt.want {
			t.Errorf("%s = %s, %v; want %s", tt.field, f.Text(v), ok, tt.want)
		}
	}
}

func infoNamed(t *testing.T, name string) ModePageInfo {
	t.Helper()
	i := slices.IndexFunc(ModePageInfos(), func(p ModePageInfo) bool { return p.Name == name })
	if i < 0 {
		t.Fatalf("no page %s", name)
	}
	return ModePageInfos()[i]
}

// The table must not name a bit twice, nor a field that no page of its length holds.
func TestModeTableIsConsistent(t *testing.T) {
	pages := map[string]bool{}
	for _, p := range ModePageInfos() {
		fields, bits := map[string]bool{}, map[int]string{}
		for _, f := range p.Fields {
			if pages[p.Name] || fields[f.Name] || f.Name == "" || strings.Trim(f.Name, "abcdefghijklmnopqrstuvwxyz_0123456789") != "" {
				t.Errorf("%s.%s: a name that comes twice or is no name", p.Name, f.Name)
			}
			fields[f.Name] = true
			for b := f.first; b < f.first+f.bits; b++ {
				if bits[b] != "" || !p.IsHeader() && b < 16 {
					t.Errorf("%s.%s: bit %d of byte %d is of %q", p.Name, f.Name, 7-b%8, b/8, bits[b])
				}
				bits[b] = f.Name
			}
			if len(f.values) > 1<<f.bits || f.bits > 32 || f.Kind == BoolField && f.bits != 1 {
				t.Errorf("%s.%s: %d bits", p.Name, f.Name, f.bits)
			}
		}
		pages[p.Name] = true
	}
}

// What is put comes back, nothing else changes, and text is read back as the same value.
func TestModeFieldRoundTrip(t *testing.T) {
	var all []ModeField
	for _, p := range ModePageInfos() {
		all = append(all, p.Fields...)
	}
	rapid.Check(t, func(t *rapid.T) {
		f := rapid.SampledFrom(all).Draw(t, "field")
		page := rapid.SliceOfN(rapid.Byte(), 0, 48).Draw(t, "page")
		v := rapid.Uint64Range(0, f.Max()).Draw(t, "value")
		next := bytes.Clone(page)
		if put := f.Put(next, v); put != (8*len(page) >= f.first+f.bits) {
			t.Fatalf("put into %d bytes: %v", len(page), put)
		}
		got, ok := f.Get(next)
		if ok && got != v {
			t.Fatalf("got %d, want %d", got, v)
		}
		old, _ := f.Get(page)
		if f.Put(next, old); !bytes.Equal(next, page) {
			t.Fatalf("other bits changed: % x, % x", page, next)
		}
		if again, err := f.Parse(f.Text(v)); err != nil || again != v {
			t.Fatalf("Parse(%q) = %d, %v", f.Text(v), again, err)
		}
	})
}

func TestModeFieldParse(t *testing.T) {
	delay, _ := infoNamed(t, "device_configuration").Field("write_delay")
	buffered, _ := infoNamed(t, "buffering").Field("buffered_mode")
	enabled, _ := infoNamed(t, "compression").Field("enabled")
	tests := []struct {
		f    ModeField
		text string
		want uint64
		ok   bool
	}{
		{delay, "300", 300, true}, {delay, "0x12C", 300, true}, {delay, "65535", 65535, true}, {delay, "65536", 0, false},
		{delay, "010", 0, false}, {delay, "-1", 0, false}, {delay, "", 0, false}, {delay, "0x", 0, false}, {delay, "99999999999999999999", 0, false},
		{delay, "+1", 0, false}, {delay, "0", 0, true},
		{buffered, "buffered", 1, true}, {buffered, "5", 5, true}, {buffered, "8", 0, false}, {buffered, "", 0, false}, {buffered, "fast", 0, false},
		{enabled, "yes", 1, true}, {enabled, "off", 0, true}, {enabled, "2", 0, false}, {enabled, "", 0, false},
	}
	for _, tt := range tests {
		got, err := tt.f.Parse(tt.text)
		if got != tt.want || (err == nil) != tt.ok {
			t.Errorf("%s.Parse(%q) = %d, %v; want %d", tt.f.Name, tt.text, got, err, tt.want)
		}
	}
}

func TestModeLists(t *testing.T) {
	m, err := ParseModeSense10(unhex(t, "001e 98 90 00 00 0008 5e 000102 00 004000"+devicePage))
	if err != nil {
		t.Fatal(err)
	}
	got := m.SelectList10(m.Pages[0].Raw)
	want := unhex(t, "0000 00 10 00 00 0008 5e 000102 00 004000 10"+devicePage[2:])
	if !bytes.Equal(got, want) {
		t.Errorf("got  % x\nwant % x", got, want)
	}
	header := m.Header()
	if want := unhex(t, "98 90 5e 000102 00 004000"); !bytes.Equal(header, want) {
		t.Errorf("header % x, want % x", header, want)
	}
	header[9] = 0x80
	if m.SetHeader(header); m.BlockLength != 0x4080 || m.Blocks != 0x102 {
		t.Errorf("%+v", m)
	}
	if got, want := ModeSelect(true, true, 0x1C), unhex(t, "15 11 00 00 1c 00"); !bytes.Equal(got, want) {
		t.Errorf("% x, want % x", got, want)
	}
	if got, want := ModeSelect(false, false, 0x20), unhex(t, "55 10 00 00 00 00 00 00 20 00"); !bytes.Equal(got, want) {
		t.Errorf("% x, want % x", got, want)
	}
	if got, want := ModeSense(true, SavedValues, 0x3F, 0xFF, 4096), unhex(t, "1a 00 ff ff ff 00"); !bytes.Equal(got, want) {
		t.Errorf("% x, want % x", got, want)
	}
	if got, want := ModeSense(false, ChangeableValues, 0x10, 1, 16384), unhex(t, "5a 00 50 01 00 00 00 40 00 00"); !bytes.Equal(got, want) {
		t.Errorf("% x, want % x", got, want)
	}
}

func FuzzModeFields(f *testing.F) {
	f.Add(unhex(f, mhvtlModes))
	f.Add(unhex(f, "0010 00 00 00 00 0000 4a f0 0004 02 04 c0 00 1d 00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, _ := ParseModeSense10(exact(data))
		for _, raw := range m.Pages {
			info := LookupModePage(raw.Code, raw.Subpage)
			if info.IsHeader() || info.Name == "" {
				t.Fatalf("page %02X,%02X is %q", raw.Code, raw.Subpage, info.Name)
			}
			for _, field := range info.Fields {
				if v, ok := field.Get(exact(raw.Raw)); ok && v > field.Max() {
					t.Errorf("%s.%s = %d", info.Name, field.Name, v)
				}
			}
			m.SelectList10(raw.Raw)
		}
		again := m
		again.SetHeader(m.Header())
		if !bytes.Equal(again.Header(), m.Header()) {
			t.Error("the header does not come back")
		}
	})
}
