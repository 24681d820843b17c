package catalog

import (
	"bytes"
	"errors"
	"io"
	"os"
	"slices"
	"testing"

	"calypso/sys/errcode"
	"calypso/tape/archive"
	"calypso/tape/archive/pax"
)

func TestMembers(t *testing.T) {
	s := newStore(t, testVolume)
	paths := []string{"dir/", "dir/a", "dir/b\xff", "dir/\u00e9 \"quoted\" \\ \n"}
	a := mustFinish(t, s, testVolume, 0, paths...)
	var got []string
	err := s.Members(ctx, &a, func(m *pax.Member) error { got = append(got, m.Path); return nil })
	if err != nil || !slices.Equal(got, paths) {
		t.Errorf("%q, %v", got, err)
	}
	stop := errors.New("stop")
	if err := s.Members(ctx, &a, func(*pax.Member) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("error %v", err)
	}
	r, err := s.OpenMembers(&a)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if list, err := io.ReadAll(r); err != nil || hexSum(list) != a.MembersSHA256 {
		t.Errorf("list of %d bytes, %v", len(list), err)
	}
	stream := a
	stream.Kind = archive.KindStream
	_, err = s.OpenMembers(&stream)
	wantCode(t, err, errcode.ArchiveNotTar)
}

// TestMembersDamaged: whatever byte of a list is wrong, nobody takes it for the list.
func TestMembersDamaged(t *testing.T) {
	s := newStore(t, testVolume)
	a := mustFinish(t, s, testVolume, 0, "a", "b", "c")
	path := s.membersPath(testVolume, 1)
	good, _ := os.ReadFile(path)
	want := memberList("a", "b", "c")
	for at := range good {
		bad := bytes.Clone(good)
		bad[at] ^= 0x10
		_ = os.WriteFile(path, bad, 0o600)
		r, err := s.OpenMembers(&a)
		if err != nil {
			continue
		}
		list, err := io.ReadAll(r)
		r.Close()
		if err == nil && !bytes.Equal(list, want) {
			t.Fatalf("byte %d: another list without an error", at)
		}
	}
	mustFinish(t, s, testVolume, 1, "other")
	_ = os.Rename(s.membersPath(testVolume, 3), path)
	err := s.Members(ctx, &a, func(*pax.Member) error { return nil })
	wantCode(t, err, errcode.StateInvalid)
}
