package archive

import (
	"bytes"
	"context"
	"io"
	"testing"
	"time"

	"calypso/sys/errcode"
)

// TestWriteEarlyWarning runs into early warning at every block of an archive whose source goes on.
func TestWriteEarlyWarning(t *testing.T) {
	first := randomBytes(1, 10_000)
	for blocks := int64(1); blocks <= 5; blocks++ {
		d := labelledTape(t)
		mustWrite(t, d, streamSource("first", first))
		d.warnAfter = d.used + blocks*(4096+64) - 1
		d.capacity = d.warnAfter + 100_000
		data := randomBytes(2, 8<<20)
		res, err := Write(context.Background(), d, streamSource("second", data), writeOptions(t))
		wantCode(t, err, errcode.TapeFull)
		m := res.Manifest
		if m.Complete || m.Reason != ReasonEndOfMedium || m.Blocks != blocks || m.SHA256 != hexSum(data[:blocks*4096]) || !res.EarlyWarning {
			t.Errorf("manifest %+v", m)
		}
		if got := mustRead(t, d, 1); !bytes.Equal(got, first) {
			t.Error("the archive before was harmed")
		}
		readIncomplete(t, d, 3, data[:blocks*4096])
	}
}

// readIncomplete reads an archive that was cut off: its data come, and the error says so.
func readIncomplete(t *testing.T, d Tape, file int64, want []byte) {
	t.Helper()
	var out bytes.Buffer
	res, err := Read(context.Background(), d, nil, file, ReadOptions{Stdout: &out, BufferBytes: 1 << 20, MemberSpool: t.TempDir()})
	wantCode(t, err, errcode.ArchiveIncomplete)
	if !bytes.Equal(out.Bytes(), want) {
		t.Errorf("read %d bytes, want the %d that were written", out.Len(), len(want))
	}
	if !res.Verified {
		t.Error("what is there was not verified")
	}
}

// TestWriteEarlyWarningAtTheEnd: the source has ended, so the archive is finished.
func TestWriteEarlyWarningAtTheEnd(t *testing.T) {
	d := labelledTape(t)
	data := randomBytes(2, 100_000)
	d.warnAfter = d.used + 90_000
	o := writeOptions(t)
	o.Watermarks = Watermarks{} // the drive starts when the source has ended
	res, err := Write(context.Background(), d, streamSource("s", data), o)
	if err != nil || !res.Manifest.Complete || !res.EarlyWarning {
		t.Fatalf("%+v, %v", res, err)
	}
	if got := mustRead(t, d, 1); !bytes.Equal(got, data) {
		t.Error("read other bytes")
	}
}

// TestWriteNoRoomToClose: the medium ends at every object while the archive is written and closed.
func TestWriteNoRoomToClose(t *testing.T) {
	first := randomBytes(1, 10_000)
	data := randomBytes(2, 5*4096)
	for room := int64(0); ; room += 1000 {
		d := labelledTape(t)
		mustWrite(t, d, streamSource("first", first))
		d.warnAfter, d.capacity = 0, d.used+room
		res, err := Write(context.Background(), d, streamSource("second", data), writeOptions(t))
		if err == nil {
			if room == 0 {
				t.Fatal("a full tape was written")
			}
			break
		}
		wantCode(t, err, errcode.TapeFull)
		if res != nil && res.Manifest.Complete {
			t.Errorf("room %d: complete with error %v", room, err)
		}
		if got := mustRead(t, d, 1); !bytes.Equal(got, first) {
			t.Fatal("the archive before was harmed")
		}
	}
}

// TestWriteEarlyWarningOnTheLastBlock: nothing is left, so nothing is cut off, however late the
// source says so.
func TestWriteEarlyWarningOnTheLastBlock(t *testing.T) {
	for _, size := range []int{16 * 4096, 16*4096 - 1} {
		d := labelledTape(t)
		data := randomBytes(2, size)
		d.warnAfter = d.used + 16*(4096+64) - 2
		src := Source{Name: "s", Kind: KindStream, Stream: io.MultiReader(bytes.NewReader(data), &late{})}
		res, err := Write(context.Background(), d, src, writeOptions(t))
		if err != nil || !res.Manifest.Complete || !res.EarlyWarning {
			t.Fatalf("%+v, %v", res, err)
		}
	}
}

// late takes its time to say that there is no more.
type late struct{}

func (*late) Read([]byte) (int, error) {
	time.Sleep(30 * time.Millisecond)
	return 0, io.EOF
}
