package fault

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"calypso/sys/errcode"
)

var begin = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

func add(t testing.TB, path string, f Fault) Fault {
	t.Helper()
	f, err := Add(context.Background(), path, f, begin)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func newPath(t testing.TB) string { return filepath.Join(t.TempDir(), "faults", "vtl01.yaml") }

func open(t testing.TB, path string, drive int, observe bool) *Live {
	t.Helper()
	l, err := Open(path, drive, observe)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func always(Fault) bool { return true }

func TestCheck(t *testing.T) {
	good := []Fault{
		{Kind: Alert, Flag: 64}, {Kind: MediumError, Access: Both, Left: -1}, {Kind: LoadFailure, Left: 3},
		{Kind: Slow, Delay: time.Millisecond}, {Kind: BecomingReady, Delay: 2 * time.Hour, Left: -1},
		{Kind: RobotStuck, Drive: -1}, {Kind: UnreadableBarcode, Drive: -1, Slot: 1}, {Kind: UnreadableBarcode, Drive: -1, Barcode: "V00001L8"},
	}
	for _, f := range good {
		if err := f.Check(); err != nil || f.String() == "" {
			t.Errorf("%+v: %v", f, err)
		}
	}
	bad := []Fault{
		{}, {Kind: "explode"}, {Kind: Alert}, {Kind: Alert, Flag: 65}, {Kind: Alert, Flag: 1, Drive: -1}, {Kind: MediumError},
		{Kind: MediumError, Access: "all"}, {Kind: MediumError, Access: Reads, Block: -1}, {Kind: LoadFailure, Left: -2},
		{Kind: Slow}, {Kind: BecomingReady, Delay: 25 * time.Hour}, {Kind: RobotStuck}, {Kind: UnreadableBarcode, Drive: -1},
		{Kind: UnreadableBarcode, Drive: -1, Slot: 1, Barcode: "V00001L8"},
	}
	for _, f := range bad {
		if f.Check() == nil {
			t.Errorf("%+v passed", f)
		}
	}
}

func TestAddListClear(t *testing.T) {
	path := newPath(t)
	if list, err := List(path); err != nil || len(list) != 0 {
		t.Fatalf("%v, %v", list, err)
	}
	first, second := add(t, path, Fault{Kind: Alert, Flag: 3}), add(t, path, Fault{Kind: RobotStuck, Drive: -1, Left: -1})
	if first.ID != 1 || second.ID != 2 || !first.Created.Equal(begin) {
		t.Errorf("%+v, %+v", first, second)
	}
	gone, err := Clear(t.Context(), path, []int{2})
	if err != nil || len(gone) != 1 || gone[0].Kind != RobotStuck {
		t.Errorf("%v, %v", gone, err)
	}
	if third := add(t, path, Fault{Kind: Alert, Flag: 4}); third.ID != 3 {
		t.Errorf("id %d was given twice", third.ID)
	}
	_, err = Clear(t.Context(), path, []int{1, 2})
	if list, _ := List(path); errcode.Of(err) != errcode.FaultNotFound || len(list) != 2 {
		t.Errorf("%v left %d faults", err, len(list))
	}
	if _, err := Add(t.Context(), path, Fault{Kind: Alert}, begin); errcode.Of(err) != errcode.Usage {
		t.Error(err)
	}
}

func TestDamagedFile(t *testing.T) {
	path := newPath(t)
	add(t, path, Fault{Kind: Alert, Flag: 3})
	for _, text := range []string{"schema_version: 1\nlast_id: 1\nfaults: [{id: 2, kind: alert, flag: 3}]\n",
		"schema_version: 1\nlast_id: 1\nfaults: [{id: 1, kind: nonsense}]\n", "schema_version: 1\nfault: []\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := List(path); errcode.Of(err) != errcode.StateInvalid {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// However many use up a count at once, it is used up exactly.
func TestCountIsSharedExactly(t *testing.T) {
	path := newPath(t)
	add(t, path, Fault{Kind: LoadFailure, Left: 5})
	var hits sync.Map
	var wait sync.WaitGroup
	for n := range 4 {
		wait.Add(1)
		go func() {
			defer wait.Done()
			l := open(t, path, 0, false)
			count := 0
			for range 4 {
				if _, ok := l.Hit(LoadFailure, always); ok {
					count++
				}
			}
			hits.Store(n, count)
		}()
	}
	wait.Wait()
	total := 0
	hits.Range(func(_, n any) bool { total += n.(int); return true })
	if list, _ := List(path); total != 5 || list[0].Left != 0 {
		t.Errorf("%d hits, %d left", total, list[0].Left)
	}
}

func TestObserverUsesNothingUp(t *testing.T) {
	path := newPath(t)
	add(t, path, Fault{Kind: LoadFailure, Left: 1})
	l := open(t, path, 0, true)
	for range 2 {
		if _, ok := l.Hit(LoadFailure, always); !ok {
			t.Error("not seen")
		}
	}
	if list, _ := List(path); list[0].Left != 1 {
		t.Errorf("%d left", list[0].Left)
	}
}

// What others inject and clear counts from the next command on, and only for the device that is meant.
func TestLiveFollowsTheFile(t *testing.T) {
	path := newPath(t)
	l, other := open(t, path, 0, false), open(t, path, 1, false)
	if l.Refresh() {
		t.Error("faults out of nowhere")
	}
	f := add(t, path, Fault{Kind: Alert, Flag: 3})
	if !l.Refresh() || other.Refresh() || len(l.Of(Alert)) != 1 {
		t.Error("not seen, or by the wrong drive")
	}
	if _, err := Clear(t.Context(), path, []int{f.ID}); err != nil {
		t.Fatal(err)
	}
	if l.Refresh() {
		t.Error("still there")
	}
	var none *Live
	if _, ok := none.Hit(Alert, always); ok || none.Refresh() || none.Wait(t.Context(), true) != nil {
		t.Error("nil has faults")
	}
}

func TestBecoming(t *testing.T) {
	path := newPath(t)
	add(t, path, Fault{Kind: BecomingReady, Delay: 100 * time.Second, Left: 1})
	l := open(t, path, 0, false)
	now := begin
	l.now = func() time.Time { return now }
	if _, _, ok := l.Becoming(); ok {
		t.Error("before a load")
	}
	l.Loaded()
	for seconds, want := range map[int]float64{0: 0, 25: 0.25, 99: 0.99} {
		now = begin.Add(time.Duration(seconds) * time.Second)
		if _, p, ok := l.Becoming(); !ok || p < want-1e-9 || p > want+1e-9 {
			t.Errorf("after %d s: %v, %v", seconds, p, ok)
		}
	}
	now = begin.Add(100 * time.Second)
	if _, _, ok := l.Becoming(); ok {
		t.Error("not ready in time")
	}
	l.Loaded() // the count is used up
	if _, _, ok := l.Becoming(); ok {
		t.Error("a second time")
	}
}

func TestWait(t *testing.T) {
	path := newPath(t)
	add(t, path, Fault{Kind: Slow, Delay: time.Second})
	add(t, path, Fault{Kind: Slow, Delay: time.Minute, Blocks: true})
	l := open(t, path, 0, false)
	var slept time.Duration
	l.pause = func(ctx context.Context, d time.Duration) error { slept += d; return ctx.Err() }
	if err := l.Wait(t.Context(), false); err != nil || slept != time.Second {
		t.Errorf("%s, %v", slept, err)
	}
	if err := l.Wait(t.Context(), true); err != nil || slept != 62*time.Second {
		t.Errorf("%s, %v", slept, err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := l.Wait(ctx, false); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// The file against a model: adding, clearing, using up, in an order that is the same each time. Each step is
// a durable write, so it is one long run rather than many.
func TestFileModel(t *testing.T) {
	path, random := newPath(t), rand.New(rand.NewPCG(1, 2))
	l, left, last := open(t, path, 0, false), map[int]int{}, 0
	for range 150 {
		switch n := 1 + random.IntN(3); random.IntN(4) {
		case 0:
			last++
			if f := add(t, path, Fault{Kind: LoadFailure, Left: n}); f.ID != last {
				t.Fatalf("%+v", f)
			}
			left[last] = n
		case 1:
			id := 1 + random.IntN(last+1)
			_, there := left[id]
			if _, err := Clear(t.Context(), path, []int{id}); (err == nil) != there {
				t.Fatalf("%d: %v", id, err)
			}
			delete(left, id)
		default:
			l.Refresh()
			f, ok := l.Hit(LoadFailure, always)
			if ok != (sum(left) > 0) || ok && left[f.ID] == 0 {
				t.Fatalf("%v of %v", f.ID, left)
			}
			if ok {
				left[f.ID]--
			}
		}
		list, err := List(path)
		got := map[int]int{}
		for _, f := range list {
			got[f.ID] = f.Left
		}
		if err != nil || !maps.Equal(got, left) {
			t.Fatalf("%v, %v; want %v", got, err, left)
		}
	}
}

func sum(left map[int]int) (n int) {
	for _, v := range left {
		n += v
	}
	return n
}

func FuzzFile(f *testing.F) {
	f.Add([]byte("schema_version: 1\nlast_id: 1\nfaults: [{id: 1, kind: alert, flag: 3, delay: 1s}]\n"))
	f.Add([]byte("schema_version: 1\nlast_id: 2\nfaults: [{id: 2, kind: slow, delay: 1h}]\n"))
	path := filepath.Join(f.TempDir(), "vtl01.yaml")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		list, err := List(path)
		for _, x := range list {
			if err == nil && (x.Check() != nil || x.String() == "") {
				t.Errorf("%+v", x)
			}
		}
	})
}
