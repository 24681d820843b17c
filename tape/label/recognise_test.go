package label_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"calypso/sys/errcode"
	"calypso/tape/label"
	"calypso/tape/label/labeltest"
)

func images(t testing.TB) []labeltest.Image {
	t.Helper()
	all, err := labeltest.All()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestRecogniseImages(t *testing.T) {
	seen := map[label.Kind]bool{label.Encrypted: true, label.Unreadable: true} // states, not bytes
	for _, img := range images(t) {
		t.Run(img.Name, func(t *testing.T) {
			f := label.Recognise(img.Objects, label.StopEndOfData)
			seen[f.Kind] = true
			if string(f.Kind) != img.Kind || f.Software != img.Software || f.Volume != img.Volume {
				t.Errorf("found %q %q %q, want %q %q %q", f.Kind, f.Software, f.Volume, img.Kind, img.Software, img.Volume)
			}
			if f.Overwritable() != (img.Kind == "blank") {
				t.Errorf("overwritable: %v", f.Overwritable())
			}
		})
	}
	for _, k := range label.Kinds() {
		if !seen[k] {
			t.Errorf("no image of kind %s in testdata/labels", k)
		}
	}
}

// A head is recognised by its first file: what stands behind the filemark cannot change that, and
// neither can the reason why the reading ended.
func TestRecogniseFirstFileOnly(t *testing.T) {
	for _, img := range images(t) {
		if img.Kind == "blank" || img.Name == "behind-filemark" {
			continue
		}
		first := img.Objects
		if i := slices.IndexFunc(first, func(b []byte) bool { return b == nil }); i >= 0 {
			first = first[:i]
		}
		for stop := label.StopUnsaid; stop <= label.StopUnreadable; stop++ {
			if f := label.Recognise(first, stop); string(f.Kind) != img.Kind || f.Overwritable() {
				t.Errorf("%s, stop %d: %s", img.Name, stop, f.Kind)
			}
		}
	}
}

func TestRecogniseDetails(t *testing.T) {
	for name, want := range map[string]string{
		"ansi":            "owner CITY HOSPITAL, first file PATIENTS.DAT",
		"cta":             "labelled, no files",
		"bacula-bb01":     "pool Default, format BB01, labelled and never written",
		"bacula-bb03":     "pool Tape, format BB03, labelled and never written",
		"bareos-ansi":     "ANSI labels",
		"bacula-ibm":      "IBM labels",
		"ibm":             "first file PROD.PAYROLL.G01",
		"tsm-long":        "first file ADSM.DBB.V00",
		"amanda":          "written 20260102030405",
		"amanda-netdump":  "labelled and never written",
		"proxmox":         "pool weekly",
		"tar-gnu":         "GNU tar, first member hello.txt",
		"tar-gnu-volume":  "GNU tar",
		"tar-pax":         "pax",
		"tar-ustar":       "ustar, first member hello.txt",
		"tar-v7":          "tar v7, first member hello.txt",
		"cpio-newc":       "SVR4",
		"cpio-bin":        "binary, little-endian",
		"dump-ufs2-be":    "UFS2 format, file system /home, host host7",
		"dump-new-le":     "new format, file system /home, host host7",
		"mtf-unicode":     "written by Backup Exec",
		"novastor":        "Friday backup",
		"unknown-zeros":   "first block of 65536 bytes, all zero",
		"unknown-random":  "first block of 65536 bytes",
		"blank":           "",
		"blank-filemarks": "2 filemarks and no data",
		"behind-filemark": "GNU tar, first member hello.txt, behind a filemark",
		"calypso":         "labelled 2026-01-02",
	} {
		img, err := labeltest.Get(name)
		if err != nil {
			t.Fatal(err)
		}
		if f := label.Recognise(img.Objects, label.StopEndOfData); f.Detail != want {
			t.Errorf("%s: detail %q, want %q", name, f.Detail, want)
		}
	}
}

func TestRecogniseWithoutData(t *testing.T) {
	for _, c := range []struct {
		blocks [][]byte
		stop   label.Stop
		want   label.Kind
	}{
		{nil, label.StopEndOfData, label.Blank},
		{[][]byte{nil}, label.StopEndOfData, label.Blank},
		{[][]byte{{}, nil}, label.StopEndOfData, label.Blank},
		{nil, label.StopUnsaid, label.Unknown},
		{nil, label.StopMore, label.Unknown},
		{nil, label.StopFilemark, label.Unknown},
		{[][]byte{nil}, label.StopFilemark, label.Unknown},
		{nil, label.StopEncrypted, label.Encrypted},
		{nil, label.StopUnreadable, label.Unreadable},
		{[][]byte{nil}, label.StopUnreadable, label.Unreadable},
		{nil, label.Stop(200), label.Unknown},
	} {
		if f := label.Recognise(c.blocks, c.stop); f.Kind != c.want {
			t.Errorf("%d filemarks, stop %d: %s, want %s", len(c.blocks), c.stop, f.Kind, c.want)
		}
	}
}

// Labels that are cut short or damaged stay with their owner.
func TestRecogniseDamaged(t *testing.T) {
	get := func(name string) [][]byte {
		img, err := labeltest.Get(name)
		if err != nil {
			t.Fatal(err)
		}
		return img.Objects
	}
	edit := func(name string, change func([]byte) []byte) [][]byte {
		o := slices.Clone(get(name))
		o[0] = change(bytes.Clone(o[0]))
		return o
	}
	cut := func(n int) func([]byte) []byte { return func(b []byte) []byte { return b[:n] } }
	set := func(at int, s string) func([]byte) []byte {
		return func(b []byte) []byte { copy(b[at:], s); return b }
	}
	for name, c := range map[string]struct {
		head   [][]byte
		kind   label.Kind
		volume string
	}{
		"bacula header only":     {edit("bacula-bb02", cut(24)), label.Bacula, ""},
		"bacula cut in name":     {edit("bacula-bb02", cut(100)), label.Bacula, ""},
		"bacula data block":      {edit("bacula-bb02", set(36, "Xacula")), label.Bacula, ""},
		"bareos data block":      {edit("bareos-bb02", set(36, "Bareosx")), label.Bareos, ""},
		"VOL1 alone":             {[][]byte{[]byte("VOL1")}, label.ANSI, ""},
		"VOL1 short":             {[][]byte{[]byte("VOL1AB")}, label.ANSI, "AB"},
		"TSM without UHL1":       {edit("tsm-long", cut(80))[:1], label.TSM, ""},
		"amanda file":            {edit("amanda", set(8, "FILE 20260102 host /home lev 0")), label.Amanda, ""},
		"proxmox other content":  {edit("proxmox", set(24, "xx")), label.Proxmox, ""},
		"proxmox broken JSON":    {edit("proxmox", set(64, "[[")), label.Proxmox, ""},
		"proxmox cut":            {edit("proxmox", cut(40)), label.Proxmox, ""},
		"proxmox size lies":      {edit("proxmox", set(56, "\xff\xff\xff\xff")), label.Proxmox, ""},
		"tapectl without label":  {edit("tapectl", set(71, "     ")), label.Tapectl, ""},
		"ustar wrong checksum":   {edit("tar-ustar", set(148, "000001")), label.Tar, ""},
		"v7 wrong checksum":      {edit("tar-v7", set(148, "000001")), label.Unknown, ""},
		"tar header cut":         {edit("tar-ustar", cut(500)), label.Unknown, ""},
		"tapehoard content cut":  {edit("tapehoard", cut(512)), label.TapeHoard, ""},
		"mtf cut":                {edit("mtf-ansi", cut(60)), label.MTF, ""},
		"mtf wrong checksum":     {edit("mtf-ansi", set(50, "\x00\x00")), label.MTF, ""},
		"mtf name outside":       {edit("mtf-ansi", set(68, "\xff\xff\xff\xff")), label.MTF, ""},
		"kdat length lies":       {edit("kdat", set(13, "\xff\xff\xff\xff")), label.KDat, ""},
		"kdat cut":               {edit("kdat", cut(12)), label.KDat, ""},
		"remanence object":       {edit("remanence", set(0, "REMO")), label.Remanence, ""},
		"networker by name":      {edit("networker", set(8, "NetWorker   ")), label.NetWorker, ""},
		"one byte":               {[][]byte{{0}}, label.Unknown, ""},
		"calypso behind a mark":  {append([][]byte{nil}, get("calypso")...), label.Unknown, "V00001L8"},
		"bacula behind a mark":   {append([][]byte{nil}, get("bacula-bb02")...), label.Bacula, "A00001L8"},
		"signed checksum (v7)":   {[][]byte{signedTar()}, label.Tar, ""},
		"unreadable calypso":     {edit("calypso", set(512, "format: ?")), label.Calypso, ""},
		"calypso block too long": {edit("calypso", func(b []byte) []byte { return append(b, 0) }), label.Calypso, ""},
	} {
		f := label.Recognise(c.head, label.StopMore)
		if f.Kind != c.kind || f.Volume != c.volume || f.Overwritable() {
			t.Errorf("%s: %s %q, want %s %q", name, f.Kind, f.Volume, c.kind, c.volume)
		}
	}
}

// signedTar is a v7 header with a name in Latin-1, summed over signed bytes as some old tars did.
func signedTar() []byte {
	b := make([]byte, 512)
	copy(b, "caf\xE9")
	copy(b[148:], "001023\x00 ") // 99+97+102-23 and eight spaces of 32: 531
	return b
}

func TestRecogniseCalypsoCause(t *testing.T) {
	img, err := labeltest.Get("calypso")
	if err != nil {
		t.Fatal(err)
	}
	good := label.Recognise(img.Objects, label.StopFilemark)
	if good.Label == nil || good.Label.Volume != "V00001L8" || good.Cause != nil {
		t.Errorf("good label: %+v", good)
	}
	newer := bytes.Replace(img.Objects[0], []byte("version: 1"), []byte("version: 9"), 1)
	f := label.Recognise([][]byte{newer}, label.StopFilemark)
	if f.Label != nil || errcode.Of(f.Cause) != errcode.StateNewer || !strings.Contains(f.Detail, "newer") {
		t.Errorf("newer label: %+v", f)
	}
	bad := bytes.Replace(img.Objects[0], []byte("version: 1"), []byte("version: x"), 1)
	f = label.Recognise([][]byte{bad}, label.StopFilemark)
	if f.Label != nil || !errors.Is(f.Cause, label.ErrDamaged) {
		t.Errorf("damaged label: %+v", f)
	}
}

// The bytes are those of IBM's table of code page 037.
func TestRecogniseEBCDIC(t *testing.T) {
	vol1 := append([]byte("\xE5\xD6\xD3\xF1\x81\x89\x91\x99\xA2\xA9"), bytes.Repeat([]byte{0x40}, 70)...)
	hdr1 := append([]byte("\xC8\xC4\xD9\xF1\xC1\xC9\xD1\xD9\xE2\xE9\xF0\xF9\x4B\x5B\x7B\x7C\x60\x6D\x61\x5C\x50"), bytes.Repeat([]byte{0x40}, 59)...)
	f := label.Recognise([][]byte{vol1, hdr1}, label.StopFilemark)
	if f.Kind != label.IBM || f.Volume != "aijrsz" || f.Detail != "first file AIJRSZ09.$#@-_/*&" {
		t.Errorf("%+v", f)
	}
	odd := append([]byte("\xE5\xD6\xD3\xF1\x27\x00\xFF\xC1\xC1\xC1"), bytes.Repeat([]byte{0x40}, 70)...)
	if f := label.Recognise([][]byte{odd}, label.StopFilemark); f.Volume != "AAA" {
		t.Errorf("%+v", f)
	}
}

// Names of foreign labels reach terminals.
func TestRecogniseSanitises(t *testing.T) {
	for in, want := range map[string]string{
		"\x1b[2Jevil":                        "[2Jevil",
		"a\x07b\x7f\u009bc":                  "abc",
		"\u202egpj.exe":                      "gpj.exe",
		"\xff\xfeok":                         "ok",
		"zero\u200bwidth":                    "zerowidth",
		"two\twords\r\n":                     "twowords",
		strings.Repeat("n", 126) + "é" + "x": strings.Repeat("n", 126) + "é" + "x",
		strings.Repeat("n", 500):             strings.Repeat("n", 128),
	} {
		line := append([]byte("magic = \"tapectl-volume-v2\"\nlabel = \""+in), '"')
		if strings.ContainsAny(in, "\n") {
			line = gnuVolume(in)
		}
		if f := label.Recognise([][]byte{line}, label.StopMore); f.Volume != want {
			t.Errorf("%q: volume %q, want %q", in, f.Volume, want)
		}
	}
}

// gnuVolume is a GNU tar volume header (type V); the magic is enough to be taken for one.
func gnuVolume(name string) []byte {
	b := make([]byte, 512)
	copy(b, name)
	b[156] = 'V'
	copy(b[257:], "ustar  \x00")
	return b
}

func TestRandomHeadIsNeverOverwritable(t *testing.T) {
	all := images(t)
	rapid.Check(t, func(r *rapid.T) {
		blocks := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 700), 0, 5).Draw(r, "blocks")
		if rapid.Bool().Draw(r, "from an image") {
			img := all[rapid.IntRange(0, len(all)-1).Draw(r, "image")]
			blocks = append(slices.Clone(img.Objects), blocks...)
		}
		stop := label.Stop(rapid.Byte().Draw(r, "stop"))
		data := slices.ContainsFunc(blocks, func(b []byte) bool { return len(b) > 0 })
		f := label.Recognise(blocks, stop)
		if f.Overwritable() != (!data && stop == label.StopEndOfData) {
			r.Fatalf("data %v, stop %d: %+v", data, stop, f)
		}
	})
}
