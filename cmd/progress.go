package cmd

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

const (
	barAfter  = time.Second            // a verb that ends before draws nothing
	barEvery  = 200 * time.Millisecond // redraws
	jsonEvery = time.Second            // lines of --progress=json
)

// progressStep is how far a verb has come.
type progressStep struct {
	Done    int64   // bytes
	Total   int64   // bytes, -1 when unknown
	Phase   string  // "writing", "verifying"
	Current string  // the member or item at hand, "" when there is none
	Fill    float64 // of the buffer, 0 to 1; negative when there is none
}

// progress shows steps as a bar on a terminal, as JSON lines, or not at all. Its methods may be
// called from several goroutines; update costs little when nothing is due.
type progress struct {
	inv   *invocation
	mode  string // "bar", "json", "none"
	start time.Time

	// shown is what the drawing goroutine of mpb reads. It must take no lock that is held while mpb is
	// called, as mpb waits for that goroutine.
	shown atomic.Pointer[progressStep]

	mu   sync.Mutex
	last progressStep
	next time.Time // when something is to be shown again
	box  *mpb.Progress
	bar  *mpb.Bar
}

// progress begins to show progress; call finish when the work has ended, also when it failed.
func (inv *invocation) progress() *progress {
	now := time.Now()
	b := &progress{inv: inv, mode: inv.progressMode(), start: now, next: now.Add(barAfter)}
	if b.mode == "json" {
		b.next = now
	}
	if b.mode == "bar" {
		inv.bar.Store(b)
	}
	return b
}

// progressMode settles --progress=auto: a bar needs a terminal and someone who wants to see it.
func (inv *invocation) progressMode() string {
	switch mode := inv.str("progress"); {
	case mode != "auto":
		return mode
	case inv.ErrTTY && !inv.quiet && !inv.json && inv.getenv("TERM") != "dumb":
		return "bar"
	}
	return "none"
}

// update tells how far the work has come.
func (b *progress) update(step progressStep) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last = step
	now := time.Now()
	if b.mode == "none" || now.Before(b.next) {
		return
	}
	if b.mode == "json" {
		b.next = now.Add(jsonEvery)
		b.writeLine()
		return
	}
	b.next = now.Add(barEvery)
	b.draw()
}

// finish removes the bar; as JSON it writes the last step, so that a reader sees the end.
func (b *progress) finish() {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.mode == "json":
		b.writeLine()
	case b.box != nil:
		b.bar.Abort(true)
		b.box.Wait()
	}
	b.mode = "none"
	b.inv.bar.Store(nil)
}

// above writes a line of text above the bar, and says whether there was one.
func (b *progress) above(line string) bool {
	b.mu.Lock()
	box := b.box
	b.mu.Unlock()
	if box == nil {
		return false
	}
	_, err := io.WriteString(box, line)
	return err == nil
}

func (b *progress) draw() {
	step := b.last
	b.shown.Store(&step)
	if b.bar == nil {
		b.box = mpb.New(mpb.WithOutput(b.inv.Err), mpb.WithWidth(min(b.inv.Width, 100)), mpb.WithRefreshRate(barEvery), mpb.WithAutoRefresh())
		b.bar = b.box.New(max(b.last.Total, 0), b.style(),
			mpb.PrependDecorators(decor.Any(func(decor.Statistics) string { return b.label() })),
			mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return b.figures() })))
	}
	b.bar.SetCurrent(b.last.Done)
}

// style is a bar when the end is known; otherwise the figures have to do.
func (b *progress) style() mpb.BarFillerBuilder {
	if b.last.Total > 0 {
		return mpb.BarStyle().Lbound("[").Filler("=").Tip(">").Padding(" ").Rbound("]")
	}
	return mpb.NopStyle()
}

// label is the object, cut so that the bar keeps its room.
func (b *progress) label() string {
	name := []rune(printable(b.inv.object))
	return string(name[:min(len(name), 24)]) + " "
}

func (b *progress) figures() string { return b.shown.Load().text(time.Since(b.start)) }

// text is " writing 1.2GB of 12GB  250MB/s  buffer 80%  0:00:05".
func (s progressStep) text(elapsed time.Duration) string {
	words := []string{s.Phase, bytesText(s.Done)}
	if s.Total > 0 {
		words = append(words, "of", bytesText(s.Total))
	}
	words = append(words, bytesText(rate(s.Done, elapsed))+"/s")
	if s.Fill >= 0 {
		words = append(words, fmt.Sprintf("buffer %.0f%%", 100*s.Fill))
	}
	words = append(words, elapsed.Truncate(time.Second).String())
	return " " + strings.TrimSpace(strings.Join(words, " "))
}

// rate is bytes a second.
func rate(done int64, elapsed time.Duration) int64 {
	if elapsed <= 0 {
		return 0
	}
	return int64(float64(done) / elapsed.Seconds())
}

// progressDoc is one line of --progress=json.
type progressDoc struct {
	Type           string   `json:"type"`
	Op             string   `json:"op"`
	Object         *string  `json:"object"`
	Phase          string   `json:"phase"`
	DoneBytes      int64    `json:"done_bytes"`
	TotalBytes     *int64   `json:"total_bytes"`
	BytesPerSecond int64    `json:"bytes_per_second"`
	BufferFill     *float64 `json:"buffer_fill_ratio"`
	Current        *string  `json:"current"`
	ElapsedSeconds float64  `json:"elapsed_seconds"`
}

func (b *progress) writeLine() {
	elapsed := time.Since(b.start)
	d := progressDoc{
		Type: "progress", Op: b.inv.verbName(), Object: orNull(b.inv.object), Phase: b.last.Phase,
		DoneBytes: b.last.Done, BytesPerSecond: rate(b.last.Done, elapsed), Current: orNull(b.last.Current),
		ElapsedSeconds: elapsed.Truncate(time.Millisecond).Seconds(),
	}
	if b.last.Total >= 0 {
		d.TotalBytes = &b.last.Total
	}
	if b.last.Fill >= 0 {
		d.BufferFill = &b.last.Fill
	}
	line, err := encodeJSON([]field{{"schema", "calypso.progress"}, {"schema_version", 1}}, d, false)
	if err == nil {
		b.inv.Err.Write(line)
	}
}
