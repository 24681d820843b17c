package image

import "testing"

// What a chain takes in memory must not grow with the tape.
func TestChainIsBounded(t *testing.T) {
	for name, c := range map[string]struct {
		n    int
		word func(i int) uint32
		most int
	}{
		"one archive":       {1 << 22, func(int) uint32 { return 256 << 10 }, 1},
		"filemarks":         {1 << 22, func(int) uint32 { return 0 }, 1},
		"every length":      {1 << 22, func(i int) uint32 { return uint32(1 + i%1000) }, 1 << 15},
		"alternating":       {1 << 22, func(i int) uint32 { return uint32(i % 2) }, 1 << 15},
		"short runs":        {1 << 22, func(i int) uint32 { return uint32(i / 63 % 3) }, 1 << 15},
		"runs just long":    {1 << 22, func(i int) uint32 { return uint32(1 + i/64%2) }, 1 << 16},
		"long and short":    {1 << 22, func(i int) uint32 { return uint32(1 + i/100*i%3) }, 1 << 16},
		"blocks of 256 KiB": {1 << 22, func(i int) uint32 { return uint32(256<<10 - i%1000) }, 1 << 17},
	} {
		var chain chain
		for i := range c.n {
			chain.add(chain.end, c.word(i))
		}
		if len(chain.segments) > c.most || chain.objects != int64(c.n) {
			t.Errorf("%s: %d segments for %d objects", name, len(chain.segments), chain.objects)
		}
		if err := chain.check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// 23 thousand million blocks of 512 bytes fill the largest tape when their lengths differ all the time.
// The bounds double with the number of segments, so what fits is a sum of powers of two.
func TestChainOfTheLargestTape(t *testing.T) {
	objects, segments := int64(0), 0
	for c := (chain{}); objects < 40_000_000_000_000/520; segments += levelSegments {
		c.segments = make([]segment, segments)
		objects += int64(levelSegments) * mixedObjects << c.level()
	}
	if bytes := segments * 32; bytes > 48<<20 || segments > indexMost {
		t.Errorf("%d segments of 32 bytes for %d objects", segments, objects)
	}
}
