package vtl

import "testing"

func thousand(name string) CreateSpec {
	return CreateSpec{Name: name, Drives: 8, Slots: 1000, IOSlots: 20, Media: "LTO-8", Tapes: -1}
}

// BenchmarkCreateThousand: a library of 1,000 slots is to be made in 2 s.
func BenchmarkCreateThousand(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		s := newStore(b)
		b.StartTimer()
		create(b, s, thousand("vtl01"))
	}
}

// BenchmarkObserveThousand: what `library show` does is to take 50 ms.
func BenchmarkObserveThousand(b *testing.B) {
	s := newStore(b)
	create(b, s, thousand("vtl01"))
	for b.Loop() {
		c, err := s.ObserveChanger(background, "vtl01")
		if err != nil {
			b.Fatal(err)
		}
		closeDevice(b, c)
	}
}

func BenchmarkTapesThousand(b *testing.B) {
	s := newStore(b)
	create(b, s, thousand("vtl01"))
	for b.Loop() {
		if _, err := s.Tapes("vtl01"); err != nil {
			b.Fatal(err)
		}
	}
}
