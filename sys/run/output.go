package run

import (
	"fmt"
	"io"
	"os"
	"sync/atomic"
)

// output keeps the head and the tail of what is written to it, in bounded memory: a tool that
// complains without end is understood from its first and its last words.
type output struct {
	whole bool // keep all
	head  []byte
	ring  []byte // the last keep bytes after the head; at is the oldest once it is full
	at    int
	lost  int64
}

func (o *output) Write(p []byte) (int, error) {
	n := len(p)
	room := len(p)
	if !o.whole {
		room = min(keep-len(o.head), room)
	}
	o.head = append(o.head, p[:room]...)
	o.tail(p[room:])
	return n, nil
}

func (o *output) tail(p []byte) {
	if extra := len(p) - keep; extra > 0 {
		o.lost += int64(extra)
		p = p[extra:]
	}
	room := min(keep-len(o.ring), len(p))
	o.ring = append(o.ring, p[:room]...)
	for p = p[room:]; len(p) > 0; {
		n := copy(o.ring[o.at:], p)
		o.at = (o.at + n) % keep
		o.lost += int64(n)
		p = p[n:]
	}
}

func (o *output) bytes() []byte {
	all := append([]byte{}, o.head...)
	if o.lost > 0 {
		all = fmt.Appendf(all, "\n[%d bytes left out]\n", o.lost)
	}
	return append(append(all, o.ring[o.at:]...), o.ring[:o.at]...)
}

// gate passes on what a tool writes until it is closed: from a tool that was left behind no more is taken.
// It is no mutex, as a write may be stuck.
type gate struct {
	to     io.Writer
	closed atomic.Bool
}

func (g *gate) Write(p []byte) (int, error) {
	if g.closed.Load() {
		return 0, os.ErrClosed
	}
	return g.to.Write(p)
}
