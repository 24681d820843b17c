// Package audit keeps the log of all that changed something: one JSON line (RFC 8259) a command in a
// file that only grows, chained by SHA-256 so that edits are found.
//
// The chain: every line ends in `,"hash":"HEX"}`, the SHA-256 of the bytes before that ending; these
// bytes hold `seq` (1, 2, 3 …) and `prev`, the hash of the line before (64 zeros before the first).
// A file beside the log, `FILE.head`, holds the seq and hash of the last line.
//
// What Verify finds: any changed, inserted, removed or moved line, by its number, and a cut of the
// end, by the head. Limits: there is no secret in it. Who may write both files can rewrite the whole
// chain, or cut its end and set the head back; against that only a copy elsewhere (syslog, a backup)
// helps. A torn line that a crash left is kept, and the record after it accounts for it by its hash.
//
// Secrets are never in it: arguments pass proc.Redact, and secrets are no arguments to begin with.
package audit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"calypso/sys/errcode"
	"calypso/sys/proc"
	"calypso/sys/state"
)

const (
	filePerm = 0o640

	// lockWait bounds the wait for other appends, which take milliseconds each.
	lockWait = 10 * time.Second
	lockPoll = 2 * time.Millisecond

	// maxText bounds one argument, and maxArgs all of them, so that no line reaches maxLine.
	maxText = 1024
	maxArgs = 64
	maxLine = 1 << 20
)

// Entry is what a command says about itself.
type Entry struct {
	Command  string   // "lto write"
	Object   string   // what it was done to: a device, barcode, library; may be empty
	Args     []string // its arguments; secrets are taken out, long ones cut
	Outcome  string   // "done", "failed", "interrupted", …
	ExitCode int
	Error    errcode.Code // "" when there was none
	Started  time.Time
	Duration time.Duration
}

// Log is an audit log that was found writable.
type Log struct {
	path string
	who  Who
}

// Open finds out whether the log at path can be written, before anything is changed. The file and
// its directory are made when they are missing. The error is errcode.AuditUnwritable.
func Open(path string) (*Log, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return nil, unwritable(path, err)
	}
	l := &Log{path: path, who: self()}
	for _, name := range []string{path, l.lockPath()} {
		file, err := os.OpenFile(name, os.O_RDWR|os.O_APPEND|os.O_CREATE, filePerm)
		if err != nil {
			return nil, unwritable(name, err)
		}
		file.Close()
	}
	return l, nil
}

func (l *Log) lockPath() string { return l.path + ".lock" }

// Append adds one record, durably. Pass a context that outlives an interrupt of the command
// (context.WithoutCancel): that it was interrupted is to be recorded too. The error is
// errcode.AuditUnwritable, or that of ctx.
func (l *Log) Append(ctx context.Context, e Entry) error {
	unlock, err := l.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	file, err := os.OpenFile(l.path, os.O_RDWR|os.O_APPEND|os.O_CREATE, filePerm)
	if err != nil {
		return unwritable(l.path, err)
	}
	defer file.Close()
	if err := l.add(file, e); err != nil {
		return unwritable(l.path, err)
	}
	return nil
}

func (l *Log) lock(ctx context.Context) (unlock func(), err error) {
	waiting, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	file := flock.New(l.lockPath(), flock.SetPermissions(filePerm))
	if _, err := file.TryLockContext(waiting, lockPoll); err != nil {
		if ctx.Err() != nil {
			return nil, errcode.New(errcode.Of(ctx.Err()), l.path, "waiting for the lock: %w", ctx.Err())
		}
		return nil, unwritable(l.path, err)
	}
	return func() { _ = file.Unlock() }, nil
}

// add writes the record e, after one that accounts for a torn line if there is one.
func (l *Log) add(file *os.File, e Entry) error {
	end, err := readEnd(file, l.path)
	if err != nil {
		return err
	}
	before := end.newline()
	if len(end.torn) > 0 {
		note := l.record(Entry{Command: repairCommand, Outcome: "done", Started: time.Now()})
		note.TornSHA256 = hashOf(end.torn)
		if end.link, err = write(file, before, note, end.link); err != nil {
			return err
		}
		before = nil
	}
	last, err := write(file, before, l.record(e), end.link)
	if err != nil {
		return err
	}
	return state.WriteFile(headPath(l.path), last.encode(), filePerm)
}

// repairCommand is the command of the record that accounts for a torn line.
const repairCommand = "audit repair"

func (l *Log) record(e Entry) Record {
	return Record{
		Time: e.Started.UTC().Truncate(time.Millisecond), Who: l.who, PID: os.Getpid(),
		Command: e.Command, Object: proc.Shorten(e.Object, maxText), Args: summary(e.Args),
		Outcome: e.Outcome, ExitCode: e.ExitCode, ErrorCode: string(e.Error),
		DurationMS: e.Duration.Milliseconds(),
	}
}

// summary keeps the arguments short: the log says what was done, it is no copy of the input.
func summary(args []string) []string {
	short := proc.Redact(args)
	if len(short) > maxArgs {
		short = append(short[:maxArgs], "...")
	}
	for i := range short {
		short[i] = proc.Shorten(short[i], maxText)
	}
	return short
}

// write appends one record in one write, so that a reader sees all of it or none, and gives the
// link for the next. On a full disk the file is put back to what it was; an append-only file
// (chattr +a) keeps the torn line for the next append to account for.
func write(file *os.File, before []byte, r Record, prev link) (link, error) {
	r.Seq, r.Prev = prev.Seq+1, prev.Hash
	line, hash, err := seal(r)
	if err != nil {
		return link{}, err
	}
	info, err := file.Stat()
	if err != nil {
		return link{}, err
	}
	if _, err := file.Write(append(before, line...)); err != nil {
		_ = file.Truncate(info.Size())
		return link{}, err
	}
	return link{r.Seq, hash}, file.Sync()
}

// seal gives the line of a record, with its newline, and its hash.
func seal(r Record) (line []byte, hash string, err error) {
	body, err := json.Marshal(r)
	if err != nil {
		return nil, "", err
	}
	body = body[:len(body)-1] // without the last '}'
	hash = hashOf(body)
	return append(body, hashField+hash+"\"}\n"...), hash, nil
}

func hashOf(p []byte) string {
	sum := sha256.Sum256(p)
	return hex.EncodeToString(sum[:])
}

// end is how a log ends.
type end struct {
	link link
	torn []byte // what comes after the last whole record, without a newline at its end
	open bool   // the last line has no newline
}

// newline ends a torn line, so that the next record begins a line of its own.
func (e end) newline() []byte {
	if e.open {
		return []byte("\n")
	}
	return nil
}

// readEnd finds the link that the next record continues. The head counts unless it is behind (a
// kill between a line and its head): if the last line was cut off or replaced, the chain must show
// it for ever instead of being healed here.
func readEnd(file *os.File, path string) (end, error) {
	text, err := tail(file)
	if err != nil {
		return end{}, err
	}
	e := splitEnd(text)
	head, err := readHead(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errHeadDamaged) {
		return end{}, err
	}
	if err == nil && head.Seq >= e.link.Seq {
		e.link = head
	}
	return e, nil
}

// splitEnd walks back over what is no record. That can be more than one line: a crash may tear the
// record that accounts for a torn one. A record that lacks its newline only is whole.
func splitEnd(text []byte) end {
	e := end{link: genesis, open: len(text) > 0 && !bytes.HasSuffix(text, []byte("\n"))}
	text = bytes.TrimSuffix(text, []byte("\n"))
	rest := 0 // where the text after the last record begins
	for cut := len(text); cut >= 0; {
		start := bytes.LastIndexByte(text[:cut], '\n') + 1
		if r, hash, err := open(text[start:cut]); err == nil {
			e.link, rest = link{r.Seq, hash}, min(cut+1, len(text))
			break
		}
		cut = start - 1
	}
	e.torn = text[rest:]
	return e
}

// tail gives the end of the log, from the beginning of a line, with room for several records.
func tail(file io.ReadSeeker) ([]byte, error) {
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	start := max(0, size-2*maxLine)
	if _, err := file.Seek(start, io.SeekStart); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(file)
	if start > 0 {
		_, text, _ = bytes.Cut(text, []byte("\n"))
	}
	return text, err
}

// unwritable keeps the codes of causes that a script acts on: permission and a full disk.
func unwritable(path string, err error) error {
	code := errcode.AuditUnwritable
	if c := errcode.Of(err); c == errcode.PermissionDenied || c == errcode.DiskFull {
		code = c
	}
	return errcode.New(code, path, "the audit log cannot be written: %w", err)
}
