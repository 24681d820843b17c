package dataset

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"calypso/sys/errcode"
)

// record is the first of a stream, from hexadecimal digits of its fields before the name.
func record(t testing.TB, fields, name string) []byte {
	t.Helper()
	head, err := hex.DecodeString(strings.Join(strings.Fields(fields), ""))
	if err != nil || len(head) != 56 {
		t.Fatalf("%d bytes, %v; want 56", len(head), err)
	}
	b := make([]byte, 312)
	copy(b, head)
	copy(b[56:], name)
	return b
}

// The fields of the transcript 12-send-zstream-dump of OpenZFS 2.3.9, in both byte orders:
// type, payload; magic; features and kind; creation; type of objects, flags; GUIDs.
const (
	little = "00000000 00000000 accbbaf5 02000000 11000000 00000000 5514006b 00000000 02000000 0c000000 87676662b1497c4b 0000000000000000"
	big    = "00000000 00000000 00000002 f5bacbac 00000000 00000011 00000000 6b001455 00000002 0000000c 4b7c49b162666787 0000000000000000"
)

func TestParseHead(t *testing.T) {
	for name, c := range map[string]struct {
		fields string
		want   Head
	}{
		"tank/data@s1": {little, Head{GUID: "5439303476165633927"}},
		"pool/data@s1": {big, Head{GUID: "5439303476165633927"}},
		// As zfs send of OpenZFS 2.3.9 makes them: -R, a volume, -i of a clone from its origin, -t.
		"tank/a@x": {"00000000 c8040000 accbbaf5 02000000 02000000 00000000 00000000 00000000 00000000 00000000 0000000000000000 0000000000000000",
			Head{Package: true}},
		"tank/a/vol@x": {"00000000 00000000 accbbaf5 02000000 01000c01 00000000 27cb016b 00000000 03000000 0c000000 5b93f7b492b5c888 0000000000000000",
			Head{GUID: "9856327426206307163", Volume: true}},
		"tank/cl@y": {"00000000 00000000 accbbaf5 02000000 11000000 00000000 2fcb016b 00000000 02000000 0d000000 3e99e456ca153827 ec958c5bc1fbc086",
			Head{GUID: "2826032724960385342", FromGUID: "9710037604493989356", Clone: true}},
		"tank/r@x": {"00000000 60000000 accbbaf5 02000000 11004c01 00000000 27cb016b 00000000 02000000 0c000000 ec958c5bc1fbc086 0000000000000000",
			Head{GUID: "9710037604493989356", Resuming: true}},
	} {
		c.want.Snapshot = name
		if got, err := parseHead(record(t, c.fields, name)); err != nil || got != c.want {
			t.Errorf("%s: %#v, %v; want %#v", name, got, err, c.want)
		}
	}
	if got := (Head{Snapshot: "tank/data@s1"}).Short(); got != "s1" {
		t.Errorf("Short = %q", got)
	}
}

func TestNoStream(t *testing.T) {
	long := record(t, little, strings.Repeat("a", 256))
	for name, data := range map[string][]byte{
		"empty": nil, "short": record(t, little, "tank/a@x")[:311], "garbage": bytes.Repeat([]byte{0xa5}, 312),
		"not the first record": record(t, strings.Replace(little, "00000000", "01000000", 1), "tank/a@x"),
		"no name":              record(t, little, ""), "endless name": long,
	} {
		_, _, err := readHead(bytes.NewReader(data))
		if errcode.Of(err) != errcode.StreamDamaged || !strings.Contains(err.Error(), "nothing was received") {
			t.Errorf("%s: %v; want stream_damaged, and that nothing was received", name, err)
		}
	}
	broken := errors.New("broken")
	if _, _, err := readHead(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("a source that fails: %v; want its error", err)
	}
}

// What was read to look at is in what zfs gets.
func TestHeadIsGivenOn(t *testing.T) {
	data := append(record(t, little, "tank/a@x"), "the rest"...)
	_, whole, err := readHead(iotest.OneByteReader(bytes.NewReader(data)))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(whole); err != nil || !bytes.Equal(got, data) {
		t.Errorf("given on: %d bytes, %v; want all %d", len(got), err, len(data))
	}
}

func FuzzParseHead(f *testing.F) {
	f.Add(record(f, little, "tank/a@x"))
	f.Add(record(f, big, "tank/a@x"))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, _, err := readHead(bytes.NewReader(data))
		if err == nil && (h.Snapshot == "" || len(h.Snapshot) > 255 || strings.ContainsRune(h.Snapshot, 0)) {
			t.Errorf("%+v", h)
		}
	})
}
