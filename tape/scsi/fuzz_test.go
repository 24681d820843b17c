package scsi

import (
	"bytes"
	"testing"
)

// exact gives a decoder a slice with no capacity behind it, so that reading on is a panic.
func exact(data []byte) []byte {
	return append(make([]byte, 0, len(data)), data...)[:len(data):len(data)]
}

func FuzzSense(f *testing.F) {
	f.Add(unhex(f, "f0 00 80 00 04 00 00 0a 00 00 00 00 00 01 00 cb 00 00"))
	f.Add(unhex(f, "72 05 24 00 00 00 00 18 00 0a 80 00 ff ff ff ff ff ff fe 00 02 06 00 00 c0 00 04 00 04 02 00 a0"))
	f.Add(unhex(f, "73 04 44 00 00 00 00 ff 04 00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := ParseSense(exact(data))
		if err == nil && s.String() == "" {
			t.Error("no text")
		}
	})
}

func FuzzInquiry(f *testing.F) {
	f.Add(lto9Inquiry())
	f.Add([]byte{8, 0x80, 5, 2, 0xFF})
	f.Fuzz(func(t *testing.T, data []byte) {
		q, err := ParseInquiry(exact(data))
		if err == nil {
			printable(t, q.Vendor, q.Product, q.Revision)
		}
	})
}

func FuzzVPD(f *testing.F) {
	f.Add(identification())
	f.Add([]byte("\x08\x80\x00\x0fDEC418146K_LL02"))
	f.Add([]byte{1, 0, 0xFF, 0xFF, 0x80})
	f.Fuzz(func(t *testing.T, data []byte) {
		list, _ := ParseVPDIdentification(exact(data))
		total := 0
		for _, d := range list {
			printable(t, d.String(), d.T10Serial())
			total += 4 + len(d.Value)
		}
		if total > len(data) {
			t.Errorf("%d bytes of designators in %d bytes", total, len(data))
		}
		if serial, err := ParseVPDSerial(exact(data), VPDUnitSerial); err == nil {
			printable(t, serial)
		}
		pages, _ := ParseVPDPages(exact(data))
		if len(pages) > len(data) {
			t.Error("more pages than bytes")
		}
	})
}

func FuzzMode(f *testing.F) {
	f.Add(unhex(f, "2b 98 90 08 60 000000 00 004000"+compressionPage+devicePage))
	f.Add(unhex(f, "001e 98 10 00 00 0008 5e 000000 00 000000"+devicePage))
	f.Add(unhex(f, "0010 00 00 00 00 0000 4a f0 0004 02 04 c0 00 1d 00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, parse := range []func([]byte) (ModeData, error){ParseModeSense6, ParseModeSense10} {
			m, _ := parse(exact(data))
			for _, p := range m.Pages {
				_, _ = ParseCompression(p.Raw)
				_, _ = ParseDeviceConfiguration(p.Raw)
				_, _ = ParseMediumConfiguration(p.Raw)
				_, _ = ParseElementAssignment(p.Raw)
				m.SelectList6(p.Raw)
			}
		}
	})
}

func FuzzNumbers(f *testing.F) {
	f.Add(unhex(f, "04 80 00 00 00 01"))
	f.Add(unhex(f, "01 00 00 00 00000001 0000000000012345 0000000000000007 0000000000000000"))
	f.Add(unhex(f, "00000010 00000000 0000000000000000 0001000000000000"))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = ParseBlockLimits(exact(data))
		if p, err := ParsePositionShort(exact(data)); err == nil && (p.Block < -1 || p.File != -1) {
			t.Errorf("%+v", p)
		}
		if p, err := ParsePositionLong(exact(data)); err == nil && (p.Block < -1 || p.File < -1) {
			t.Errorf("%+v", p)
		}
		if luns, _ := ParseReportLUNs(exact(data)); 8*len(luns) > len(data) {
			t.Error("more LUNs than bytes")
		}
	})
}

func FuzzAttributes(f *testing.F) {
	f.Add(mam())
	f.Add(unhex(f, "000000ff 0001 0400 0000"))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, _, err := ParseAttributes(exact(data))
		total := 0
		for _, a := range list {
			total += 5 + len(a.Value)
			if _ = a.String(); a.Format == ASCIIFormat {
				printable(t, a.Text())
			}
		}
		if total > len(data) {
			t.Errorf("%d bytes of attributes in %d bytes", total, len(data))
		}
		if err == nil && len(list) > 0 {
			again, complete, err := ParseAttributes(AttributeParameters(list...))
			if err != nil || !complete || len(again) != len(list) {
				t.Errorf("%d attributes became %d, %v", len(list), len(again), err)
			}
		}
		if ids, _ := ParseAttributeList(exact(data)); 2*len(ids) > len(data) {
			t.Error("more ids than bytes")
		}
	})
}

func FuzzElementStatus(f *testing.F) {
	f.Add([]byte("\x00\x01\x00\x01\x00\x00\x00\x18\x04\x80\x00\x10\x00\x00\x00\x10\x01\x00\x09\x00\x00\x00\x00\x00\x00\x81\x03\xf2ABCD"))
	f.Add([]byte("\x00\x01\x00\x01\x00\xff\xff\xff\x04\xc0\x00\x00\x00\xff\xff\xff\x01\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, _ := ParseElementStatus(exact(data))
		for _, e := range r.Elements {
			printable(t, e.Barcode, e.AltBarcode, e.DeviceVendor, e.DeviceModel, e.DeviceSerial)
		}
		if 12*len(r.Elements) > len(data) {
			t.Errorf("%d elements in %d bytes", len(r.Elements), len(data))
		}
	})
}

func FuzzTranscript(f *testing.F) {
	f.Add([]byte(transcriptExample))
	f.Add([]byte(`{"format":"calypso-scsi-transcript","version":1}` + "\n" + `{"cdb":"00","answer":"check"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := NewReplayer(bytes.NewReader(data))
		if err != nil {
			return
		}
		for _, rec := range p.records {
			cmd := Command{CDB: rec.CDB, DataOut: make([]byte, min(max(rec.OutBytes, 0), 1<<16)), DataIn: make([]byte, 8)}
			_ = p.Exec(t.Context(), &cmd)
		}
	})
}

func printable(t *testing.T, texts ...string) {
	t.Helper()
	for _, s := range texts {
		for _, r := range s {
			if r < 0x20 || r > 0x7E {
				t.Errorf("%q is not safe to print", s)
			}
		}
	}
}
