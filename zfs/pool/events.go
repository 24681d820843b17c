package pool

import (
	"bufio"
	"context"
	"io"
	"strconv"
	"strings"
	"time"

	"calypso/sys/run"
	"calypso/zfs"
)

// Event is something that the kernel told of a pool. It keeps some hundreds; the newest push out the oldest.
type Event struct {
	ID       string // eid, in decimal; "" unknown
	Time     time.Time
	Class    string // "ereport.fs.zfs.checksum", "sysevent.fs.zfs.scrub_finish"
	Pool     string
	PoolGUID string // in decimal
	Vdev     string // the path of the device
	VdevGUID string
	Detail   []Field // all of it
}

// Field is one line of an event, as the tool writes its value.
type Field struct{ Name, Value string }

// maxEventLine bounds a line of an event, and maxEventFields their number: a history event holds whole commands.
const (
	maxEventLine   = 1 << 20
	maxEventFields = 1000
)

// Events asks for the events of a pool, or with "" of all, and gives each to fn until that fails. With follow it
// waits for more until ctx ends. It asks the kernel's memory and no pool, so a suspended one answers too.
func Events(ctx context.Context, t zfs.Tools, name string, follow bool, fn func(Event) error) error {
	args := []string{"events", "-H", "-v"}
	c := run.Cmd{Name: "zpool", Timeout: patience, Env: []string{"TZ=UTC"}}
	if follow {
		args = append(args, "-f")
		c.Timeout = 100 * 365 * 24 * time.Hour
	}
	if c.Args = args; name != "" {
		c.Args = append(args, name)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	out, in := io.Pipe()
	c.Stdout = in
	ended := make(chan error, 1)
	go func() {
		_, err := t.Cmd(ctx, name, c)
		in.CloseWithError(io.EOF)
		ended <- err
	}()
	err := decodeEvents(out, fn)
	if err != nil {
		cancel() // one that follows would wait for the next event before it found that nobody listens
	}
	out.CloseWithError(io.ErrClosedPipe)
	if failed := <-ended; err == nil {
		err = failed
	}
	return err
}

// decodeEvents reads the answer of 'zpool events -H -v': a line "time<TAB>class", indented lines "name = value",
// an empty line. An event ends with the empty line, so that one that was just told is not held back.
func decodeEvents(r io.Reader, fn func(Event) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 4096), maxEventLine)
	var e *Event
	flush := func() error {
		if e == nil {
			return nil
		}
		told := *e
		e = nil
		return fn(told)
	}
	for lines.Scan() {
		line := lines.Text()
		switch {
		case strings.TrimSpace(line) == "":
			if err := flush(); err != nil {
				return err
			}
		case line[0] != ' ' && line[0] != '\t':
			if err := flush(); err != nil {
				return err
			}
			e = newEvent(line)
		case e != nil && len(e.Detail) < maxEventFields:
			e.field(line)
		}
	}
	if err := lines.Err(); err != nil && err != io.ErrClosedPipe {
		return err
	}
	return flush()
}

// newEvent reads the first line; nil for one that is none.
func newEvent(line string) *Event {
	stamp, class, ok := strings.Cut(line, "\t")
	if !ok {
		return nil
	}
	at, err := time.Parse("Jan _2 2006 15:04:05.999999999", strings.TrimSpace(stamp))
	if err != nil {
		return nil
	}
	return &Event{Time: at, Class: strings.TrimSpace(class)}
}

// field reads "name = value". Lists in lists (a vdev tree after "(start") come as more lines and are kept so.
func (e *Event) field(line string) {
	name, value, ok := strings.Cut(strings.TrimSpace(line), " = ")
	if !ok {
		return
	}
	bare := strings.Trim(value, `"`)
	e.Detail = append(e.Detail, Field{name, bare})
	switch name {
	case "pool":
		e.Pool = bare
	case "pool_guid":
		e.PoolGUID = decimal(value)
	case "vdev_path":
		e.Vdev = bare
	case "vdev_guid":
		e.VdevGUID = decimal(value)
	case "eid":
		e.ID = decimal(value)
	case "time":
		e.exactTime(value)
	}
}

// exactTime takes "seconds nanoseconds": the first line is in the zone of whoever runs the tool.
func (e *Event) exactTime(value string) {
	f := strings.Fields(value)
	if len(f) != 2 {
		return
	}
	s, err1 := strconv.ParseInt(f[0], 0, 64)
	ns, err2 := strconv.ParseInt(f[1], 0, 64)
	if err1 == nil && err2 == nil && s > 0 && s < 1<<40 && ns >= 0 && ns < 1e9 {
		e.Time = time.Unix(s, ns).UTC()
	}
}

func decimal(hex string) string {
	n, err := strconv.ParseUint(strings.TrimSpace(hex), 0, 64)
	if err != nil {
		return ""
	}
	return strconv.FormatUint(n, 10)
}
