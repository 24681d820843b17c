package ssc

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const (
	publicScope = "00"
	localScope  = "20"
	allScope    = "40"
)

// set is a Set Data Encryption of this host.
func (h host) set(head, key string, kads ...string) string {
	h.Helper()
	list := setList(h, head, key, kads...)
	_, got := h.exec(fmt.Sprintf("B5 20 0010 00 00 %08x 00 00", len(list)), list)
	return got
}

func (h host) wantSet(outcome, head, key string, kads ...string) {
	h.Helper()
	if got := h.set(head, key, kads...); got != outcome {
		h.Errorf("Set Data Encryption %s = %s, want %s", head, got, outcome)
	}
}

// encryptionStatus is scope, modes and the one-letter key name of the status page.
func (h host) encryptionStatus() string {
	h.Helper()
	got, outcome := h.exec("A2 20 0020 00 00 00000200 00 00", nil)
	if outcome != "good" {
		return outcome
	}
	name := "-"
	if len(got) > 28 {
		name = string(got[28:29])
	}
	return fmt.Sprintf("%02x %d %d %s", got[4], got[5], got[6], name)
}

func (h host) wantStatus(want string) {
	h.Helper()
	if got := h.encryptionStatus(); got != want {
		h.Errorf("encryption status = %s, want %s", got, want)
	}
}

func (h host) write(text string) string {
	h.Helper()
	_, got := h.exec(fmt.Sprintf("0A 00 %06x 00", len(text)), []byte(text))
	return got
}

const (
	kadA = "00 00 0001 41" // the name A
	kadB = "00 00 0001 42"
	off  = "-"
)

// Who sets a key for all, for itself, and gives it up; what the others have and what they are told.
func TestEncryptionOfManyNexuses(t *testing.T) {
	_, a, b, c := threeHosts(t)
	a.wantSet("good", allScope+" 40 02 02 01 00 00", keyA, kadA)
	for _, h := range []host{b, c} {
		h.want(testReady, "6/2a/11")
		h.want(testReady, "good")
		h.wantStatus("02 2 2 A")
	}
	a.want(testReady, "good")
	a.wantStatus("42 2 2 A")

	b.wantSet("good", localScope+" 40 02 03 01 00 00", keyB, kadB)
	a.want(testReady, "good")
	c.want(testReady, "good")
	b.wantStatus("21 2 3 B")
	c.wantStatus("02 2 2 A")

	// Another takes over what is shared; who had it is public, and b goes its own way.
	c.wantSet("good", allScope+" 40 02 02 01 00 00", keyB, kadB)
	a.want(testReady, "6/2a/11")
	b.want(testReady, "good")
	a.wantStatus("02 2 2 B")
	b.wantStatus("21 2 3 B")

	b.wantSet("good", publicScope+" 00 00 00 00 00 00", "")
	a.want(testReady, "good")
	b.wantStatus("02 2 2 B")
	c.wantSet("good", publicScope+" 00 00 00 00 00 00", "")
	a.want(testReady, "6/2a/11")
	b.want(testReady, "6/2a/11")
	for _, h := range []host{a, b, c} {
		h.wantStatus("00 0 0 -")
	}
}

// Blocks are encrypted and decrypted with what the nexus has.
func TestBlocksOfManyNexuses(t *testing.T) {
	r, a, b, c := threeHosts(t)
	a.wantSet("good", localScope+" 40 02 03 01 00 00", keyA)
	b.wantSet("good", localScope+" 40 02 03 01 00 00", keyB)
	for i, h := range []host{a, b, c} {
		if got := h.write(string(rune('x' + i))); got != "good" {
			t.Fatal(got)
		}
	}
	for i, want := range []struct{ a, b, c string }{
		{"good", "7/74/03 info=1", "7/74/01 info=1"}, {"7/74/03 info=1", "good", "7/74/01 info=1"}, {"good", "good", "good"},
	} {
		for _, h := range []struct {
			host
			want string
		}{{a, want.a}, {b, want.b}, {c, want.c}} {
			r.s.position = int64(i)
			h.host.want("08 00 00 00 01 00", h.want)
		}
	}
	if got := len(r.s.Keys()); got != 2 {
		t.Errorf("%d keys to keep, want 2", got)
	}
}

// LOCK holds a nexus to the parameters it had, also when they are another's.
func TestLockToSharedParameters(t *testing.T) {
	_, a, b, _ := threeHosts(t)
	a.wantSet("good", allScope+" 40 02 02 01 00 00", keyA)
	b.want(testReady, "6/2a/11")
	b.wantSet("good", "01 00 00 00 00 00 00", "")
	if got := b.write("x"); got != "good" {
		t.Error(got)
	}
	a.wantSet("good", allScope+" 40 02 02 01 00 00", keyA)
	b.want(testReady, "6/2a/11")
	if got := b.write("x"); got != "7/2a/13" {
		t.Errorf("WRITE(6) of the locked nexus = %s, want 7/2a/13", got)
	}
	if got := a.write("x"); got != "good" {
		t.Error(got)
	}
}

// CKOD clears what has it, of whomever it is.
func TestDemountOfManyNexuses(t *testing.T) {
	r, a, b, _ := threeHosts(t)
	a.wantSet("good", localScope+" 44 02 02 01 00 00", keyA, kadA)
	b.wantSet("good", localScope+" 40 02 02 01 00 00", keyB, kadB)
	a.want("1B 00 00 00 00 00", "good")
	a.wantStatus("00 0 0 -")
	b.wantStatus("21 2 2 B")
	r.s.PowerOn()
	a.want(testReady, "6/29/00")
	b.want(testReady, "6/29/00")
	b.wantStatus("00 0 0 -")
	if len(r.s.Keys()) != 0 {
		t.Error("a power cycle left keys")
	}
}

// The next process has the keys of all nexuses; an impossible state gives none.
func TestNexusesAndState(t *testing.T) {
	r, a, b, c := threeHosts(t)
	a.wantSet("good", allScope+" 40 02 02 01 00 00", keyA, kadA)
	b.want(testReady, "6/2a/11")
	b.wantSet("good", localScope+" 40 02 02 01 00 00", keyB, kadB)
	c.want(testReady, "6/2a/11")
	state, keys := r.s.State(), r.s.Keys()
	next := func(keys []Secret) (*rig, host, host, host) {
		s, err := New(Config{Generation: "LTO-8", Serial: "X", State: &state, Keys: keys}, r.m)
		if err != nil {
			t.Fatal(err)
		}
		n := &rig{t, s, r.m}
		return n, n.host("iqn.2026-01.org.example:a"), n.host("b"), n.host("")
	}
	again, a, b, c := next(keys)
	a.wantStatus("42 2 2 A")
	b.wantStatus("21 2 2 B")
	c.wantStatus("02 2 2 A")
	if got := c.write("x"); got != "good" || len(again.s.Keys()) != 2 {
		t.Errorf("%s with %d keys", got, len(again.s.Keys()))
	}
	for key, want := range map[string][3]string{
		keyA: {"42 2 2 A", "02 2 2 A", "02 2 2 A"},
		keyB: {"00 0 0 -", "21 2 2 B", "00 0 0 -"},
	} {
		_, a, b, c = next([]Secret{Secret(unhex(t, key))})
		for i, h := range []host{a, b, c} {
			h.want(testReady, "6/2a/12")
			h.wantStatus(want[i])
		}
	}
	other := state.Nexuses["iqn.2026-01.org.example:a"]
	state.Nexuses["b"] = other // two that share
	again, _, b, _ = next(keys)
	b.wantStatus("00 0 0 -")
	if len(again.s.Keys()) != 0 {
		t.Error("an impossible state gave the drive keys")
	}
}

// CKORL and CKORP need a reservation, and clear the key when it ends or another host takes it.
func TestKeysEndWithReservations(t *testing.T) {
	const mayWrite = "05" // write exclusive, registrants only
	for _, tt := range []struct {
		name    string
		bits    string
		event   func(a, b host)
		cleared bool
	}{
		{"CKORL, released", "41", func(a, _ host) { a.out(release, mayWrite, "a", "0", "good") }, true},
		{"CKORP, released", "42", func(a, _ host) { a.out(release, mayWrite, "a", "0", "good") }, false},
		{"CKORL, unregistered", "41", func(a, _ host) { a.out(register, "00", "a", "0", "good") }, true},
		{"CKORL, cleared by another", "41", func(_, b host) { b.out(clearAll, "00", "b", "0", "good") }, true},
		{"CKORP, cleared by another", "42", func(_, b host) { b.out(clearAll, "00", "b", "0", "good") }, false},
		{"CKORP, preempted", "42", func(_, b host) { b.out(preempt, mayWrite, "b", "a", "good") }, true},
		{"CKORP, preempted and aborted", "42", func(_, b host) { b.out(preemptAbort, mayWrite, "b", "a", "good") }, true},
		{"CKORL, preempted", "41", func(_, b host) { b.out(preempt, mayWrite, "b", "a", "good") }, false},
		{"both, reserved again", "43", func(a, _ host) { a.out(reserve, mayWrite, "a", "0", "good") }, false},
		{"neither", "40", func(a, _ host) { a.out(release, mayWrite, "a", "0", "good") }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, a, b, _ := threeHosts(t)
			a.wantSet("5/26/00 param[5].1", localScope+" 42 02 02 01 00 00", keyA)
			a.out(register, "00", "0", "a", "good")
			b.out(register, "00", "0", "b", "good")
			a.wantSet("5/26/00 param[5].0", localScope+" 41 02 02 01 00 00", keyA)
			a.out(reserve, mayWrite, "a", "0", "good")
			a.wantSet("good", localScope+" "+tt.bits+" 02 02 01 00 00", keyA)
			b.wantSet("good", localScope+" 40 02 02 01 00 00", keyB)
			tt.event(a, b)
			if cleared := len(r.s.Keys()) == 1; cleared != tt.cleared {
				t.Errorf("key cleared = %v, want %v", cleared, tt.cleared)
			}
			if told, byOther := a.attentions()["6/2a/11"], strings.Contains(tt.name, "pree") || strings.Contains(tt.name, "another"); told != (tt.cleared && byOther) {
				t.Errorf("told that another changed the parameters: %v", told)
			}
		})
	}
}

// attentions are all that are pending.
func (h host) attentions() map[string]bool {
	h.Helper()
	pending := make(map[string]bool)
	for {
		_, got := h.exec(testReady, nil)
		if !strings.HasPrefix(got, "6/") {
			return pending
		}
		pending[got] = true
	}
}

// RESERVE and RELEASE are reservations too.
func TestKeysEndWithRelease(t *testing.T) {
	r, a, _, _ := threeHosts(t)
	a.want("16 00 00 00 00 00", "good")
	a.wantSet("good", allScope+" 43 02 02 01 00 00", keyA)
	a.want("17 00 00 00 00 00", "good")
	if len(r.s.Keys()) != 0 {
		t.Error("the key outlived the reservation")
	}
}

// encryptionModel is three nexuses: the scope and key of each.
type encryptionModel struct {
	scope [3]string
	key   [3]string
}

func (m *encryptionModel) sharer() int {
	for i, s := range m.scope {
		if s == allScope {
			return i
		}
	}
	return -1
}

func (m *encryptionModel) set(n int, scope, key string) (told [3]bool) {
	was := m.sharer()
	if scope == allScope && was >= 0 {
		m.scope[was], m.key[was] = publicScope, off
	}
	m.scope[n], m.key[n] = scope, key
	for i := range told {
		told[i] = i != n && m.scope[i] == publicScope && (scope == allScope || was == n)
	}
	return told
}

func (m *encryptionModel) status(n int) string {
	keyScope, key := m.scope[n], m.key[n]
	if s := m.sharer(); m.scope[n] == publicScope && s >= 0 {
		keyScope, key = allScope, m.key[s]
	}
	modes := "0 0"
	if key != off {
		modes = "2 2"
	}
	return fmt.Sprintf("%c%c %s %s", m.scope[n][0], '0'+(keyScope[0]-'0')/2, modes, key)
}

func TestEncryptionFollowsTheModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		_, a, b, c := threeHosts(t)
		hosts := [3]host{a, b, c}
		m := encryptionModel{scope: [3]string{publicScope, publicScope, publicScope}, key: [3]string{off, off, off}}
		rt.Repeat(map[string]func(*rapid.T){
			"set": func(rt *rapid.T) {
				n := rapid.IntRange(0, 2).Draw(rt, "nexus")
				scope := rapid.SampledFrom([]string{publicScope, localScope, allScope}).Draw(rt, "scope")
				key := rapid.SampledFrom([]string{off, "A", "B"}).Draw(rt, "key")
				head, kads := scope+" 40 02 02 01 00 00", []string{kadA}
				switch {
				case scope == publicScope || key == off:
					key, head, kads = off, scope+" 40 00 00 01 00 00", nil
				case key == "B":
					kads = []string{kadB}
				}
				if got := hosts[n].set(head, map[string]string{off: "", "A": keyA, "B": keyB}[key], kads...); got != "good" {
					rt.Fatal(got)
				}
				for i, told := range m.set(n, scope, key) {
					want := map[bool]string{false: "good", true: "6/2a/11"}[told]
					if _, got := hosts[i].exec(testReady, nil); got != want {
						rt.Fatalf("nexus %d is told %s, want %s", i, got, want)
					}
				}
			},
			"": func(rt *rapid.T) {
				for i, h := range hosts {
					if got, want := h.encryptionStatus(), m.status(i); got != want {
						rt.Fatalf("nexus %d has %s, want %s", i, got, want)
					}
				}
			},
		})
	})
}
