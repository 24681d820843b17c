package vtl

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"calypso/sys/errcode"
)

// killed is what the process dies of in these tests: no code after it runs but that of defers, and of
// those there is only the release of locks, which the kernel does too.
type killed struct{}

// killAt runs do and ends it at the n-th step; it says whether do got that far.
func killAt(n int, do func() error) (died bool, err error) {
	old := step
	defer func() { step = old }()
	step = func(string) {
		if n--; n == 0 {
			panic(killed{})
		}
	}
	defer func() {
		if r := recover(); r != nil {
			if _, ours := r.(killed); !ours {
				panic(r)
			}
			died = true
		}
	}()
	return false, do()
}

// everyCrash runs do with a kill at each of its steps, each time in a store that prepare made.
func everyCrash(t *testing.T, prepare func(*Store), do func(*Store) error, after func(s *Store, at string)) {
	t.Helper()
	for n := 1; ; n++ {
		s := newStore(t)
		prepare(s)
		died, err := killAt(n, func() error { return do(s) })
		if err != nil {
			t.Fatal(err)
		}
		after(s, fmt.Sprintf("kill %d", n))
		if !died {
			if n < 3 {
				t.Fatal("there were no steps to die at")
			}
			return
		}
	}
}

func TestCreateSurvivesCrash(t *testing.T) {
	everyCrash(t, func(*Store) {},
		func(s *Store) error { _, err := s.Create(background, spec("vtl01", 3)); return err },
		func(s *Store, at string) {
			if _, err := s.Get("vtl01"); err == nil {
				return // the create was over
			} else if errcode.Of(err) != errcode.LibraryNotFound {
				t.Errorf("%s: %v", at, err)
			}
			create(t, s, spec("vtl01", 3))
			if tapes, err := s.Tapes("vtl01"); err != nil || len(tapes) != 3 || tapes[2].Problem != nil {
				t.Errorf("%s: %+v, %v", at, tapes, err)
			}
		})
}

// A create that was killed between two images, and one that is cancelled.
func TestUnfinishedLibraryIsReplaced(t *testing.T) {
	s := newStore(t)
	died, _ := killAt(2, func() error { _, err := s.Create(background, spec("vtl01", 3)); return err })
	dir := filepath.Join(s.DefaultBacking(), "vtl01")
	err := errors.Join(os.RemoveAll(filepath.Join(dir, "tapes", "V00001L8")), os.Remove(filepath.Join(dir, "tapes", "V00002L8", "meta.json")))
	if !died || err != nil {
		t.Fatal(died, err)
	}
	ctx, cancel := context.WithCancel(background)
	cancel()
	if _, err := s.Create(ctx, spec("vtl01", 3)); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	create(t, s, spec("vtl01", 3))
	later, cancelLater := context.WithCancel(background)
	defer cancelLater()
	step = func(string) { cancelLater() }
	defer func() { step = func(string) {} }()
	if _, err := s.Create(later, spec("vtl02", 3)); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(s.DefaultBacking(), "vtl02")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("left over after cancelling: %v", err)
	}
}

func TestDeleteSurvivesCrash(t *testing.T) {
	everyCrash(t,
		func(s *Store) { writeTape(t, create(t, s, spec("vtl01", 3)), "V00002L8") },
		func(s *Store) error { return s.Delete(background, "vtl01", true) },
		func(s *Store, at string) {
			if _, err := s.Get("vtl01"); err == nil {
				tapes, err := s.Tapes("vtl01")
				if err != nil || len(tapes) != 3 || !tapes[1].Written {
					t.Errorf("%s: half a library: %+v, %v", at, tapes, err)
				}
				return
			}
			create(t, s, spec("vtl01", 3))
			if tapes, err := s.Tapes("vtl01"); err != nil || len(tapes) != 3 || tapes[1].Written {
				t.Errorf("%s: the old library shows through: %+v, %v", at, tapes, err)
			}
		})
}

func TestAddTapeSurvivesCrash(t *testing.T) {
	everyCrash(t,
		func(s *Store) { create(t, s, spec("vtl01", 1)) },
		func(s *Store) error {
			if _, err := s.AddTape(background, "vtl01", TapeSpec{Barcode: "X00001L8"}); err != nil {
				return err
			}
			return s.RemoveTape(background, "vtl01", "X00001L8", true)
		},
		func(s *Store, at string) {
			_, err := s.AddTape(background, "vtl01", TapeSpec{Barcode: "X00001L8"})
			if err != nil && errcode.Of(err) != errcode.BarcodeExists {
				t.Errorf("%s: %v", at, err)
			}
			if info, err := s.Tape("vtl01", "X00001L8"); err != nil || info.Problem != nil {
				t.Errorf("%s: %+v, %v", at, info, err)
			}
		})
}

func TestRemoveTapeSurvivesCrash(t *testing.T) {
	everyCrash(t,
		func(s *Store) { writeTape(t, create(t, s, spec("vtl01", 2)), "V00002L8") },
		func(s *Store) error { return s.RemoveTape(background, "vtl01", "V00002L8", true) },
		func(s *Store, at string) {
			l, err := s.Get("vtl01")
			if err != nil {
				t.Fatal(err)
			}
			// The next change finishes what was begun.
			if _, err := s.AddTape(background, "vtl01", TapeSpec{Barcode: "X00001L8"}); err != nil {
				t.Errorf("%s: %v", at, err)
			}
			_, found := l.Find("V00002L8")
			if _, err := os.Stat(l.tapeDir("V00002L8")); found != (err == nil) || err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s: in the library: %v, image: %v", at, found, err)
			}
		})
}

// A move that a kill ends leaves the cartridge in exactly one place, and both drives usable.
func TestMoveSurvivesCrash(t *testing.T) {
	moves := [][2]Place{
		{{Slot, 1}, {InDrive, 0}}, {{InDrive, 0}, {InDrive, 1}}, {{InDrive, 1}, {Slot, 5}}, {{Slot, 5}, {MailSlot, 1}},
	}
	everyCrash(t,
		func(s *Store) { create(t, s, spec("vtl01", 2)) },
		func(s *Store) error {
			c := openChanger(t, s)
			for _, m := range moves {
				if err := moveMedium(c, m[0], m[1]); err != nil {
					return err
				}
			}
			return c.Close()
		},
		func(s *Store, at string) {
			for n := range 2 {
				d := openDrive(t, s, n)
				settle(t, d)
				closeDevice(t, d)
			}
			l, err := s.Get("vtl01")
			if err != nil {
				t.Fatal(err)
			}
			c, _ := l.Find("V00001L8")
			changer := openChanger(t, s)
			defer closeDevice(t, changer)
			if err := moveMedium(changer, c.At, Place{Slot, 9}); err != nil {
				t.Errorf("%s: move on from %s: %v", at, c.At, err)
			}
		})
}

// An exchange that a kill ends has moved both cartridges or none, and both drives are usable.
func TestExchangeSurvivesCrash(t *testing.T) {
	drive := [2]Place{{InDrive, 0}, {InDrive, 1}}
	everyCrash(t,
		func(s *Store) {
			create(t, s, spec("vtl01", 2))
			mustMove(t, s, Place{Slot, 1}, drive[0])
		},
		func(s *Store) error {
			c := openChanger(t, s)
			if err := exchangeMedium(c, Place{Slot, 2}, drive[0], Place{Slot, 2}); err != nil {
				return err
			}
			if err := exchangeMedium(c, Place{Slot, 2}, drive[0], drive[1]); err != nil {
				return err
			}
			return c.Close()
		},
		func(s *Store, when string) {
			got := [2]Place{at(t, s, "V00001L8"), at(t, s, "V00002L8")}
			want := map[[2]Place]bool{{drive[0], {Slot, 2}}: true, {{Slot, 2}, drive[0]}: true, {drive[0], drive[1]}: true}
			if !want[got] {
				t.Errorf("%s: the cartridges are at %s and %s", when, got[0], got[1])
			}
			for n := range 2 {
				d := openDrive(t, s, n)
				settle(t, d)
				err := ready(d)
				if full := got[0] == drive[n] || got[1] == drive[n]; full != (err == nil) {
					t.Errorf("%s: drive %d with a cartridge %v: %v", when, n, full, err)
				}
				closeDevice(t, d)
			}
		})
}

// A kill, or a full disk, can leave the mark of an unfinished create in a library that is finished: the next
// create, and the next delete, leave it alone.
func TestMarkOfAFinishedLibrary(t *testing.T) {
	s := newStore(t)
	l := create(t, s, spec("done", 3))
	if err := os.WriteFile(filepath.Join(l.dir(), markerName), nil, 0o640); err != nil {
		t.Fatal(err)
	}
	before := files(t, s)
	other := create(t, s, spec("other", 1))
	_, err := s.Create(background, spec("done", 3))
	wantCode(t, "Create again", err, errcode.LibraryExists)
	if err := s.Delete(background, other.Name, false); err != nil {
		t.Fatal(err)
	}
	after := files(t, s)
	for path := range before {
		if _, ok := after[path]; !ok {
			t.Errorf("%s is gone", path)
		}
	}
}
