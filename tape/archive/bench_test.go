package archive

import (
	"bytes"
	"context"
	"hash/crc32"
	"io"
	"testing"
)

// sinkTape takes blocks as a virtual drive does, a checksum and a copy of each, and keeps none. It
// gives back what it is told to.
type sinkTape struct {
	*fakeTape
	into   []byte
	table  *crc32.Table
	blocks int64
}

func (s *sinkTape) Write(ctx context.Context, p []byte) (bool, error) {
	s.blocks++
	if len(p) < len(s.into) {
		return s.fakeTape.Write(ctx, p)
	}
	crc32.Checksum(p, s.table)
	copy(s.into, p)
	return s.fakeTape.Write(ctx, p[:1])
}

// repeat gives the same bytes until n of them were read.
type repeat struct {
	data []byte
	left int64
}

func (r *repeat) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(int64(len(p)), r.left)], r.data)
	r.left -= int64(n)
	return n, nil
}

const benchBytes = 1 << 30

func BenchmarkWriteStream(b *testing.B) {
	data := randomBytes(1, 1<<20)
	for _, marks := range []Watermarks{{Off: true}, {}} {
		name := "watermarks"
		if marks.Off {
			name = "immediate"
		}
		b.Run(name, func(b *testing.B) {
			b.SetBytes(benchBytes)
			for b.Loop() {
				d := &sinkTape{fakeTape: labelledTape(b), into: make([]byte, DefaultBlockSize), table: crc32.MakeTable(crc32.Castagnoli)}
				o := writeOptions(b)
				o.BlockSize, o.BufferBytes, o.Watermarks = DefaultBlockSize, DefaultBufferBytes, marks
				src := Source{Name: "s", Kind: KindStream, Stream: &repeat{data, benchBytes}}
				if _, err := Write(context.Background(), d, src, o); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkReadStream(b *testing.B) {
	d := labelledTape(b)
	block := randomBytes(1, DefaultBlockSize)
	o := writeOptions(b)
	o.BlockSize = DefaultBlockSize
	res, err := Write(context.Background(), d, Source{Name: "s", Kind: KindStream, Stream: &repeat{block, benchBytes / 4}}, o)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(benchBytes / 4)
	for b.Loop() {
		out := bytes.NewBuffer(make([]byte, 0, DefaultBlockSize))
		if _, err := Read(context.Background(), d, &res.Manifest, 1, ReadOptions{Stdout: discardBlocks{out}}); err != nil {
			b.Fatal(err)
		}
	}
}

// discardBlocks copies every block once, as a pipe does.
type discardBlocks struct{ b *bytes.Buffer }

func (d discardBlocks) Write(p []byte) (int, error) {
	d.b.Reset()
	return d.b.Write(p)
}
