package ssc

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"calypso/tape/scsi"
	"calypso/vtl/spc"
)

// Config says which drive to be.
type Config struct {
	Generation string // "LTO-5" to "LTO-10"
	Serial     string // unit serial number, e.g. 10 characters
	Vendor     string // up to 8 characters; empty: CALYPSO
	Product    string // up to 16; empty: ULTRIUM-TD and the generation's number
	Revision   string // up to 4; empty: 0001
	State      *State // from the last run; nil, or one that is dirty, is a power cycle
	Library    string // serial number of the library that the drive is in; empty: none
	Element    uint16 // the drive's element address there; 0: none
	Observe    bool   // only look: what would change the cartridge or the drive is refused, 7/27/00

	Compression bool             // the drive compresses unless a host says otherwise
	Keys        []Secret         // that Server.Keys gave with State; an observer needs none
	Lifetime    *Lifetime        // what the drive remembers of its life; nil: it is new
	Now         func() time.Time // the clock; nil: time.Now
}

// Server is one drive. Its methods are safe for concurrent use.
type Server struct {
	mu    sync.Mutex
	id    spc.Identity
	drive generation
	modes *spc.Modes
	vpd   []spc.VPDPage

	observe bool

	medium  Medium    // the cartridge in the drive; nil: none
	tape    Partition // the active partition of it
	memory  Meta      // its memory, read when it was inserted and after each change
	format  generation
	unfit   bool // the drive cannot read this cartridge
	loaded  bool // threaded: media access commands work
	held    bool // unloaded with HOLD
	barcode string

	position    int64 // logical object number
	unsynced    bool  // written, but perhaps not yet durable
	reading     bool  // the last command read a block
	attentions  spc.AttentionQueues
	prevent     bool
	blockLength int // of fixed block transfers; 0: variable only
	buffered    bool
	traffic     Traffic // of this load
	heads       heads
	alerts      alerts
	stats       Statistics // of this load
	life        Lifetime
	before      Lifetime // as it was when the drive was made
	now         func() time.Time

	reservations spc.Reservations
	clock        spc.Clock
	protect      protection                // data encryption of the default nexus
	guests       map[spc.Nexus]*protection // and of the others
	sharer       *protection               // the one with scope ALL I_T NEXUS; nil: there is none
	instances    uint32                    // the last key instance counter
	codec        codec

	cleaningFailed bool // the cartridge in the drive is to clean and could not

	call spc.Call // the command under execution: kept here so that Exec does not allocate
}

// ErrEmpty is the answer to taking a cartridge out of a drive that has none.
var ErrEmpty = errors.New("no cartridge in the drive")

// New makes a drive with the cartridge that is in it; medium is nil when there is none. An unknown
// generation is an error.
func New(c Config, medium Medium) (*Server, error) {
	drive, ok := lookupGeneration(c.Generation)
	if !ok || !drive.isDrive() {
		return nil, fmt.Errorf("drive %s: unknown generation %q", c.Serial, c.Generation)
	}
	s := &Server{drive: drive, observe: c.Observe, id: identity(c, drive), modes: newModes(drive), vpd: vpdPages(c)}
	s.presetCompression(c.Compression)
	s.begin(c)
	s.place(medium)
	s.resume(c.State)
	s.resumeEncryption(c)
	return s, nil
}

// Exec carries out one command of the default nexus; see scsi.Transport. The one *scsi.StatusError it
// returns is RESERVATION CONFLICT, and it never returns a *scsi.TransportError.
func (s *Server) Exec(ctx context.Context, cmd *scsi.Command) error {
	return s.exec(ctx, spc.DefaultNexus, cmd)
}

func (s *Server) exec(ctx context.Context, n spc.Nexus, cmd *scsi.Command) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	cmd.Transferred = 0
	s.call = spc.Call{CDB: cmd.CDB, Cmd: cmd, Nexus: n}
	s.reading = false
	err := s.dispatch(ctx, &s.call)
	s.account(&s.call, err)
	s.call = spc.Call{}
	return spc.FinishAs(s.modes.DescriptorSense(), cmd.CDB, err)
}

// ReadAhead is for the time between a host's commands: a drive that reads goes on as far as its buffer takes
// it, here a block.
func (s *Server) ReadAhead() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reading && s.loaded {
		s.tape.ReadAhead(s.position)
	}
}

// dispatch checks the operation code, unit attentions and reservations, the CDB and readiness, in this
// order.
func (s *Server) dispatch(ctx context.Context, c *spc.Call) error {
	command, err := commands().Find(c.CDB)
	if err != nil {
		return err
	}
	if err := command.Admit(c, &s.attentions, &s.reservations); err != nil {
		return err
	}
	if err := command.CheckCDB(c.CDB); err != nil {
		return err
	}
	if err := s.gate(command.Flags); err != nil {
		return err
	}
	return command.Run(s, ctx, c)
}

// gate checks what a command's flags ask for.
func (s *Server) gate(f spc.Flags) error {
	if f&changes != 0 && s.observe {
		return spc.Refuse(scsi.DataProtect, spc.WriteProtected)
	}
	if f&needsMedium != 0 || f&needsMemory != 0 && !s.memory.Cleaning {
		if k := s.notReady(); k != nil {
			return k
		}
	}
	if f&flushesFirst != 0 {
		return s.flush()
	}
	return nil
}

// notReady says why the drive cannot access a medium; nil: it can.
func (s *Server) notReady() *spc.Check {
	switch {
	case s.loaded:
		return nil
	case s.medium != nil && s.memory.Cleaning:
		return s.cleaningSense()
	case s.medium != nil && s.unfit:
		return spc.Refuse(scsi.NotReady, spc.IncompatibleMedium)
	case s.medium != nil && s.held:
		return spc.Refuse(scsi.NotReady, spc.InitializingRequired)
	}
	return spc.Refuse(scsi.NotReady, spc.MediumNotPresent)
}

// flush makes durable what was written. Drives do so before they move the tape another way.
func (s *Server) flush() error {
	if !s.unsynced {
		return nil
	}
	if err := s.medium.Sync(); err != nil {
		return spc.Refuse(scsi.MediumError, spc.WriteFault).Because(err)
	}
	s.unsynced = false
	return nil
}

// Flush makes durable what was written, for an orderly end of the process that plays the drive.
func (s *Server) Flush() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return cause(s.flush())
}

// Attention queues a unit attention for every host, as an event at the drive does.
func (s *Server) Attention(asc scsi.ASC) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.attentions.Add(asc)
}

// cause strips the sense off an error that goes to the owner of the drive, not to a host.
func cause(err error) error {
	var k *spc.Check
	if errors.As(err, &k) && k.Cause != nil {
		return k.Cause
	}
	return err
}
