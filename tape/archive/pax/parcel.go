package pax

import "context"

// The walker and the encoder run side by side: the walker opens, reads ahead and fills parcels in
// archive order, the encoder empties them. The number of parcels bounds the memory.
const (
	parcels     = 4
	parcelBytes = 1 << 20
	parcelItems = 512
	chunkMin    = 64 << 10 // do not start a read into less room than this
)

// item is a member, or more data of the member before it.
type item struct {
	entry  entry
	starts bool   // entry is set
	data   []byte // file data, in the parcel's buffer
	zeros  int64  // after data: zeros in place of data that could not be read
}

type parcel struct {
	items []item
	buf   []byte
}

// belt carries parcels to the encoder and empty ones back.
type belt struct {
	ctx  context.Context // the run's: a walker that is ahead stops here
	full chan *parcel
	free chan *parcel
	cur  *parcel
}

func newBelt(ctx context.Context) *belt {
	b := &belt{ctx: ctx, full: make(chan *parcel, parcels), free: make(chan *parcel, parcels)}
	for range parcels {
		b.free <- &parcel{items: make([]item, 0, parcelItems), buf: make([]byte, 0, parcelBytes)}
	}
	return b
}

// start begins a member.
func (b *belt) start(e entry) error {
	if err := b.reserve(0); err != nil {
		return err
	}
	b.cur.items = append(b.cur.items, item{entry: e, starts: true})
	return nil
}

// room gives space for at least n bytes (n at most parcelBytes) of the current member's data.
func (b *belt) room(n int) ([]byte, error) {
	if err := b.reserve(n); err != nil {
		return nil, err
	}
	if len(b.cur.items) == 0 {
		b.cur.items = append(b.cur.items, item{})
	}
	return b.cur.buf[len(b.cur.buf):cap(b.cur.buf)], nil
}

// commit takes the first n bytes of the last room as data.
func (b *belt) commit(n int) {
	last := &b.cur.items[len(b.cur.items)-1]
	from := len(b.cur.buf) - len(last.data)
	b.cur.buf = b.cur.buf[:len(b.cur.buf)+n]
	last.data = b.cur.buf[from:]
}

// zeros ends the current member with n zero bytes.
func (b *belt) zeros(n int64) error {
	if _, err := b.room(0); err != nil {
		return err
	}
	b.cur.items[len(b.cur.items)-1].zeros += n
	return nil
}

// reserve makes the current parcel one with room for n bytes and one item.
func (b *belt) reserve(n int) error {
	if b.cur != nil && (cap(b.cur.buf)-len(b.cur.buf) < n || len(b.cur.items) == parcelItems) {
		if err := b.flush(); err != nil {
			return err
		}
	}
	if b.cur != nil {
		return nil
	}
	select {
	case b.cur = <-b.free:
		b.cur.items, b.cur.buf = b.cur.items[:0], b.cur.buf[:0]
		return b.ctx.Err()
	case <-b.ctx.Done():
		return b.ctx.Err()
	}
}

func (b *belt) flush() error {
	if b.cur == nil {
		return nil
	}
	select {
	case b.full <- b.cur:
		b.cur = nil
		return nil
	case <-b.ctx.Done():
		return b.ctx.Err()
	}
}
