package ssc

import "testing"

func TestAlertOrder(t *testing.T) {
	s := new(Server)
	s.raise(1)
	s.raise(64)
	s.raise(20)
	if want := alerts(0x8000100000000001); s.alerts != want {
		t.Errorf("flags 1, 20 and 64: %016x, want %016x", s.alerts, want)
	}
	s.lower(20)
	if want := alerts(0x8000000000000001); s.alerts != want {
		t.Errorf("flags 1 and 64: %016x, want %016x", s.alerts, want)
	}
}
