package smc

import (
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"calypso/vtl/spc"
)

func TestDoor(t *testing.T) {
	r := newRig(t, smallLibrary(t))
	r.want("1B 00 0065 00 00", "good")
	r.want("1B 00 0066 00 00", "good") // one door for all
	if !r.s.DoorOpen() {
		t.Fatal("the door is not open")
	}
	// ACCESS is zero for the mail slots, and for them alone.
	r.get("B8 03 0000 FFFF 00 00FFFF 00 00", "0065 0002 00 000028"+"03 00 0010 00 000020"+
		"0065 30 00 0000 000000 00 0000 00000000"+"0066 33 00 0000 000000 02 0000 00000000")
	r.get("B8 02 03E9 0001 00 00FFFF 00 00", "03e9 0001 00 000018"+"02 00 0010 00 000010"+
		"03e9 09 00 0000 000000 01 0000 00000000")
	r.want("A5 00 0000 0066 03EB 0000 00 00", "5/3b/11 cdb[4]")
	r.want("A5 00 0000 03E9 0065 0000 00 00", "5/3b/11 cdb[6]")
	r.want("A6 00 0000 03E9 0066 03EB 00 00", "5/3b/11 cdb[6]")
	r.want("2B 00 0000 0065 0000 00 00", "5/3b/11 cdb[4]")
	r.want("A5 00 0000 03E9 03EB 0000 00 00", "good")
	if err := r.s.Take(102); err != nil {
		t.Errorf("take through the open door: %v", err)
	}
	r.want("00 00 00 00 00 00", "good") // told when the door is closed
	r.want("1B 00 0065 01 00", "good")
	r.want("00 00 00 00 00 00", "6/28/01")
	r.want("1B 00 0065 01 00", "good") // it is closed already: nothing was accessed
	r.want("A5 00 0000 03EB 0065 0000 00 00", "good")
	r.want("1B 00 0065 02 00", "5/24/00 cdb[4].4")
	r.want("1B 00 03E9 00 00", "5/21/01 cdb[2]")
	r.want("1B 00 0067 00 00", "5/21/01 cdb[2]")
}

func TestDoorIsPrevented(t *testing.T) {
	r := newRig(t, smallLibrary(t))
	r.want("1E 00 00 00 01 00", "good")
	r.want("1B 00 0065 00 00", "5/53/02")
	if err := r.s.OpenDoor(); !errors.Is(err, spc.ErrRemovalPrevented) {
		t.Errorf("open = %v, want removal prevented", err)
	}
	r.want("1E 00 00 00 00 00", "good")
	r.want("1B 00 0065 00 00", "good")
	r.want("1E 00 00 00 01 00", "good") // too late for the door that is open
	if err := r.s.Take(102); err != nil {
		t.Errorf("take through the open door: %v", err)
	}
	r.want("1B 00 0065 00 00", "good")
	r.s.CloseDoor()
	r.want("00 00 00 00 00 00", "6/28/01")
	r.want("1B 00 0065 00 00", "5/53/02")
}

// A door does not close itself when the power fails or the process that plays the changer is killed.
func TestDoorSurvives(t *testing.T) {
	r := newRig(t, smallLibrary(t))
	r.want("1B 00 0065 00 00", "good")
	r.s.Raise(5)
	state := r.s.State()
	for _, dirty := range []bool{false, true} {
		state.Dirty = dirty
		s, err := New(Config{State: &state}, r.s.Inventory(), r.h)
		if err != nil {
			t.Fatal(err)
		}
		if !s.DoorOpen() {
			t.Errorf("dirty %v: the door closed itself", dirty)
		}
		if raised := s.State().Alerts != 0; raised == dirty {
			t.Errorf("dirty %v: alerts %016x", dirty, s.State().Alerts)
		}
	}
	r.s.PowerOn()
	if !r.s.DoorOpen() {
		t.Error("a power cycle closed the door")
	}
}

// model is what TestChangerModel believes of a changer.
type model struct {
	where         map[uint16]string
	exists        map[uint16]bool
	door, prevent bool
	attention     bool
}

func (m *model) reach(address uint16) bool { return !(m.door && address >= 101 && address < 501) }

func (m *model) exchange(src, first, second uint16) string {
	full := func(a uint16) bool { return m.where[a] != "" }
	for i, a := range []uint16{src, first, second} {
		if !m.exists[a] {
			return fmt.Sprintf("5/21/01 cdb[%d]", 4+2*i)
		}
	}
	switch {
	case src == first:
		return "5/21/01 cdb[6]"
	case !full(src):
		return "5/3b/0e cdb[4]"
	case !full(first):
		return "5/3b/0e cdb[6]"
	case second == first, second != src && full(second):
		return "5/3b/0d cdb[8]"
	}
	for i, a := range []uint16{src, first, second} {
		if !m.reach(a) {
			return fmt.Sprintf("5/3b/11 cdb[%d]", 4+2*i)
		}
	}
	coming, going := m.where[src], m.where[first]
	delete(m.where, src)
	m.where[first], m.where[second] = coming, going
	return "good"
}

func (m *model) move(src, dst uint16) string {
	if m.exists[src] && m.exists[dst] && m.where[src] != "" && src != dst && m.where[dst] == "" {
		for i, a := range []uint16{src, dst} {
			if !m.reach(a) {
				return fmt.Sprintf("5/3b/11 cdb[%d]", 4+2*i)
			}
		}
	}
	return expectMove(m.where, m.exists, src, dst)
}

// TestChangerModel compares random moves, exchanges, doors, locks and hands with a map of what is where.
func TestChangerModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		inv, err := NewInventory(make([]spc.Identity, 2), 3, 2)
		if err != nil {
			rt.Fatal(err)
		}
		places := []uint16{101, 102, 501, 502, 1001, 1002, 1003, 1, 999}
		m := &model{where: map[uint16]string{}, exists: map[uint16]bool{}}
		for i := range inv.Elements {
			e := &inv.Elements[i]
			m.exists[e.Address] = e.Type != Transport
			if e.Type != Transport && rapid.IntRange(0, 2).Draw(rt, "full") > 0 {
				e.Full, e.Barcode = true, fmt.Sprintf("V%05dL8", e.Address)
				m.where[e.Address] = e.Barcode
			}
		}
		r := newRig(t, inv)
		place := func(rt *rapid.T, what string) uint16 { return rapid.SampledFrom(places).Draw(rt, what) }
		send := func(rt *rapid.T, cdb, want string) {
			if m.attention {
				m.attention = false
				want = "6/28/01"
			}
			_, err := r.exec(cdb, 0)
			if got := describe(t, err); got != want {
				rt.Fatalf("%s = %s, want %s", cdb, got, want)
			}
		}
		settle := func(rt *rapid.T) {
			if m.attention {
				send(rt, "00 00 00 00 00 00", "good")
			}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"": func(rt *rapid.T) {
				compareInventory(rt, r.s.Inventory(), m.where)
				if r.s.DoorOpen() != m.door {
					rt.Fatalf("door open = %v, want %v", r.s.DoorOpen(), m.door)
				}
			},
			"move": func(rt *rapid.T) {
				settle(rt)
				src, dst := place(rt, "from"), place(rt, "to")
				send(rt, fmt.Sprintf("A5 00 0000 %04x %04x 0000 00 00", src, dst), m.move(src, dst))
			},
			"exchange": func(rt *rapid.T) {
				settle(rt)
				src, first, second := place(rt, "from"), place(rt, "first"), place(rt, "second")
				send(rt, fmt.Sprintf("A6 00 0000 %04x %04x %04x 00 00", src, first, second), m.exchange(src, first, second))
			},
			"prevent": func(rt *rapid.T) {
				settle(rt)
				m.prevent = rapid.Bool().Draw(rt, "prevent")
				send(rt, map[bool]string{true: "1E 00 00 00 01 00", false: "1E 00 00 00 00 00"}[m.prevent], "good")
			},
			"open": func(rt *rapid.T) {
				settle(rt)
				want := "good"
				if m.prevent && !m.door {
					want = "5/53/02"
				}
				m.door = m.door || want == "good"
				send(rt, "1B 00 0065 00 00", want)
			},
			"close": func(rt *rapid.T) {
				m.attention = m.attention || m.door
				m.door = false
				r.s.CloseDoor()
			},
			"take": func(rt *rapid.T) {
				a := place(rt, "of")
				may := (a == 101 || a == 102) && (!m.prevent || m.door) && m.where[a] != ""
				if err := r.s.Take(a); (err == nil) != may {
					rt.Fatalf("take from %d = %v, want %v", a, err, may)
				}
				if may {
					delete(m.where, a)
					m.attention = m.attention || !m.door
				}
			},
		})
	})
}
