package ssc

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"calypso/tape/scsi"
)

// text is a block that compresses well, noise one that does not.
func prose(n int) []byte { return bytes.Repeat([]byte("the quick brown fox "), n/20+1)[:n] }

func noise(n int) []byte {
	b := make([]byte, n)
	x := uint32(n) | 1
	for i := range b {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		b[i] = byte(x)
	}
	return b
}

func (r *rig) compression(on bool) {
	r.Helper()
	if got := r.senseOut("15 10 00 00 14 00", unhex(r, fmt.Sprintf("00000000 0f0e %02x 80 000000ff 000000ff 00000000", 0x40|onBit(on, 0x80)))); got != "good" {
		r.Fatalf("MODE SELECT, compression = %s", got)
	}
}

func (r *rig) write(block []byte) {
	r.Helper()
	if got := r.senseOut(fmt.Sprintf("0A 00 %06x 00", len(block)), block); got != "good" {
		r.Fatalf("WRITE(6) of %d bytes = %s", len(block), got)
	}
}

func (r *rig) read(n int) ([]byte, string) {
	r.Helper()
	data, err := r.exec(fmt.Sprintf("08 00 %06x 00", n), nil, n)
	return data, describe(r, err)
}

func (r *rig) locate(at int64) {
	r.Helper()
	r.want(fmt.Sprintf("2B 00 00 %08x 00 00 00", at), "good")
}

// What is stored of a block: as it is, unless it gets shorter or has to be secret.
func TestWhatIsStored(t *testing.T) {
	for _, tt := range []struct {
		name              string
		compress, encrypt bool
		block             []byte
		envelope, smaller bool
	}{
		{"off", false, false, prose(4096), false, false},
		{"compressed text", true, false, prose(4096), true, true},
		{"noise does not compress", true, false, noise(4096), false, false},
		{"a byte does not compress", true, false, []byte("x"), false, false},
		{"encrypted", false, true, prose(4096), true, false},
		{"compressed, then encrypted", true, true, prose(4096), true, true},
		{"noise, encrypted", true, true, noise(4096), true, false},
		{"longest block", true, true, noise(maxBlock), true, false},
		{"longest text", true, true, prose(maxBlock), true, true},
		{"a byte, encrypted", true, true, []byte("x"), true, false},
	} {
		r := newRig(t, newTape())
		r.compression(tt.compress)
		if tt.encrypt {
			r.setKey(keyA)
		}
		r.write(tt.block)
		o := r.m.objects[0]
		if o.envelope != tt.envelope || (len(o.data) < len(tt.block)) != tt.smaller {
			t.Errorf("%s: stored %d bytes of %d, envelope %v", tt.name, len(o.data), len(tt.block), o.envelope)
		}
		if tt.encrypt && len(tt.block) > 20 && bytes.Contains(o.data, tt.block[:20]) {
			t.Errorf("%s: the block is on the tape in clear", tt.name)
		}
		if !o.envelope && !bytes.Equal(o.data, tt.block) {
			t.Errorf("%s: the block is stored otherwise", tt.name)
		}
		want := Traffic{int64(len(tt.block)), int64(len(o.data)), int64(len(tt.block)), int64(len(o.data))}
		r.locate(0)
		if got, how := r.read(len(tt.block)); how != "good" || !bytes.Equal(got, tt.block) {
			t.Errorf("%s: read %d bytes, %s", tt.name, len(got), how)
		}
		if r.s.traffic != want {
			t.Errorf("%s: traffic %+v, want %+v", tt.name, r.s.traffic, want)
		}
	}
}

// Lengths are those of the host's block, whatever is stored.
func TestEnvelopeLengths(t *testing.T) {
	for _, block := range [][]byte{prose(300), noise(300)} {
		for _, encrypted := range []bool{true, false} {
			r := newRig(t, newTape())
			if encrypted {
				r.setKey(keyA)
			}
			r.write(block)
			r.locate(0)
			if got, how := r.read(400); how != "0/00/00 ILI info=100" || !bytes.Equal(got, block) {
				t.Errorf("read of 400 bytes: %d bytes, %s", len(got), how)
			}
			r.locate(0)
			if got, how := r.read(70); how != "0/00/00 ILI info=-230" || !bytes.Equal(got, block[:70]) {
				t.Errorf("read of 70 bytes: %d bytes, %s", len(got), how)
			}
			r.wantAt(1)
		}
	}
}

// What the drive says of a block that its parameters do not let it read, and that it stays before it.
func TestReadsThatEncryptionRefuses(t *testing.T) {
	r := newRig(t, newTape())
	r.write(prose(100)) // 0: compressed, in clear
	r.write([]byte("plain"))
	r.setKey(keyA)
	r.write(prose(100)) // 2: key A
	r.setRawKey()
	r.write([]byte("raw")) // 3: key B, raw reads allowed
	for _, tt := range []struct {
		name, head, key string
		want            [4]string
	}{
		{"off", "20 40 00 00 01 00 00", "", [4]string{"good", "good", "7/74/01", "7/74/01"}},
		{"public", "00 00 00 00 00 00 00", "", [4]string{"good", "good", "7/74/01", "7/74/01"}},
		{"encrypt only", "20 40 02 00 01 00 00", keyA, [4]string{"good", "good", "7/74/01", "7/74/01"}},
		{"decrypt A", "20 40 00 02 01 00 00", keyA, [4]string{"7/74/02", "7/74/02", "good", "7/74/03"}},
		{"decrypt B", "20 40 02 02 01 00 00", keyB, [4]string{"7/74/02", "7/74/02", "7/74/03", "good"}},
		{"mixed A", "20 40 02 03 01 00 00", keyA, [4]string{"good", "good", "good", "7/74/03"}},
		{"raw", "20 40 00 01 01 00 00", "", [4]string{"good", "good", "7/74/0a", "good"}},
		{"CEEM 10b", "20 80 02 02 01 00 00", keyA, [4]string{"7/74/02", "7/74/02", "good", "7/74/03"}},
		{"CEEM 11b", "20 c0 02 02 01 00 00", keyA, [4]string{"7/74/02", "7/74/02", "7/74/09", "7/74/03"}},
	} {
		if got := r.spout(setList(t, tt.head, tt.key)); got != "good" {
			t.Fatalf("%s: %s", tt.name, got)
		}
		for at, want := range tt.want {
			r.locate(int64(at))
			_, how := r.read(200)
			if strings.HasPrefix(how, "0/00/00 ILI") {
				how = "good"
			}
			how, _, _ = strings.Cut(how, " ")
			if how != want {
				t.Errorf("%s: block %d = %s, want %s", tt.name, at, how, want)
			}
			if want == "good" {
				at++
			}
			r.wantAt(int64(at))
		}
	}
	if got := r.spout(setList(t, "20 40 00 01 01 00 00", "")); got != "good" {
		t.Fatal(got)
	}
	r.locate(3)
	if got, _ := r.read(200); !bytes.Equal(got, r.m.objects[3].data) {
		t.Errorf("a raw read gives % x", got)
	}
}

// Fixed blocks: the refusal counts what is left, and what was read before is there.
func TestFixedReadStopsAtOtherKey(t *testing.T) {
	r := newRig(t, newTape())
	r.s.blockLength = 4
	r.setKey(keyA)
	r.want("0A 01 00 00 00 00", "good")
	if got := r.senseOut("0A 01 00 00 02 00", []byte("aaaabbbb")); got != "good" {
		t.Fatal(got)
	}
	r.setKey(keyB)
	if got := r.senseOut("0A 01 00 00 01 00", []byte("cccc")); got != "good" {
		t.Fatal(got)
	}
	r.setKey(keyA)
	r.locate(0)
	data, err := r.exec("08 01 00 00 03 00", nil, 12)
	if got := describe(t, err); got != "7/74/03 info=1" || string(data) != "aaaabbbb" {
		t.Errorf("READ(6) of 3 blocks = %q, %s", data, got)
	}
	r.wantAt(2)
}

// Whatever byte of an envelope is changed, there is a refusal or the data that was written, never other data. The
// medium of this test has no checksums, so that all of it comes to the cipher.
func TestTamperedEnvelopes(t *testing.T) {
	for name, block := range map[string][]byte{"compressed": prose(200), "not compressed": noise(100)} {
		r := newRig(t, newTape())
		r.setKey(keyA, "00 00 0004 756b6164", "01 00 0004 616b6164")
		r.write(block)
		stored := r.m.objects[0].data
		outcomes := map[string]int{}
		for at := range stored {
			for bit := range 8 {
				r.m.objects[0].data = bytes.Clone(stored)
				r.m.objects[0].data[at] ^= 1 << bit
				r.locate(0)
				got, how := r.read(len(block))
				unauthenticated := at >= cipherHeader+4 && at < cipherHeader+8
				if (how == "good") != unauthenticated || how == "good" && !bytes.Equal(got, block) {
					t.Fatalf("%s: bit %d of byte %d flipped: %s", name, bit, at, how)
				}
				if at >= cipherHeader && at < cipherHeader+4 && !strings.HasPrefix(how, "7/74/04") {
					t.Fatalf("%s: authenticated key-associated data changed: %s", name, how)
				}
				how, _, _ = strings.Cut(how, " ")
				outcomes[how]++
			}
		}
		for how := range outcomes {
			if !slices.Contains([]string{"good", "3/11/00", "7/74/01", "7/74/02", "7/74/03", "7/74/04"}, how) {
				t.Errorf("%s: %v", name, outcomes)
			}
		}
	}
}

// A block of one place in another is not what the host wrote there.
func TestSwappedEnvelopes(t *testing.T) {
	r := newRig(t, newTape())
	r.setKey(keyA)
	r.write([]byte("first"))
	r.write([]byte("other"))
	r.m.objects[0], r.m.objects[1] = r.m.objects[1], r.m.objects[0]
	r.locate(0)
	if got, how := r.read(5); how != "7/74/04 info=5" {
		t.Errorf("block 1 in the place of block 0 reads %q, %s", got, how)
	}
}

func TestForeignPrivateData(t *testing.T) {
	m := newTape()
	m.objects = []memoryObject{{envelope: true, data: []byte("what another program keeps on its tapes")}, {data: []byte("a")}}
	r := newRig(t, m)
	if _, how := r.read(5); how != "3/11/00 info=5" {
		t.Errorf("private data of others = %s", how)
	}
	r.wantAt(1)
}

// No nonce comes twice: not in a session, not in the next one with the same key.
func TestNoncesDiffer(t *testing.T) {
	r := newRig(t, newTape())
	for range 3 {
		r.setKey(keyA)
		for range 300 {
			r.write([]byte("the same"))
		}
	}
	seen := map[string]bool{}
	for _, o := range r.m.objects {
		e, err := decodeEnvelope(o.data)
		if err != nil {
			t.Fatal(err)
		}
		seen[string(e.nonce)] = true
	}
	if len(seen) != 900 {
		t.Errorf("%d nonces for 900 blocks", len(seen))
	}
	n := nonces{count: noncesOfPrefix - 1}
	var a, b [nonceLength]byte
	n.next(a[:])
	n.next(b[:])
	if n.count != 1 || a[0] == 0 && b[0] == 0 && a[1] == b[1] {
		t.Errorf("after 2^24 blocks: %x, then %x", a, b)
	}
}

// The paths that change blocks use their buffers again.
func TestCodecDoesNotAllocate(t *testing.T) {
	for _, block := range [][]byte{prose(64 << 10), noise(64 << 10)} {
		r := newRig(t, newTape())
		m := &envelopeHole{memoryTape: r.m}
		r.s.tape = m
		r.setKey(keyA)
		write := &scsi.Command{CDB: unhex(t, "0A 00 01 00 00 00"), DataOut: block}
		read := &scsi.Command{CDB: unhex(t, "08 00 01 00 00 00"), DataIn: make([]byte, len(block))}
		for _, cmd := range []*scsi.Command{write, read} {
			n := testing.AllocsPerRun(50, func() {
				r.s.position = 0
				if err := r.s.Exec(t.Context(), cmd); err != nil {
					t.Fatal(err)
				}
			})
			if n != 0 {
				t.Errorf("% x: %v allocations a block, want 0", cmd.CDB[:1], n)
			}
		}
	}
}

// envelopeHole keeps the last envelope.
type envelopeHole struct {
	*memoryTape
	last []byte
}

func (h *envelopeHole) Objects() int64   { return 1 }
func (h *envelopeHole) UsedBytes() int64 { return 0 }
func (h *envelopeHole) At(int64) (Object, error) {
	return Object{Envelope: true, Length: len(h.last)}, nil
}
func (h *envelopeHole) WriteEnvelope(_ int64, p []byte) error {
	h.last = append(h.last[:0], p...)
	return nil
}
func (h *envelopeHole) ReadBlock(_ int64, p []byte) (int, error) { return copy(p, h.last), nil }

// TestKeysAndCompressionMixed writes and reads blocks under parameters that change all the time; a model of one
// line a block says what may be read.
func TestKeysAndCompressionMixed(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := newRig(t, newTape())
		keys := map[string]string{"": "", "A": keyA, "B": keyB}
		type written struct {
			key   string
			block []byte
		}
		var tape []written
		key, decryption := "", 0
		rt.Repeat(map[string]func(*rapid.T){
			"compression": func(rt *rapid.T) { r.compression(rapid.Bool().Draw(rt, "on")) },
			"key": func(rt *rapid.T) {
				key = rapid.SampledFrom([]string{"", "A", "B"}).Draw(rt, "key")
				encryption := 0
				if decryption = 0; key != "" {
					encryption, decryption = 2, rapid.SampledFrom([]int{0, 2, 3}).Draw(rt, "decryption")
				}
				if got := r.spout(setList(t, fmt.Sprintf("20 40 %02x %02x 01 00 00", encryption, decryption), keys[key])); got != "good" {
					rt.Fatal(got)
				}
			},
			"write": func(rt *rapid.T) {
				n := rapid.IntRange(1, 2000).Draw(rt, "length")
				block := rapid.SampledFrom([]func(int) []byte{prose, noise}).Draw(rt, "kind")(n)
				at := rapid.IntRange(max(0, len(tape)-3), len(tape)).Draw(rt, "at")
				r.locate(int64(at))
				r.write(block)
				tape = append(tape[:at:at], written{key, block})
			},
			"read": func(rt *rapid.T) {
				if len(tape) == 0 {
					return
				}
				at := rapid.IntRange(0, len(tape)-1).Draw(rt, "at")
				w, want := tape[at], "good"
				switch {
				case w.key == "" && decryption == 2:
					want = fmt.Sprintf("7/74/02 info=%d", len(w.block))
				case w.key != "" && decryption == 0:
					want = fmt.Sprintf("7/74/01 info=%d", len(w.block))
				case w.key != "" && w.key != key:
					want = fmt.Sprintf("7/74/03 info=%d", len(w.block))
				}
				r.locate(int64(at))
				got, how := r.read(len(w.block))
				if how != want || how == "good" && !bytes.Equal(got, w.block) {
					rt.Fatalf("block %d, written with key %q, read with %q, mode %d = %s, want %s", at, w.key, key, decryption, how, want)
				}
			},
		})
	})
}

// FuzzEnvelope gives the drive anything for an envelope; the answer is data or a sense.
func FuzzEnvelope(f *testing.F) {
	seed := newRig(f, newTape())
	seed.setKey(keyA, "00 00 0002 7576", "01 00 0001 61")
	seed.write(prose(300))
	seed.write(noise(30))
	seed.setOff()
	seed.write(prose(300))
	for _, o := range seed.m.objects {
		f.Add(o.data)
	}
	f.Add([]byte(envelopeMagic))
	f.Fuzz(func(t *testing.T, data []byte) {
		if e, err := decodeEnvelope(data); err == nil {
			again := bytes.Clone(data)
			e.put(again[:e.headerLength()])
			if !bytes.Equal(again, data) {
				t.Fatal("the header does not encode to what it was decoded from")
			}
		}
		if len(data) == 0 {
			return
		}
		m := newTape()
		m.objects = []memoryObject{{envelope: true, data: data}}
		r := newRig(t, m)
		for _, head := range []string{"20 40 02 03 01 00 00", "20 40 00 01 01 00 00"} {
			if got := r.spout(setList(t, head, keyA)); got != "good" {
				t.Fatal(got)
			}
			for _, n := range []int{7, 300} {
				r.s.position = 0
				data, how := r.read(n)
				if how != "good" && len(data) > 0 && !strings.HasPrefix(how, "0/00/00 ILI") {
					t.Fatalf("%d bytes of data with %s", len(data), how)
				}
			}
			r.s.position = 0
			r.spin("00 21")
		}
	})
}
