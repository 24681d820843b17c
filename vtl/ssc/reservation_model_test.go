package ssc

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"calypso/tape/scsi"
)

// access is who may do what with a logical unit, by the words of SPC-5.
type access struct {
	keys     map[string]uint64
	kind     byte
	holder   string
	legacy   string // who has it by RESERVE; "-": nobody
	count    uint32
	pending  map[string][]string // unit attentions
	hostList []string
}

func (m *access) holders() []string {
	switch {
	case m.kind >= 7:
		return slices.Collect(maps.Keys(m.keys))
	case m.kind > 0:
		return []string{m.holder}
	}
	return nil
}

func (m *access) isHolder(n string) bool { return slices.Contains(m.holders(), n) }

func (m *access) attention(asc, but string, hosts ...string) {
	for _, h := range hosts {
		if h != but && !slices.Contains(m.pending[h], asc) {
			m.pending[h] = append(m.pending[h], asc)
		}
	}
}

func (m *access) registrants() []string { return slices.Collect(maps.Keys(m.keys)) }

func (m *access) registration(n string, action byte, key, actionKey uint64) string {
	have := m.keys[n]
	switch {
	case action == register && key != have:
		return "conflict"
	case actionKey == 0 && have == 0:
		return "good"
	case actionKey != 0:
		m.keys[n] = actionKey
	default:
		holder := m.isHolder(n)
		delete(m.keys, n)
		if holder && (m.kind < 7 || len(m.keys) == 0) {
			if m.kind == 5 || m.kind == 6 {
				m.attention("2a04", n, m.registrants()...)
			}
			m.kind, m.holder = 0, ""
		}
	}
	m.count++
	return "good"
}

// out is PERSISTENT RESERVE OUT.
func (m *access) out(n string, action, scope, kind byte, key, actionKey uint64) string {
	if m.legacy != "-" {
		return "conflict"
	}
	if action == register || action == registerIgnoring {
		return m.registration(n, action, key, actionKey)
	}
	if m.keys[n] == 0 || m.keys[n] != key {
		return "conflict"
	}
	bad := ""
	if !slices.Contains([]byte{1, 3, 5, 6, 7, 8}, kind) {
		bad = "5/24/00 cdb[2].3"
	}
	if scope != 0 {
		bad = "5/24/00 cdb[2].7"
	}
	switch action {
	case reserve:
		return m.reserve(n, kind, bad)
	case release:
		return m.release(n, scope, kind)
	case clearAll:
		m.attention("2a03", n, m.registrants()...)
		clear(m.keys)
		m.kind, m.holder = 0, ""
		m.count++
		return "good"
	}
	return m.preempt(n, kind, actionKey, bad)
}

func (m *access) reserve(n string, kind byte, bad string) string {
	switch {
	case bad != "":
		return bad
	case m.kind == 0:
		m.kind, m.holder = kind, n
	case !m.isHolder(n) || m.kind != kind:
		return "conflict"
	}
	return "good"
}

func (m *access) release(n string, scope, kind byte) string {
	if !m.isHolder(n) {
		return "good"
	}
	if scope != 0 || kind != m.kind {
		return "5/26/04"
	}
	if kind >= 5 {
		m.attention("2a04", n, m.registrants()...)
	}
	m.kind, m.holder = 0, ""
	return "good"
}

func (m *access) preempt(n string, kind byte, actionKey uint64, bad string) string {
	var victims []string
	for h, k := range m.keys {
		if k == actionKey || actionKey == 0 {
			victims = append(victims, h)
		}
	}
	passes := m.kind >= 7 && actionKey == 0 || m.kind > 0 && m.kind < 7 && slices.Contains(victims, m.holder) && actionKey != 0
	switch {
	case actionKey == 0 && m.kind < 7:
		return "5/26/00 param[8]"
	case passes && bad != "":
		return bad
	case len(victims) == 0:
		return "conflict"
	}
	for _, h := range victims {
		if h != n || !passes {
			delete(m.keys, h)
		}
	}
	m.attention("2a05", n, victims...)
	if passes {
		if kind != m.kind {
			m.attention("2a04", n, m.registrants()...)
		}
		m.kind, m.holder = kind, n
	}
	if len(m.keys) == 0 {
		m.kind = 0
	}
	m.count++
	return "good"
}

// simple is RESERVE and RELEASE.
func (m *access) simple(n string, take bool) string {
	switch {
	case len(m.keys) > 0:
		if m.isHolder(n) || m.kind >= 5 && m.keys[n] != 0 {
			return "good"
		}
		return "conflict"
	case take && m.legacy != "-" && m.legacy != n:
		return "conflict"
	case take:
		m.legacy = n
	case m.legacy == n:
		m.legacy = "-"
	}
	return "good"
}

// lets says whether a command is let through that writes, or one that only reads.
func (m *access) lets(n string, writes bool) bool {
	if m.legacy != "-" {
		return m.legacy == n
	}
	if m.kind == 0 || m.isHolder(n) || m.kind >= 5 && m.keys[n] != 0 {
		return true
	}
	return !writes && slices.Contains([]byte{1, 5, 7}, m.kind)
}

// sharing is the drive and its model.
type sharing struct {
	*rapid.T
	t testing.TB
	r *rig
	m *access
}

func (s *sharing) send(n, cdb string, list []byte) string {
	_, got := host{s.t, s.r.s.Nexus(n)}.exec(cdb, list)
	return got
}

// settle compares the unit attentions of every host, which that clears.
func (s *sharing) settle() {
	for _, n := range s.m.hostList {
		for _, want := range append(s.m.pending[n], "0000") {
			got, _ := host{s.t, s.r.s.Nexus(n)}.exec("03 00 00 00 FF 00", nil)
			if code := fmt.Sprintf("%04x", binary.BigEndian.Uint16(got[12:])); code != want {
				s.Fatalf("host %q: unit attention %s, want %s of %v", n, code, want, s.m.pending[n])
			}
		}
		s.m.pending[n] = nil
	}
}

// compare holds what PERSISTENT RESERVE IN tells against the model.
func (s *sharing) compare() {
	s.settle()
	if s.m.legacy != "-" {
		return
	}
	data, _ := host{s.t, s.r.s.Nexus("")}.exec("5E 00 00 00 00 00 00 01 00 00", nil)
	if got := binary.BigEndian.Uint32(data); got != s.m.count {
		s.Fatalf("generation %d, want %d", got, s.m.count)
	}
	var keys, want []uint64
	for b := data[8:]; len(b) >= 8; b = b[8:] {
		keys = append(keys, binary.BigEndian.Uint64(b))
	}
	want = slices.Collect(maps.Values(s.m.keys))
	slices.Sort(keys)
	slices.Sort(want)
	if !slices.Equal(keys, want) {
		s.Fatalf("keys %x, want %x", keys, want)
	}
	data, _ = host{s.t, s.r.s.Nexus("")}.exec("5E 01 00 00 00 00 00 01 00 00", nil)
	switch {
	case s.m.kind == 0 && len(data) != 8, s.m.kind != 0 && (len(data) != 24 || data[21] != s.m.kind):
		s.Fatalf("reservation % x, want type %d", data, s.m.kind)
	case s.m.kind > 0 && s.m.kind < 7 && binary.BigEndian.Uint64(data[8:]) != s.m.keys[s.m.holder]:
		s.Fatalf("reservation % x, want that of %q with key %x", data, s.m.holder, s.m.keys[s.m.holder])
	}
}

func (s *sharing) host() string { return rapid.SampledFrom(s.m.hostList).Draw(s.T, "host") }

func (s *sharing) reserveOut(*rapid.T) { s.tryOut(rapid.ByteMax(registerIgnoring).Draw(s.T, "action")) }
func (s *sharing) register(*rapid.T)   { s.tryOut(register) }
func (s *sharing) reserve(*rapid.T)    { s.tryOut(reserve) }

func (s *sharing) tryOut(action byte) {
	n := s.host()
	kind := rapid.SampledFrom([]byte{1, 3, 5, 6, 7, 8, 1, 3, 5, 6, 7, 8, 0, 2, 9}).Draw(s.T, "type")
	scope := rapid.SampledFrom([]byte{0, 0, 0, 0, 1}).Draw(s.T, "scope")
	key, actionKey := rapid.Uint64Max(3).Draw(s.T, "key"), rapid.Uint64Max(3).Draw(s.T, "action key")
	if rapid.IntRange(0, 7).Draw(s.T, "knows its key") > 0 {
		key = s.m.keys[n]
	}
	list := make([]byte, 24)
	binary.BigEndian.PutUint64(list, key)
	binary.BigEndian.PutUint64(list[8:], actionKey)
	got := s.send(n, fmt.Sprintf("5F %02x %02x 00 00 00000018 00", action, scope<<4|kind), list)
	if want := s.m.out(n, action, scope, kind, key, actionKey); got != want {
		s.Fatalf("host %q: action %d = %s, want %s", n, action, got, want)
	}
}

func (s *sharing) reserve6(*rapid.T) {
	n := s.host()
	take := rapid.IntRange(0, 7).Draw(s.T, "take") == 0
	cdb := map[bool]string{true: "16 00 00 00 00 00", false: "57 00 00 00 00 00 00 00 00 00"}[take]
	if got, want := s.send(n, cdb, nil), s.m.simple(n, take); got != want {
		s.Fatalf("host %q: %s = %s, want %s", n, cdb, got, want)
	}
}

func (s *sharing) use(*rapid.T) {
	n := s.host()
	for cdb, writes := range map[string]bool{"10 00 00 00 00 00": true, "34 06 00 00 00 00 00 00 00 00": false} {
		if got, want := s.send(n, cdb, nil) != "conflict", s.m.lets(n, writes); got != want {
			s.Fatalf("host %q: %s is let through: %v, want %v", n, cdb, got, want)
		}
	}
}

// restart ends the process that plays the drive and starts another.
func (s *sharing) restart(*rapid.T) {
	text, err := json.Marshal(s.r.s.State())
	if err != nil {
		s.Fatal(err)
	}
	state := new(State)
	if err := json.Unmarshal(text, state); err != nil {
		s.Fatal(err)
	}
	if s.r.s, err = New(Config{Generation: "LTO-8", Serial: "X", State: state}, s.r.m); err != nil {
		s.Fatal(err)
	}
}

func (s *sharing) powerCycle(*rapid.T) {
	if rapid.IntRange(0, 9).Draw(s.T, "power fails") > 0 {
		return
	}
	s.r.s.PowerOn()
	clear(s.m.keys)
	s.m.kind, s.m.holder, s.m.legacy, s.m.count = 0, "", "-", 0
	for _, n := range s.m.hostList {
		s.m.pending[n] = []string{"2900"}
	}
}

// TestReservationsFollowTheModel: three hosts that reserve, register and preempt as they like.
func TestReservationsFollowTheModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &access{keys: map[string]uint64{}, legacy: "-", pending: map[string][]string{}, hostList: []string{"", "b", "iqn.c"}}
		s := &sharing{rt, t, newRig(t, tapeOf("5a|3")), m}
		m.pending["b"], m.pending["iqn.c"] = []string{"2900"}, []string{"2900"}
		s.settle()
		rt.Repeat(map[string]func(*rapid.T){
			"":            func(*rapid.T) { s.compare() },
			"reserve out": s.reserveOut,
			"register":    s.register,
			"reserve":     s.reserve,
			"reserve 6":   s.reserve6,
			"use":         s.use,
			"restart":     s.restart,
			"power cycle": s.powerCycle,
		})
	})
}

// FuzzReserveOut sends PERSISTENT RESERVE OUT with anything in it from a host that is registered and one
// that is not, after which the state must be one that New takes up unchanged.
func FuzzReserveOut(f *testing.F) {
	f.Add([]byte{0x5F, 1, 5, 0, 0, 0, 0, 0, 24, 0}, append([]byte{7: 1}, make([]byte, 16)...))
	f.Add([]byte{0x5F, 4, 1, 0, 0, 0, 0, 0, 24, 0}, append([]byte{7: 1, 15: 2}, make([]byte, 8)...))
	f.Add([]byte{0x5F, 6, 0, 0, 0, 0, 0, 0, 24, 0}, append([]byte{7: 1, 15: 0}, 0, 0, 0, 0, 1, 0, 0, 0))
	f.Fuzz(func(t *testing.T, cdb, list []byte) {
		r, a, b, _ := threeHosts(t)
		a.out(register, "00", "0", "1", "good")
		a.out(reserve, "07", "1", "0", "good")
		for _, s := range []scsi.Transport{a.via, b.via} {
			fuzzOne(t, s, cdb, list, 64)
		}
		state := r.s.State()
		again, err := New(Config{Generation: "LTO-8", Serial: "CAL0000001", State: &state}, r.m)
		if err != nil {
			t.Fatal(err)
		}
		before, _ := json.Marshal(state.Shared.Reservations)
		after, _ := json.Marshal(again.State().Shared.Reservations)
		if string(before) != string(after) {
			t.Errorf("reservations %s come back as %s", before, after)
		}
	})
}
