package image

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

func benchTape(b *testing.B) only { return open(b, create(b, 0), false) }

var benchSizes = []int{512, 64 << 10, 256 << 10, 1 << 20}

func BenchmarkWrite(b *testing.B) {
	for _, n := range benchSizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			tape, p := benchTape(b), make([]byte, n)
			_, _ = rand.Read(p)
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				// 2 GiB of tape, over and over.
				if tape.UsedBytes() > 2<<30 {
					b.StopTimer()
					if err := tape.Truncate(0); err != nil {
						b.Fatal(err)
					}
					b.StartTimer()
				}
				if err := tape.WriteBlock(tape.Objects(), p); err != nil {
					b.Fatal(err)
				}
			}
			closeTape(b, tape)
		})
	}
}

func BenchmarkRead(b *testing.B) {
	for _, n := range benchSizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			tape, p := benchTape(b), make([]byte, n)
			_, _ = rand.Read(p)
			for range 1 << 30 / n / 4 {
				if err := tape.WriteBlock(tape.Objects(), p); err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(int64(n))
			b.ReportAllocs()
			lba := int64(0)
			for b.Loop() {
				if _, err := tape.ReadBlock(lba%tape.Objects(), p); err != nil {
					b.Fatal(err)
				}
				lba++
			}
			closeTape(b, tape)
		})
	}
}

// BenchmarkOpenFile opens a tape of 10,000 filemarks and reads the first block of one file: the time
// must not depend on which.
func BenchmarkOpenFile(b *testing.B) {
	tape, p := benchTape(b), make([]byte, 64<<10)
	for file := range 10_000 {
		for range 1 + file%7 {
			put(b, tape, p[:1+(file*7919)%len(p)])
		}
		put(b, tape, nil)
	}
	closeTape(b, tape)
	for _, file := range []int64{1, 5_000, 9_999} {
		b.Run(fmt.Sprint(file), func(b *testing.B) {
			for b.Loop() {
				again := open(b, tape.Tape.dir, true)
				mark, ok := again.FilemarkAddress(file - 1)
				if !ok {
					b.Fatal("no such file")
				}
				if _, err := again.ReadBlock(mark+1, p); err != nil {
					b.Fatal(err)
				}
				closeTape(b, again)
			}
		})
	}
}

func BenchmarkRebuild(b *testing.B) {
	for _, n := range []int{512, 256 << 10} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			tape, p := benchTape(b), make([]byte, n)
			for range 1 << 30 / n {
				put(b, tape, p)
			}
			closeTape(b, tape)
			b.SetBytes(1 << 30)
			for b.Loop() {
				if err := os.Remove(tape.file(indexName)); err != nil {
					b.Fatal(err)
				}
				closeTape(b, open(b, tape.Tape.dir, false))
			}
		})
	}
}

func BenchmarkCreate1000(b *testing.B) {
	for b.Loop() {
		root := b.TempDir()
		for i := range 1000 {
			code := fmt.Sprintf("V%05dL8", i)
			if err := Create(filepath.Join(root, code), Spec{Barcode: code, Generation: "LTO-8"}); err != nil {
				b.Fatal(err)
			}
		}
	}
}
