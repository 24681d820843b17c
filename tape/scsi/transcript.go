package scsi

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// A transcript is JSON lines: a header, then one record a command, in the order they were carried
// out. Bytes are hex. It holds all data that went over the wire but for encryption keys.

const (
	transcriptFormat  = "calypso-scsi-transcript"
	transcriptVersion = 1
)

type transcriptHeader struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
}

// hexBytes is a byte slice that JSON shows as hex.
type hexBytes []byte

func (h hexBytes) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h)), nil }

func (h *hexBytes) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(string(text))
	*h = b
	return err
}

// record is one command with its answer.
type record struct {
	CDB         hexBytes     `json:"cdb"`
	Name        string       `json:"name"` // for the reader; not checked
	Out         hexBytes     `json:"out,omitempty"`
	OutBytes    int          `json:"out_bytes,omitempty"`
	Redacted    bool         `json:"redacted,omitempty"` // Out holds secrets and was left out
	In          hexBytes     `json:"in,omitempty"`
	Transferred int          `json:"transferred"`
	Answer      string       `json:"answer"` // good, check, status, lost, failed
	Sense       *senseRecord `json:"sense,omitempty"`
	Status      uint8        `json:"status,omitempty"`
	Error       string       `json:"error,omitempty"`
}

const (
	answerGood   = "good"
	answerCheck  = "check"
	answerStatus = "status"
	answerLost   = "lost"
	answerFailed = "failed"
)

// senseRecord has the sense as it came, and its fields for devices that give no raw bytes.
type senseRecord struct {
	Text   string   `json:"text"` // for the reader; not checked
	Raw    hexBytes `json:"raw,omitempty"`
	Fields *Sense   `json:"fields,omitempty"`
}

// Recorder is a Transport that writes a transcript of what goes through another.
type Recorder struct {
	t  Transport
	mu sync.Mutex
	w  *json.Encoder
	e  error
}

// NewRecorder records t to w. Writing problems never disturb a command; Err tells them.
func NewRecorder(t Transport, w io.Writer) *Recorder {
	r := &Recorder{t: t, w: json.NewEncoder(w)}
	r.e = r.w.Encode(transcriptHeader{transcriptFormat, transcriptVersion})
	return r
}

// Err is the first error that writing the transcript met.
func (r *Recorder) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.e
}

// Exec carries out the command and records it; one that was not sent because ctx was done is left out.
func (r *Recorder) Exec(ctx context.Context, cmd *Command) error {
	err := r.t.Exec(ctx, cmd)
	if err == nil || ctx.Err() == nil || !errors.Is(err, ctx.Err()) {
		r.write(newRecord(cmd, err))
	}
	return err
}

func (r *Recorder) write(rec record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.w.Encode(rec); err != nil && r.e == nil {
		r.e = fmt.Errorf("transcript: %w", err)
	}
}

func newRecord(cmd *Command, err error) record {
	rec := record{CDB: cmd.CDB, Name: OpcodeName(cmd.CDB), Transferred: cmd.Transferred}
	rec.Out, rec.OutBytes = cmd.DataOut, len(cmd.DataOut)
	if len(cmd.CDB) > 0 && cmd.CDB[0] == opSecurityProtocolOut {
		rec.Out, rec.Redacted = nil, true
	}
	rec.In = cmd.DataIn[:min(max(cmd.Transferred, 0), len(cmd.DataIn))]
	rec.setAnswer(err)
	return rec
}

func (rec *record) setAnswer(err error) {
	var check *SenseError
	var status *StatusError
	var lost *TransportError
	switch {
	case err == nil:
		rec.Answer = answerGood
		return
	case errors.As(err, &check):
		rec.Answer, rec.Sense = answerCheck, newSenseRecord(check.Sense)
	case errors.As(err, &status):
		rec.Answer, rec.Status = answerStatus, status.Status
	case errors.As(err, &lost):
		rec.Answer, rec.Error = answerLost, lost.Err.Error()
		return
	default:
		rec.Answer = answerFailed
	}
	rec.Error = err.Error()
}

func newSenseRecord(s Sense) *senseRecord {
	rec := &senseRecord{Text: s.String(), Raw: s.Raw}
	if len(s.Raw) == 0 {
		rec.Fields = &s
	}
	return rec
}

// Replayer is a Transport that answers from a transcript. It is strict: another command than the
// recorded one, or other data, is a *TransportError that says which.
type Replayer struct {
	mu      sync.Mutex
	records []record
	next    int
}

// NewReplayer reads a whole transcript.
func NewReplayer(r io.Reader) (*Replayer, error) {
	d := json.NewDecoder(bufio.NewReader(r))
	d.DisallowUnknownFields()
	var head transcriptHeader
	if err := d.Decode(&head); err != nil {
		return nil, fmt.Errorf("transcript: header: %w", err)
	}
	if head.Format != transcriptFormat || head.Version != transcriptVersion {
		return nil, fmt.Errorf("transcript: format %q version %d is not known", head.Format, head.Version)
	}
	p := &Replayer{}
	for {
		var rec record
		switch err := d.Decode(&rec); {
		case errors.Is(err, io.EOF):
			return p, nil
		case err != nil:
			return nil, fmt.Errorf("transcript: record %d: %w", len(p.records)+1, err)
		case len(rec.CDB) == 0:
			return nil, fmt.Errorf("transcript: record %d: no CDB", len(p.records)+1)
		}
		p.records = append(p.records, rec)
	}
}

// Done is nil when every record was played.
func (p *Replayer) Done() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if left := len(p.records) - p.next; left > 0 {
		return fmt.Errorf("transcript: %d of %d records were not played, next is %s",
			left, len(p.records), OpcodeName(p.records[p.next].CDB))
	}
	return nil
}

// Exec answers as the next record says.
func (p *Replayer) Exec(ctx context.Context, cmd *Command) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	cmd.Transferred = 0
	rec, err := p.take(cmd)
	if err != nil {
		return &TransportError{CDB: bytes.Clone(cmd.CDB), Err: err}
	}
	copy(cmd.DataIn, rec.In)
	cmd.Transferred = rec.Transferred
	if len(cmd.DataIn) > 0 {
		cmd.Transferred = min(rec.Transferred, len(cmd.DataIn))
	}
	return rec.answer(bytes.Clone(cmd.CDB))
}

func (p *Replayer) take(cmd *Command) (record, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next == len(p.records) {
		return record{}, fmt.Errorf("transcript: ended before %s", OpcodeName(cmd.CDB))
	}
	rec := p.records[p.next]
	if !bytes.Equal(rec.CDB, cmd.CDB) {
		return rec, fmt.Errorf("transcript: record %d: % x was recorded, % x came", p.next+1, []byte(rec.CDB), cmd.CDB)
	}
	if len(cmd.DataOut) != rec.OutBytes || !rec.Redacted && !bytes.Equal(rec.Out, cmd.DataOut) {
		return rec, fmt.Errorf("transcript: record %d: %s with other data", p.next+1, OpcodeName(cmd.CDB))
	}
	p.next++
	return rec, nil
}

// answer makes the error that the recorded transport gave.
func (rec record) answer(cdb []byte) error {
	switch rec.Answer {
	case answerGood:
		return nil
	case answerCheck:
		return rec.check(cdb)
	case answerStatus:
		return &StatusError{CDB: cdb, Status: rec.Status}
	case answerFailed:
		return errors.New(rec.Error)
	}
	return &TransportError{CDB: cdb, Err: errors.New(rec.Error)}
}

func (rec record) check(cdb []byte) error {
	switch {
	case rec.Sense == nil:
		return &TransportError{CDB: cdb, Err: errors.New("transcript: check condition without sense")}
	case len(rec.Sense.Raw) == 0 && rec.Sense.Fields != nil:
		return &SenseError{CDB: cdb, Sense: *rec.Sense.Fields}
	}
	s, err := ParseSense(rec.Sense.Raw)
	if err != nil {
		return &TransportError{CDB: cdb, Err: err}
	}
	return &SenseError{CDB: cdb, Sense: s}
}
