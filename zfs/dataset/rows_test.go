package dataset

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"calypso/sys/run"
	"calypso/sys/run/transcript"
)

// recorded is what a tool answered; see README in testdata.
func recorded(t testing.TB, name string) run.Exchange {
	t.Helper()
	list, err := transcript.Read(filepath.Join("testdata", name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	return list[0]
}

// decode gives text to r in pieces of a size: a pipe parts lines anywhere.
func decode(r *rows, text string, size int) error {
	for piece := range slices.Chunk([]byte(text), size) {
		if _, err := r.Write(piece); err != nil {
			return err
		}
	}
	return r.Close()
}

func TestDecodeDatasets(t *testing.T) {
	text := recorded(t, "ds-list").Stdout
	for _, size := range []int{1, 7, 4096, 1 << 20} {
		got := map[string]Dataset{}
		var order []string
		err := decode(decodeDatasets(func(d Dataset) { got[d.Name] = d; order = append(order, d.Name) }), text, size)
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"tank", "tank/a", "tank/a/b", "tank/cl", "tank/clone of clone", "tank/data", "tank/m", "tank/m/d1", "tank/my vol", "tank/vol", "tank/with space"}
		if !slices.Equal(order, want) {
			t.Fatalf("in pieces of %d: %q; want %q", size, order, want)
		}
		n := func(n int64) *int64 { return &n }
		yes, no := true, false
		data := Dataset{Name: "tank/data", Type: Filesystem, GUID: "6234866392550523473", Creation: time.Unix(1795276499, 0).UTC(), Used: n(2139136),
			Available: n(2794587648), Referenced: n(2124800), UsedByDataset: n(2124800), UsedBySnapshots: n(14336), UsedByChildren: n(0),
			UsedByRefreserv: n(0), Quota: n(0), Reservation: n(0), Mounted: &yes, Mountpoint: "/tank/data"}
		if diff := cmp.Diff(data, got["tank/data"]); diff != "" {
			t.Error(diff)
		}
		if d := got["tank/a/b"]; d.Mountpoint != "/mnt/new\nline" {
			t.Errorf("mountpoint of tank/a/b = %q", d.Mountpoint)
		}
		if d := got["tank/my vol"]; d.Type != Volume || d.VolumeSize == nil || *d.VolumeSize != 1<<30 || d.Mounted != nil || d.Mountpoint != "" {
			t.Errorf("tank/my vol = %+v", d)
		}
		if d := got["tank/clone of clone"]; d.Origin != "tank/cl@c1" {
			t.Errorf("its origin = %q", d.Origin)
		}
		if d := got["tank/m"]; d.Mountpoint != "none" || !cmp.Equal(d.Mounted, &no) {
			t.Errorf("tank/m = %+v", d)
		}
	}
}

func TestDecodeSnapshots(t *testing.T) {
	var got []Snapshot
	if err := decode(decodeSnapshots(func(s Snapshot) { got = append(got, s) }), recorded(t, "snap-list").Stdout, 100); err != nil {
		t.Fatal(err)
	}
	want := []Snapshot{
		{"tank/cl@c1", "7620014539748097681", 115, time.Unix(1795276502, 0).UTC(), 0, 2124800, 0, []string{"tank/clone of clone"}},
		{"tank/data@s1", "18092721561036479796", 110, time.Unix(1795276500, 0).UTC(), 14336, 24576, 0, nil},
		{"tank/data@s2", "797470246510899794", 111, time.Unix(1795276501, 0).UTC(), 0, 2124800, 0, []string{"tank/cl"}},
		{"tank/data@s3", "4854822141256782836", 113, time.Unix(1795276501, 0).UTC(), 0, 2124800, 2, nil},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if s := got[0]; s.Dataset() != "tank/cl" || s.Short() != "c1" {
		t.Errorf("parts of %s: %q, %q", s.Name, s.Dataset(), s.Short())
	}
}

// The JSON of OpenZFS 2.3 says the same as -Hp, but for what it loses: that is why it is not used.
func TestPropertiesAgainstJSON(t *testing.T) {
	got := map[string]Property{}
	if err := decode(decodeProperties("tank/a", func(p Property) { got[p.Name] = p }), recorded(t, "get-all").Stdout, 50); err != nil {
		t.Fatal(err)
	}
	var judge struct {
		Datasets map[string]struct {
			Properties map[string]struct {
				Value  any
				Source struct{ Type, Data string }
			}
		}
	}
	d := json.NewDecoder(strings.NewReader(recorded(t, "get-all-j").Stdout))
	d.UseNumber()
	if err := d.Decode(&judge); err != nil {
		t.Fatal(err)
	}
	want := judge.Datasets["tank/a"].Properties
	if len(want) != len(got) || len(got) < 60 {
		t.Errorf("%d properties; JSON has %d", len(got), len(want))
	}
	var lost []string
	for name, p := range want {
		if fmt.Sprint(p.Value) != got[name].Value {
			lost = append(lost, name)
		}
		source := strings.ReplaceAll(strings.ToLower(p.Source.Type), "none", "")
		if got[name].Source != source {
			t.Errorf("source of %s = %q; JSON has %q", name, got[name].Source, p.Source.Type)
		}
	}
	slices.Sort(lost)
	if want := []string{"com.example:lead", "guid"}; !slices.Equal(lost, want) {
		t.Errorf("other than in JSON: %q; want %q", lost, want)
	}
	if v := got["com.example:multi"].Value; v != "one\ntwo\ttab" {
		t.Errorf("a value with a newline and a tab = %q", v)
	}
}

func TestInheritedFrom(t *testing.T) {
	var got []Property
	err := decode(decodeProperties("t/a b", func(p Property) { got = append(got, p) }), "t/a b\tcompression\tinherited from t/x y\tlz4\n", 9)
	if want := []Property{{"compression", "lz4", "inherited", "t/x y"}}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	if err := decode(decodeProperties("t/a", func(Property) {}), "t/b\tx\t-\ty\n", 9); err == nil {
		t.Error("the property of another dataset is taken")
	}
}

func TestDecodeRefuses(t *testing.T) {
	good := strings.Join([]string{"t@a", "1", "2", "3", "4", "5", "6", "-"}, "\t") + "\n"
	if err := decode(decodeSnapshots(func(Snapshot) {}), good, 5); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"\n", "t@a\n", good[:len(good)-1], strings.Replace(good, "\t4", "\t-4", 1), strings.Replace(good, "\t4", "\t4K", 1),
		strings.Replace(good, "\t6", "\t18446744073709551615", 1), strings.Replace(good, "\t2", "\t-", 1)} {
		if err := decode(decodeSnapshots(func(Snapshot) {}), text, 5); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
	if err := decode(decodeDatasets(func(Dataset) {}), "no columns\n", 5); err == nil {
		t.Error("a line without columns is taken")
	}
}

func TestDecodePlan(t *testing.T) {
	p, err := decodePlan(recorded(t, "nvp-pool").Stdout)
	if err != nil || len(p.Destroy) < 10 || p.Destroy[0] != "tank/clone of clone" {
		t.Errorf("plan = %q, %v", p.Destroy, err)
	}
	if once := slices.Compact(slices.Sorted(slices.Values(p.Destroy))); len(once) != len(p.Destroy) {
		t.Errorf("%d names, %d of them different", len(p.Destroy), len(once))
	}
	if p, err = decodePlan(recorded(t, "nvp-snap").Stdout); err != nil || p.Reclaim != 14336 {
		t.Errorf("reclaim = %d, %v; want 14336", p.Reclaim, err)
	}
	for _, text := range []string{"would destroy t\n", "reclaim\tx\n", "reclaim\n"} {
		if _, err := decodePlan(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

func FuzzRows(f *testing.F) {
	for _, name := range []string{"ds-list", "snap-list", "get-all", "holds", "nvp-R"} {
		f.Add(recorded(f, name).Stdout, uint8(13))
	}
	f.Fuzz(func(t *testing.T, text string, size uint8) {
		decoders := []func() *rows{
			func() *rows { return decodeDatasets(func(Dataset) {}) },
			func() *rows { return decodeSnapshots(func(Snapshot) {}) },
			func() *rows { return decodeProperties("tank/a", func(Property) {}) },
			func() *rows { return decodeMarks(func(mark) {}) },
			func() *rows { return decodeHolds(func(Hold) {}) },
		}
		for i, fresh := range decoders {
			whole := decode(fresh(), text, len(text)+1)
			if pieces := decode(fresh(), text, int(size)+1); (whole == nil) != (pieces == nil) {
				t.Errorf("decoder %d: at once %v, in pieces of %d %v", i, whole, int(size)+1, pieces)
			}
		}
		_, _ = decodePlan(text)
		_, _ = ParseRetention(text)
		_, _ = parseSize(text)
		_ = CheckSpec(text)
	})
}

func BenchmarkSnapshots(b *testing.B) {
	line := "tank/backup/host%04d@calypso-20261121T154500Z\t18092721561036479796\t110\t1795276500\t14336\t24576\t0\t-\n"
	var text strings.Builder
	for i := range 10000 {
		fmt.Fprintf(&text, line, i)
	}
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		if err := decode(decodeSnapshots(func(Snapshot) { n++ }), text.String(), 32<<10); err != nil || n != 10000 {
			b.Fatal(n, err)
		}
	}
}
