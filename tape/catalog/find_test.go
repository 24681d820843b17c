package catalog

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"calypso/sys/errcode"
	"calypso/tape/archive/flat"
)

// archiveLine makes lines in its own memory.
type archiveLine struct{ o flat.Object }

func (l *archiveLine) of(a *Archive) []byte { return bytes.Clone(appendLine(&l.o, a)) }

func find(t *testing.T, s *Store, pattern string) ([]string, error) {
	t.Helper()
	var hits []string
	err := s.Find(ctx, pattern, func(h Hit) error {
		hits = append(hits, fmt.Sprintf("%s:%d:%s", h.Archive.Volume, h.Archive.File, h.Member.Path))
		return nil
	})
	return hits, err
}

func TestFind(t *testing.T) {
	s := newStore(t, "V00002L8", "V00001L8")
	mustFinish(t, s, "V00001L8", 0, "etc/", "etc/passwd", "etc/ssh/sshd_config")
	mustFinish(t, s, "V00001L8", 1, "home/caf\u00e9/\"a\"", "home/odd\xff", "home/*star")
	mustFinish(t, s, "V00002L8", 0, "etc/passwd-", "srv/PASSWD")
	tests := []struct {
		pattern string
		want    []string
	}{
		{"passwd", []string{"V00001L8:1:etc/passwd", "V00002L8:1:etc/passwd-"}},
		{"etc/passwd", []string{"V00001L8:1:etc/passwd", "V00002L8:1:etc/passwd-"}},
		{"*passwd", []string{"V00001L8:1:etc/passwd"}},
		{"etc*config", []string{"V00001L8:1:etc/ssh/sshd_config"}},
		{"*/PASSW?", []string{"V00002L8:1:srv/PASSWD"}},
		{"etc", []string{"V00001L8:1:etc/", "V00001L8:1:etc/passwd", "V00001L8:1:etc/ssh/sshd_config", "V00002L8:1:etc/passwd-"}},
		{"et[a-c]", []string{"V00001L8:1:etc/"}},
		{"home/caf?/*", []string{"V00001L8:3:home/caf\u00e9/\"a\""}},
		{"home/caf[!a-z]/*", []string{"V00001L8:3:home/caf\u00e9/\"a\""}},
		{`"a"`, []string{"V00001L8:3:home/caf\u00e9/\"a\""}},
		{"odd\xff", []string{"V00001L8:3:home/odd\xff"}},
		{"*odd?", []string{"V00001L8:3:home/odd\xff"}},
		{`home/\*star*`, []string{"V00001L8:3:home/*star"}},
		{"nowhere", nil},
		{"sha256", nil},
	}
	for _, tt := range tests {
		if got, err := find(t, s, tt.pattern); err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%q: %q, %v; want %q", tt.pattern, got, err, tt.want)
		}
	}
	for _, bad := range []string{"", "a[b", "[", "[!", "[]"} {
		_, err := find(t, s, bad)
		wantCode(t, err, errcode.Usage)
	}
	stop := errors.New("stop")
	if err := s.Find(ctx, "etc", func(Hit) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("error %v", err)
	}
}

// TestFindGoesOn: a list that is damaged or gone hides no other, and is named.
func TestFindGoesOn(t *testing.T) {
	s := newStore(t, "V00001L8", "V00002L8", "V00003L8")
	for _, v := range []string{"V00001L8", "V00002L8", "V00003L8"} {
		mustFinish(t, s, v, 0, "file")
	}
	_ = os.WriteFile(s.membersPath("V00001L8", 1), []byte("no zstd"), 0o600)
	_ = os.WriteFile(s.archivesPath("V00002L8"), []byte("no json\n"), 0o600)
	hits, err := find(t, s, "file")
	wantCode(t, err, errcode.Partial)
	if !slices.Equal(hits, []string{"V00003L8:1:file"}) || !strings.Contains(err.Error(), "V00001L8") || !strings.Contains(err.Error(), "V00002L8") {
		t.Errorf("%q, %v", hits, err)
	}
}

// TestGlobAgainstPath holds the matcher to path.Match where both mean the same: without "/".
func TestGlobAgainstPath(t *testing.T) {
	glob := rapid.StringMatching(`([abc]|\*|\?|\[[abc]\]|\[a-c\]|\[\^a\]){0,8}`)
	name := rapid.StringMatching(`[abcd]{0,8}`)
	rapid.Check(t, func(t *rapid.T) {
		g, n := glob.Draw(t, "glob"), name.Draw(t, "name")
		if !strings.ContainsAny(g, "*?[") {
			return
		}
		p, err := compile(g)
		if err != nil {
			t.Fatal(err)
		}
		want, err := path.Match(g, n)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.match(n); got != want {
			t.Fatalf("%q against %q: %t, path.Match says %t", n, g, got, want)
		}
		if want && !p.mayMatch(memberList(n)) && n != "" {
			t.Fatalf("the quick look misses %q for %q", n, g)
		}
	})
}

func BenchmarkFind(b *testing.B) {
	s := newStore(b, testVolume)
	var paths []string
	for i := range 100_000 {
		paths = append(paths, fmt.Sprintf("some/directory/of/files/number-%06d.txt", i))
	}
	mustFinish(b, s, testVolume, 0, paths...)
	for b.Loop() {
		n := 0
		if err := s.Find(ctx, "*number-0999*.txt", func(Hit) error { n++; return nil }); err != nil || n != 100 {
			b.Fatal(n, err)
		}
	}
}
