package pax

import (
	"context"
	"io"
	"os"
	"testing"
)

// BenchmarkEncode encodes the tree named by PAX_BENCH_TREE.
func BenchmarkEncode(b *testing.B) {
	tree := os.Getenv("PAX_BENCH_TREE")
	if tree == "" {
		tree = b.TempDir()
	}
	b.ReportAllocs()
	for b.Loop() {
		r, err := Encode(context.Background(), io.Discard, Selection{Roots: []string{tree}}, func(Member) error { return nil })
		if err != nil || len(r.Problems) > 0 {
			b.Fatal(err, r.Problems)
		}
		b.SetBytes(r.Bytes)
	}
}

// BenchmarkExtract restores the archive named by PAX_BENCH_ARCHIVE.
func BenchmarkExtract(b *testing.B) {
	archive := os.Getenv("PAX_BENCH_ARCHIVE")
	if archive == "" {
		b.Skip("PAX_BENCH_ARCHIVE names no archive")
	}
	for b.Loop() {
		f, err := os.Open(archive)
		must(b, err)
		r, err := Extract(context.Background(), f, b.TempDir(), ExtractOptions{})
		if err != nil || len(r.Problems) > 0 {
			b.Fatal(err, r.Problems)
		}
		b.SetBytes(r.Bytes)
		f.Close()
	}
}
