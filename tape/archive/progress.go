package archive

import (
	"sync"
	"sync/atomic"
	"time"
)

// The phases of a pipeline.
const (
	PhaseSource   = "source"   // waiting for the first bytes of the source
	PhasePosition = "position" // the tape is being positioned
	PhaseData     = "data"     // the archive passes
	PhaseClosing  = "closing"  // the manifest is written or read
)

// Progress is a look at a running pipeline.
type Progress struct {
	Bytes      int64 // archive bytes that have passed the drive
	TotalBytes int64 // -1: not known
	BufferFill float64
	Phase      string
	Current    string // member that passes, "" for a stream
}

// progressEvery is the time between two calls of a progress callback.
const progressEvery = 200 * time.Millisecond

// meter keeps what a progress callback is told and calls it from a goroutine of its own, so that a
// slow terminal never holds the tape.
type meter struct {
	bytes   atomic.Int64
	total   atomic.Int64
	phase   atomic.Value
	current atomic.Value
	fill    func() float64

	call func(Progress)
	quit chan struct{}
	done sync.WaitGroup
}

func startMeter(call func(Progress), fill func() float64, total int64) *meter {
	m := &meter{call: call, fill: fill, quit: make(chan struct{})}
	m.total.Store(total)
	m.phase.Store(PhaseSource)
	m.current.Store("")
	if call != nil {
		m.done.Add(1)
		go m.run()
	}
	return m
}

func (m *meter) run() {
	defer m.done.Done()
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			m.call(m.look())
		case <-m.quit:
			m.call(m.look())
			return
		}
	}
}

func (m *meter) look() Progress {
	return Progress{
		Bytes: m.bytes.Load(), TotalBytes: m.total.Load(), BufferFill: m.fill(),
		Phase: m.phase.Load().(string), Current: m.current.Load().(string),
	}
}

// stop makes a last call and returns when no further one can come.
func (m *meter) stop() {
	close(m.quit)
	m.done.Wait()
}
