package archive

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"calypso/sys/errcode"
	"calypso/tape/archive/flat"
	"calypso/tape/archive/pax"
)

func testManifest() Manifest {
	return Manifest{
		Volume: testVolume, VolumeUUID: testUUID, File: 3, Name: "src", Kind: KindTar, Complete: true,
		SizeBytes: 10_000, Blocks: 3, BlockSizeBytes: 4096, SHA256: strings.Repeat("0123456789abcdef", 4), FirstBlock: 7,
		Started: testTime, Finished: testTime.Add(time.Minute), Host: "host", Software: "calypso 1.0.0",
		Members: 2, SourceErrors: 1, MembersBytes: 600, MembersSHA256: strings.Repeat("fedcba9876543210", 4),
	}
}

// goldenManifest is the text as docs/tape-format.md shows it.
const goldenManifest = `format: calypso-manifest
version: 1
volume: V00001L8
volume_uuid: 01234567-89ab-4cde-8f01-23456789abcd
file: 3
name: src
kind: tar
complete: true
reason: ""
size_bytes: 10000
blocks: 3
block_size_bytes: 4096
sha256: 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
first_block: 7
started: "2026-03-04T05:06:07Z"
finished: "2026-03-04T05:07:07Z"
host: host
software: calypso 1.0.0
key_id: ""
members: 2
source_errors: 1
members_bytes: 600
members_sha256: fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210
`

func TestManifestText(t *testing.T) {
	text, err := testManifest().encodeYAML()
	if err != nil {
		t.Fatal(err)
	}
	want := goldenManifest + fmt.Sprintf("self_sha256: %q\n", hexSum([]byte(goldenManifest)))
	if string(text) != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
	doc, err := os.ReadFile("../../docs/tape-format.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(doc), goldenManifest) {
		t.Error("docs/tape-format.md shows another manifest")
	}
	got, err := decodeYAML(text)
	if err != nil || got != testManifest() {
		t.Errorf("decoded %+v, %v", got, err)
	}
}

// resum gives an edited text its right last line.
func resum(text string) []byte {
	body := text[:strings.LastIndex(text, selfKey)]
	return fmt.Appendf([]byte(body), "%s\"%s\"\n", selfKey, hexSum([]byte(body)))
}

func TestManifestRefused(t *testing.T) {
	good, err := testManifest().encodeYAML()
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, from, to, want string }{
		{"unknown key", "host: host", "hots: host", "hots"},
		{"key twice", "host: host", "name: host", "name"},
		{"key missing", "host: host\n", "", "23 keys"},
		{"key too many", "host: host\n", "host: host\nx: 1\n", "25 keys"},
		{"octal", "file: 3", "file: 03", "03"},
		{"hexadecimal", "file: 3", "file: 0x3", "0x3"},
		{"fraction", "file: 3", "file: 3.5", "3.5"},
		{"null", "file: 3", "file: null", "null"},
		{"negative", "members: 2", "members: -2", "negative"},
		{"the label's file", "file: 3", "file: 0", "label"},
		{"another format", "calypso-manifest", "calypso-tape", "format"},
		{"older", "version: 1", "version: 0", "version 0"},
		{"anchor", "host: host", "host: &a host", "plain"},
		{"nested", "host: host", "host: [host]", "plain"},
		{"kind", "kind: tar", "kind: zip", "kind"},
		{"incomplete without reason", "complete: true", "complete: false", "reason"},
		{"complete with reason", `reason: ""`, "reason: torn", "reason"},
		{"blocks", "blocks: 3", "blocks: 4", "not 4 blocks"},
		{"sum", "sha256: 0123", "sha256: 012g", "hexadecimal"},
		{"upper-case sum", "sha256: 0123456789a", "sha256: 0123456789A", "hexadecimal"},
		{"time", "2026-03-04T05:06:07Z", "yesterday", "time"},
		{"control character", "host: host", `host: "a\nb"`, "printable"},
		{"second document", "self_sha256", "---\nself_sha256", "document"},
		{"block size", "block_size_bytes: 4096", "block_size_bytes: 4095", "not 3 blocks"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if !strings.Contains(string(good), tt.from) {
				t.Fatalf("nothing to replace: %q", tt.from)
			}
			_, err := decodeYAML(resum(strings.Replace(string(good), tt.from, tt.to, 1)))
			if err == nil || !strings.Contains(err.Error(), tt.want) && tt.want != "not 3 blocks" {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
	_, err = decodeYAML(resum(strings.Replace(string(good), "version: 1", "version: 2\nnew_key: [1, 2]", 1)))
	wantCode(t, err, errcode.StateNewer)
}

// TestManifestFlips: no text with a wrong byte passes.
func TestManifestFlips(t *testing.T) {
	good, err := testManifest().encodeYAML()
	if err != nil {
		t.Fatal(err)
	}
	for at := range good {
		for bit := range 8 {
			bad := bytes.Clone(good)
			bad[at] ^= 1 << bit
			if m, err := decodeYAML(bad); err == nil {
				t.Fatalf("bit %d of byte %d (%q) turned over: %+v", bit, at, good[at], m)
			}
		}
	}
}

func FuzzDecodeManifest(f *testing.F) {
	good, err := testManifest().encodeYAML()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte("format: calypso-manifest\nversion: 9\n"))
	f.Add([]byte("a: &a [*a]\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, candidate := range [][]byte{text, resumAny(text)} {
			m, err := decodeYAML(candidate)
			if err != nil {
				continue
			}
			again, err := m.encodeYAML()
			if err != nil {
				t.Fatalf("%+v cannot be encoded: %v", m, err)
			}
			if got, err := decodeYAML(again); err != nil || got != m {
				t.Fatalf("%+v became %+v, %v", m, got, err)
			}
		}
	})
}

// resumAny makes the sum right, so that the fuzzer gets behind it.
func resumAny(text []byte) []byte {
	if !bytes.Contains(text, []byte(selfKey)) {
		return text
	}
	return resum(string(text))
}

// manifestFile makes the bytes of a manifest file.
func manifestFile(t testing.TB, m Manifest, members []pax.Member) []byte {
	t.Helper()
	s, err := newSpool(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range members {
		if err := s.add(m); err != nil {
			t.Fatal(err)
		}
	}
	list, err := s.seal(-1)
	if err != nil {
		t.Fatal(err)
	}
	defer list.Close()
	e, err := encodeManifest(m, list)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := e.writeTo(&out); err != nil {
		t.Fatal(err)
	}
	if want := manifestFileBytes(len(e.text), &e.manifest); int64(out.Len()) != want {
		t.Errorf("manifest file of %d bytes, computed %d", out.Len(), want)
	}
	return out.Bytes()
}

func testMembers() []pax.Member {
	sum := strings.Repeat("ab", 32)
	return []pax.Member{
		{Path: "dir/", Type: pax.TypeDir, Offset: 0, Length: 512, Mode: 0o755, ModTime: testTime, SHA256: sum},
		{Path: "dir/\xff\"\\\n", Type: pax.TypeSymlink, Offset: 512, Length: 1024, Mode: 0o777, UID: 7, GID: 8, ModTime: testTime.Add(5), Link: "\xfe", SHA256: sum},
		{Path: "dir/f", Type: pax.TypeFile, Offset: 1536, Length: 1 << 40, Size: 1 << 39, Mode: 0o4755, ModTime: time.Unix(-5, 0).UTC(), SHA256: sum},
	}
}

func FuzzOpenManifest(f *testing.F) {
	f.Add(manifestFile(f, testManifest(), testMembers()))
	f.Add(manifestFile(f, testManifest(), nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _, list, err := openManifest(bytes.NewReader(data))
		if err != nil || list == nil {
			return
		}
		scan := NewMemberScanner(list)
		for scan.Next() {
		}
	})
}

func TestOpenManifest(t *testing.T) {
	data := manifestFile(t, testManifest(), testMembers())
	m, _, list, err := openManifest(bytes.NewReader(data))
	if err != nil || m.Members != 3 || m.File != 3 {
		t.Fatalf("%+v, %v", m, err)
	}
	var got []pax.Member
	scan := NewMemberScanner(list)
	for scan.Next() {
		got = append(got, *scan.Member())
	}
	if fmt.Sprint(got) != fmt.Sprint(testMembers()) || scan.Err() != nil {
		t.Errorf("members %v, %v", got, scan.Err())
	}
	for _, other := range [][]byte{nil, make([]byte, 10240), []byte("x"), data[:100]} {
		if _, _, _, err := openManifest(bytes.NewReader(other)); err == nil {
			t.Errorf("%d bytes of something else pass for a manifest", len(other))
		}
	}
}

// TestOpenManifestCut: at whatever byte a manifest file is cut, nobody takes it for whole.
func TestOpenManifestCut(t *testing.T) {
	data := manifestFile(t, testManifest(), testMembers())
	listEnd := len(data) - tarTrailer
	for cut := range listEnd {
		_, _, list, err := openManifest(bytes.NewReader(data[:cut]))
		if err != nil {
			continue
		}
		if _, err = io.ReadAll(list); err == nil && cut < listEnd-tarRecord {
			t.Fatalf("cut at byte %d of %d: no error", cut, len(data))
		}
	}
}

// TestManifestIsUstar: the oldest tar that is still about reads it.
func TestManifestIsUstar(t *testing.T) {
	tr := tar.NewReader(bytes.NewReader(manifestFile(t, testManifest(), testMembers())))
	for _, want := range []string{".calypso_manifest", ".calypso_members"} {
		h, err := tr.Next()
		if err != nil || h.Name != want || h.Format != tar.FormatUSTAR || h.Mode != 0o644 {
			t.Errorf("%+v, %v", h, err)
		}
	}
}

func TestMemberLines(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringN(1, 60, 200)
		raw := rapid.SliceOfN(rapid.Byte(), 1, 40)
		m := pax.Member{
			Path: rapid.OneOf(name, rapid.Map(raw, func(b []byte) string { return string(b) })).Draw(t, "path"),
			Type: pax.TypeFile, Offset: rapid.Int64Range(0, 1<<50).Draw(t, "offset"), Length: rapid.Int64Range(1, 1<<50).Draw(t, "length"),
			Size: rapid.Int64Range(0, 1<<50).Draw(t, "size"), Mode: rapid.Uint32Range(0, 0o7777).Draw(t, "mode"),
			UID: rapid.IntRange(0, 1<<32-1).Draw(t, "uid"), GID: rapid.IntRange(0, 1<<32-1).Draw(t, "gid"),
			ModTime: time.Unix(rapid.Int64Range(-1<<33, 1<<36).Draw(t, "s"), rapid.Int64Range(0, 999999999).Draw(t, "ns")).UTC(),
			Link:    rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 40), func(b []byte) string { return string(b) }).Draw(t, "link"),
			SHA256:  strings.Repeat("0f", 32),
		}
		var o flat.Object
		line := bytes.TrimSuffix(appendMember(&o, &m), []byte("\n"))
		if bytes.ContainsAny(line, "\n\x00") {
			t.Fatalf("line %q", line)
		}
		got, err := ParseMember(line)
		if err != nil || got != m {
			t.Fatalf("%+v became %+v, %v", m, got, err)
		}
	})
}

func FuzzParseMember(f *testing.F) {
	var o flat.Object
	for _, m := range testMembers() {
		f.Add(bytes.TrimSuffix(bytes.Clone(appendMember(&o, &m)), []byte("\n")))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		m, err := ParseMember(line)
		if err != nil {
			return
		}
		var o flat.Object
		again, err := ParseMember(bytes.TrimSuffix(appendMember(&o, &m), []byte("\n")))
		if err != nil || again != m {
			t.Fatalf("%+v became %+v, %v", m, again, err)
		}
	})
}

func TestMemberScanner(t *testing.T) {
	var o flat.Object
	var list []byte
	for _, m := range testMembers() {
		list = append(list, appendMember(&o, &m)...)
	}
	lines := bytes.SplitAfter(list, []byte("\n"))
	tests := []struct {
		name string
		list []byte
		want string
	}{
		{"out of order", bytes.Join([][]byte{lines[1], lines[0]}, nil), "order"},
		{"cut", list[:len(list)-1], "unexpected EOF"},
		{"damaged", bytes.Replace(list, []byte(`"offset"`), []byte(`"Offset"`), 1), "line 1"},
		{"too long", append(bytes.Repeat([]byte(" "), maxMemberLine+1), '\n'), "too long"},
	}
	for _, tt := range tests {
		scan := NewMemberScanner(bytes.NewReader(tt.list))
		for scan.Next() {
		}
		if err := scan.Err(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want one with %q", tt.name, err, tt.want)
		}
	}
}

// TestSpoolCut: a list cut at any byte of the archive has the members that end before it.
func TestSpoolCut(t *testing.T) {
	const count, length = 2000, 1024
	for _, size := range []int64{0, 1, 1023, 1024, 1025, 777_777, count*length - 1, count * length, 1 << 40} {
		s, err := newSpool(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		for i := range int64(count) {
			m := pax.Member{Path: fmt.Sprint(i), Type: pax.TypeFile, Offset: i * length, Length: length, ModTime: testTime, SHA256: strings.Repeat("0", 64)}
			if err := s.add(m); err != nil {
				t.Fatal(err)
			}
		}
		list, err := s.seal(size)
		if err != nil {
			t.Fatal(err)
		}
		data, _ := io.ReadAll(list.Open())
		want := min(size/length, count)
		if list.Count != want || int64(bytes.Count(data, []byte("\n"))) != want || hexSum(data) != list.SHA256 || int64(len(data)) != list.Bytes {
			t.Errorf("size %d: %d members, want %d; %+v", size, bytes.Count(data, []byte("\n")), want, list)
		}
		if err := s.add(pax.Member{}); !errors.Is(err, errRingClosed) {
			t.Errorf("a sealed list grows: %v", err)
		}
		_ = list.Close()
	}
}
