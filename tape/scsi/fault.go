package scsi

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"
)

// ErrInjected is the cause of an answer that a Faulty transport lost.
var ErrInjected = errors.New("injected fault")

// AnyOp matches every operation code.
const AnyOp = -1

// Fault is something that goes wrong with a command. Of the effects one of Sense, Status, Lose and
// Short is used, in this order; Delay comes with any of them or alone.
type Fault struct {
	Op    int // operation code or AnyOp
	Nth   int // the first matching command that is hit, from 1; 0 means 1
	Times int // how many in a row; 0 means 1, negative all that follow

	Done   bool          // the device carries the command out before the fault
	Sense  *Sense        // CHECK CONDITION with this sense, e.g. a unit attention
	Status uint8         // another status, e.g. BUSY
	Lose   bool          // the answer is lost: *TransportError
	Short  int           // this many bytes of the transfer are missing; implies Done
	Delay  time.Duration // before the command is sent
}

// Faulty is a Transport that makes commands of another one fail.
type Faulty struct {
	t     Transport
	mu    sync.Mutex
	set   []armed
	sleep func(time.Duration)
}

type armed struct {
	Fault
	seen int
}

// NewFaulty wraps t. When several faults match a command the first one counts; all count it.
func NewFaulty(t Transport, faults ...Fault) *Faulty {
	f := &Faulty{t: t, sleep: time.Sleep}
	for _, fault := range faults {
		f.Add(fault)
	}
	return f
}

// Add arms another fault; its Nth counts from now.
func (f *Faulty) Add(fault Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.set = append(f.set, armed{Fault: fault})
}

// Exec carries out the command, or what is left of it.
func (f *Faulty) Exec(ctx context.Context, cmd *Command) error {
	fault := f.match(cmd.CDB)
	if fault == nil {
		return f.t.Exec(ctx, cmd)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if fault.Delay > 0 {
		f.sleep(fault.Delay)
	}
	return fault.exec(context.WithoutCancel(ctx), f.t, cmd)
}

func (f *Faulty) match(cdb []byte) *Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	var hit *Fault
	for i := range f.set {
		if f.set[i].hits(cdb) && hit == nil {
			fault := f.set[i].Fault
			hit = &fault
		}
	}
	return hit
}

func (a *armed) hits(cdb []byte) bool {
	if a.Op != AnyOp && (len(cdb) == 0 || int(cdb[0]) != a.Op) {
		return false
	}
	a.seen++
	first := max(a.Nth, 1)
	return a.seen >= first && (a.Times < 0 || a.seen < first+max(a.Times, 1))
}

func (f Fault) exec(ctx context.Context, t Transport, cmd *Command) error {
	cmd.Transferred = 0
	if f.Done || f.Short > 0 || f.onlyDelays() {
		if err := t.Exec(ctx, cmd); err != nil || f.onlyDelays() {
			return err
		}
	}
	cdb := bytes.Clone(cmd.CDB)
	switch {
	case f.Sense != nil:
		return &SenseError{CDB: cdb, Sense: *f.Sense}
	case f.Status != 0:
		return &StatusError{CDB: cdb, Status: f.Status}
	case f.Lose:
		return &TransportError{CDB: cdb, Err: ErrInjected}
	}
	cmd.Transferred = max(0, cmd.Transferred-f.Short)
	return nil
}

func (f Fault) onlyDelays() bool { return f.Sense == nil && f.Status == 0 && !f.Lose && f.Short == 0 }
