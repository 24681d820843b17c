package vdev

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"calypso/sys/disk"
	"calypso/sys/errcode"
)

// shape is a layout in short: "data mirror/1(a b); log stripe/0(c)".
func shape(l Layout) string {
	var groups []string
	for _, g := range l.Groups {
		var names []string
		for _, m := range g.Members {
			names = append(names, m.Word)
		}
		groups = append(groups, fmt.Sprintf("%s %s/%d(%s)", g.Class, g.Kind, g.Parity, strings.Join(names, " ")))
	}
	return strings.Join(groups, "; ")
}

func TestParseLayout(t *testing.T) {
	for words, want := range map[string]string{
		"a":                          "data stripe/0(a)",
		"a b":                        "data stripe/0(a); data stripe/0(b)",
		"mirror a b c":               "data mirror/2(a b c)",
		"mirror a b mirror c d":      "data mirror/1(a b); data mirror/1(c d)",
		"raidz a b c":                "data raidz/1(a b c)",
		"raidz1 a b":                 "data raidz1/1(a b)",
		"raidz3 a b c d":             "data raidz3/3(a b c d)",
		"draid a b c":                "data draid/1(a b c)",
		"draid2:4d:8c:1s a b c d":    "data draid2:4d:8c:1s/2(a b c d)",
		"mirror a b log c":           "data mirror/1(a b); log stripe/0(c)",
		"mirror a b log mirror c d":  "data mirror/1(a b); log mirror/1(c d)",
		"a cache b c spare d e":      "data stripe/0(a); cache stripe/0(b c); spare stripe/0(d e)",
		"log c cache b mirror1 x":    "", // no data: mirror1 is a name
		"spare x special mirror a b": "",
		"raidz2 a b c dedup mirror d e special mirror f g": "data raidz2/2(a b c); dedup mirror/1(d e); special mirror/1(f g)",
		"":                   "",
		"mirror a":           "",
		"mirror":             "",
		"raidz2 a b":         "",
		"raidz4 a b":         "data stripe/0(raidz4); data stripe/0(a); data stripe/0(b)",
		"draid4 a":           "data stripe/0(draid4); data stripe/0(a)",
		"mirror a b mirror":  "",
		"a cache mirror b c": "",
		"a spare raidz b c":  "",
		"a log":              "",
		"a log cache b":      "",
		"a log mirror":       "",
	} {
		l, err := ParseLayout(strings.Fields(words))
		if got := shape(l); got != want || (want == "") != (errcode.Of(err) == errcode.Usage) {
			t.Errorf("ParseLayout(%q) = %q, %v; want %q", words, got, err, want)
		}
	}
	if _, err := ParseLayout([]string{"mirror", "a", ""}); errcode.Of(err) != errcode.Usage {
		t.Errorf("a disk without a name gives %v", err)
	}
}

// What is parsed and given to zpool again means the same.
func FuzzParseLayout(f *testing.F) {
	f.Add("mirror a b log c cache d e spare f")
	f.Add("draid2:4d:8c:1s a b c special mirror d e")
	f.Fuzz(func(t *testing.T, text string) {
		words := strings.Fields(text)
		l, err := ParseLayout(words)
		if err != nil {
			return
		}
		for _, m := range l.Members() {
			m.Path = m.Word
		}
		again, err := ParseLayout(l.Args())
		if err != nil || shape(again) != shape(l) {
			t.Errorf("%q is %q, and its words %q are %q, %v", text, shape(l), l.Args(), shape(again), err)
		}
	})
}

// layout makes one of disks of which each word is NAME:MIB.
func layout(t *testing.T, text string) Layout {
	t.Helper()
	l, err := ParseLayout(strings.Fields(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range l.Members() {
		var size int64
		name, rest, _ := strings.Cut(m.Word, ":")
		if _, err := fmt.Sscan(rest, &size); err != nil {
			t.Fatal(err)
		}
		m.Path, m.Node, m.SizeBytes = "/dev/disk/by-id/"+name, "/dev/"+name, size<<20
		m.File = strings.HasPrefix(name, "file")
		if strings.HasPrefix(name, "path") {
			m.Serial, m.Identity = "ZA1", "ZA1"
		}
		if strings.HasPrefix(name, "whole") {
			m.Parts = []string{strings.Replace(m.Node, "whole", "part", 1)}
		}
	}
	return l
}

func TestCheck(t *testing.T) {
	const fine, uneven, never = 0, 1, 2
	for text, want := range map[string]int{
		"mirror a:100 b:100":                                  fine,
		"mirror a:100 b:115":                                  fine,
		"mirror a:100 b:117":                                  uneven,
		"a:100 b:200":                                         fine,
		"mirror a:100 a:100":                                  never,
		"mirror a:100 b:100 spare a:100":                      never,
		"mirror a:100 b:63":                                   never,
		"mirror a:100 path1:100 log path2:100":                never,
		"mirror whole:100 part:100":                           never,
		"part:100 log whole:100":                              never,
		"mirror a:100 b:100 raidz1 c:100 d:100":               uneven,
		"mirror a:100 b:100 c:100":                            fine,
		"mirror a:100 b:100 c:100 mirror d:100 e:100":         uneven,
		"mirror a:100 b:100 special c:100":                    uneven,
		"mirror a:100 b:100 special mirror c:100 d:100":       fine,
		"raidz2 a:100 b:100 c:100 special mirror d:100 e:100": uneven,
		"mirror a:100 b:100 log c:100 cache d:100":            fine,
		"mirror a:100 file:100":                               uneven,
	} {
		l := layout(t, text)
		if err := l.Check(false); (err == nil) != (want == fine) || err != nil && errcode.Of(err) != errcode.StorageRefused {
			t.Errorf("Check of %q: %v", text, err)
		}
		if err := l.Check(true); (err == nil) != (want != never) {
			t.Errorf("Check of %q, uneven: %v", text, err)
		}
	}
}

func TestWarnings(t *testing.T) {
	for text, want := range map[string]string{
		"mirror a:100 b:100":               "",
		"a:100":                            "no redundancy",
		"mirror file1:100 file2:100":       "for trials only",
		"mirror a:100 b:100 special c:100": "special disk",
	} {
		if got := strings.Join(layout(t, text).Warnings(), "\n"); (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("Warnings of %q: %q; want %q", text, got, want)
		}
	}
	l := layout(t, "mirror a:100 b:100")
	l.Members()[1].Path = "/dev/b"
	if got := l.Warnings(); len(got) != 1 || !strings.Contains(got[0], "no lasting name") {
		t.Errorf("Warnings of a disk without a lasting name: %q", got)
	}
}

func values(list []Property) string {
	var words []string
	for _, p := range list {
		words = append(words, p.Name+"="+p.Value)
	}
	return strings.Join(words, " ")
}

func TestDefaults(t *testing.T) {
	ssd := Found{Disk: disk.Disk{Name: "nvme0n1", LogicalBlock: 512, PhysicalBlock: 512}}
	hdd := Found{Disk: disk.Disk{Name: "sda", Rotational: true, LogicalBlock: 4096, PhysicalBlock: 4096}}
	large := Found{Disk: disk.Disk{Name: "nvme1n1", LogicalBlock: 512, PhysicalBlock: 16384}}
	const root = " failmode=continue compression=lz4 atime=off xattr=sa acltype=posix"
	for _, tt := range []struct {
		found []Found
		want  string
	}{
		{[]Found{ssd, ssd}, "ashift=12 autoexpand=on autotrim=on" + root},
		{[]Found{ssd, hdd}, "ashift=12 autoexpand=on autotrim=off" + root},
		{[]Found{large, ssd}, "ashift=14 autoexpand=on autotrim=on" + root},
		{[]Found{{}}, "ashift=12 autoexpand=on autotrim=off" + root},
	} {
		if got, err := Defaults(tt.found, nil, nil); err != nil || values(got) != tt.want {
			t.Errorf("Defaults of %v = %s, %v; want %s", tt.found, values(got), err, tt.want)
		}
	}
	got, err := Defaults([]Found{ssd}, []string{"ashift=9", "comment=a=b"}, []string{"atime=on", "mountpoint=/srv/x"})
	want := []string{"-o", "ashift=9", "-o", "autoexpand=on", "-o", "autotrim=on", "-o", "failmode=continue", "-O", "compression=lz4", "-O", "atime=on",
		"-O", "xattr=sa", "-O", "acltype=posix", "-o", "comment=a=b", "-O", "mountpoint=/srv/x"}
	if words := propertyArgs(got); err != nil || !slices.Equal(words, want) {
		t.Errorf("Defaults with choices = %q, %v; want %q", words, err, want)
	}
	for _, bad := range [][]string{{"ashift"}, {"=1"}, {"ashift=9", "ashift=12"}} {
		if got, err := Defaults(nil, bad, nil); errcode.Of(err) != errcode.Usage {
			t.Errorf("Defaults with %q = %v, %v", bad, got, err)
		}
	}
}

// Disks of one group that differ in size are named, whichever comes first; the same within what zpool takes for equal.
func TestCheckSizes(t *testing.T) {
	for _, c := range []struct {
		kind  string
		sizes []int64
		good  bool
	}{
		{"mirror", []int64{8 << 30, 4 << 30}, false},
		{"mirror", []int64{4 << 30, 8 << 30}, false},
		{"raidz1", []int64{8 << 30, 8 << 30, 4 << 30}, false},
		{"mirror", []int64{8 << 30, 8<<30 - 16<<20}, true},
		{"mirror", []int64{8 << 30, 8<<30 - 16<<20 - 1}, false},
		{"stripe", []int64{8 << 30, 4 << 30}, true},
	} {
		g := Group{Class: Data, Kind: c.kind}
		for _, size := range c.sizes {
			g.Members = append(g.Members, Member{SizeBytes: size})
		}
		if err := (Layout{Groups: []Group{g}}).checkSizes(); (err == nil) != c.good {
			t.Errorf("checkSizes of a %s of %v = %v; want good: %v", c.kind, c.sizes, err, c.good)
		}
	}
}
