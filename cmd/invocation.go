package cmd

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"calypso/sys/place"
	"calypso/vtl"
)

// invocation is one run of one verb: what the user asked for and the ways to answer.
type invocation struct {
	ctx context.Context // with the deadline; tells report what ended the run
	streams
	places     place.Places
	getenv     func(string) string
	cmd        *command
	path       []string // "lto", "write"
	argv       []string // as typed, with argv[0]
	args       []string
	values     map[string]*value
	object     string        // what the verb works on, for messages and audit
	deviceName string        // the drive, when the verb names it by another flag than --drive
	patience   time.Duration // how long the verb waits for a lock at the least
	dryRun     bool
	json       bool
	quiet      bool
	verbose    bool

	played *vtl.Store               // plays virtual devices; a robot must find the drives that are open
	schema string                   // of the document, when not that of the verb
	answer []byte                   // rendered by emit, written when the verb has ended
	bar    atomic.Pointer[progress] // drawn at present, if any

	abandoned bool // the verb did not end in time and may still be using the rest
}

// verbName is "lto write".
func (inv *invocation) verbName() string { return strings.Join(inv.path, " ") }

// setObject names what the verb works on when that is not its first argument or ObjectFlag.
func (inv *invocation) setObject(name string) { inv.object = name }

// value finds a flag's value. Asking for a flag that was not declared is a bug.
func (inv *invocation) value(name string) *value {
	v, ok := inv.values[name]
	if !ok {
		panic(fmt.Sprintf("%s: flag --%s is not declared", inv.verbName(), name))
	}
	return v
}

// isSet says whether the command line, the environment or the configuration gave the flag.
func (inv *invocation) isSet(name string) bool {
	source := inv.value(name).source
	return source != "" && source != fromDefault
}

// flag is the value of a bool flag.
func (inv *invocation) flag(name string) bool { return inv.value(name).String() == "true" }

// str is the value of a string flag, "" when there is none.
func (inv *invocation) str(name string) string { return inv.value(name).String() }

// strs are the values of a repeated flag, in order.
func (inv *invocation) strs(name string) []string { return inv.value(name).texts }

// integer is the value of an int flag, 0 when there is none (see isSet).
func (inv *invocation) integer(name string) int64 {
	n, _ := parseInt(inv.value(name).String()) // checked when it was set
	return n
}

// uinteger is the value of a uint flag, 0 when there is none.
func (inv *invocation) uinteger(name string) uint64 {
	n, _ := parseUint(inv.value(name).String())
	return n
}

// size is the value of a size flag in bytes, 0 when there is none.
func (inv *invocation) size(name string) int64 {
	n, _ := parseSize(inv.value(name).String())
	return n
}

// duration is the value of a duration flag, 0 when there is none.
func (inv *invocation) duration(name string) time.Duration { return inv.value(name).duration() }

// lockTimeout is how long to wait for a lock; 0 fails at once.
func (inv *invocation) lockTimeout() time.Duration {
	return max(inv.duration("lock-timeout"), inv.patience)
}

// arg is the argument declared under a name, "" when an optional one was left out.
func (inv *invocation) arg(name string) string {
	if list := inv.argList(name); len(list) > 0 {
		return list[0]
	}
	return ""
}

// argList is what a repeated argument took.
func (inv *invocation) argList(name string) []string {
	for i, a := range inv.cmd.Args {
		switch {
		case a.Name != name:
		case i >= len(inv.args):
			return nil
		case a.Repeated:
			return inv.args[i:]
		default:
			return inv.args[i : i+1]
		}
	}
	return nil
}

// note tells the person what happened; --quiet silences it.
func (inv *invocation) note(format string, args ...any) {
	if !inv.quiet && !inv.json {
		inv.say("calypso: " + fmt.Sprintf(format, args...))
	}
}

// detail is a note for --verbose.
func (inv *invocation) detail(format string, args ...any) {
	if inv.verbose {
		inv.note(format, args...)
	}
}

// warn tells what is not as it should be though the verb goes on. In --json mode the document must
// carry it instead.
func (inv *invocation) warn(format string, args ...any) {
	if !inv.json {
		inv.say("calypso: warning: " + fmt.Sprintf(format, args...))
	}
}

// say writes one line to standard error, above the progress bar if one is drawn.
func (inv *invocation) say(line string) {
	line = printable(line) + "\n"
	if bar := inv.bar.Load(); bar != nil && bar.above(line) {
		return
	}
	fmt.Fprint(inv.Err, line)
}

// emit is the verb's answer: doc (a struct) as JSON, or what text draws. The whole is rendered at
// once and written when the verb has ended, so that it is complete or absent. The keys schema,
// schema_version and, for a verb that changes things, dry_run are put before those of doc.
func (inv *invocation) emit(doc any, text func(*page)) error {
	if inv.json {
		b, err := encodeJSON(inv.head(), doc, inv.OutTTY)
		inv.answer = b
		return err
	}
	p := &page{}
	text(p)
	inv.answer = append(inv.answer, p.b.Bytes()...)
	if inv.ErrTTY {
		for _, note := range p.empty {
			inv.note("%s", note)
		}
	}
	return nil
}

// head are the first keys of every document.
func (inv *invocation) head() []field {
	if inv.schema != "" {
		return []field{{"schema", inv.schema}, {"schema_version", 1}}
	}
	head := []field{{"schema", "calypso." + strings.Join(inv.path, ".")}, {"schema_version", inv.cmd.schemaVersion()}}
	if inv.cmd.mayMutate() {
		head = append(head, field{"dry_run", inv.dryRun})
	}
	return head
}

// close takes the progress bar away and writes the answer.
func (inv *invocation) close() {
	if inv.abandoned {
		return
	}
	if bar := inv.bar.Load(); bar != nil {
		bar.finish()
	}
	if len(inv.answer) > 0 {
		inv.Out.Write(inv.answer) // Out remembers a failure
	}
}
