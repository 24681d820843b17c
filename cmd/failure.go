package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"syscall"

	"calypso/sys/errcode"
	"calypso/tape/scsi"
)

// failure is an error made ready to show: the one place where errors become text, JSON and a status.
type failure struct {
	code   errcode.Code
	exit   errcode.Exit
	verb   string // "lto write"
	object string // "vtl01:0"
	text   string // the cause, without verb and object
	hint   string
	state  string
	sense  *scsi.Sense
}

// newFailure classifies err. A signal or the deadline explains whatever error it brought about.
func newFailure(ctx context.Context, err error, verb, object string) failure {
	code := codeOf(ctx, err)
	f := failure{code: code, exit: exitOf(code), verb: verb, object: object, hint: hintOf(code, err, verb)}
	var e *errcode.Error
	if errors.As(err, &e) {
		f.state = e.State
	}
	f.tell(split(err))
	var ended *taskFailure
	if errors.As(err, &ended) {
		f.exit = ended.status
	}
	f.text = plainWords(ctx, f.text)
	if sense, ok := scsi.SenseOf(err); ok {
		f.sense = &sense
	}
	return f
}

// plainWords says what ended the context instead of that it ended.
func plainWords(ctx context.Context, text string) string {
	switch cause := context.Cause(ctx); cause {
	case nil, context.Canceled:
		return text
	case context.DeadlineExceeded:
		return strings.ReplaceAll(text, cause.Error(), "the deadline of --timeout passed")
	default:
		return strings.ReplaceAll(text, context.Canceled.Error(), cause.Error())
	}
}

// tell makes one line of all errors: the first is why the verb failed, the others came on the way out.
// What was said already is not said again.
func (f *failure) tell(errs []error) {
	for i, err := range errs {
		text := strings.Join(strings.Split(f.describe(err), "\n"), ": ") // an errors.Join deeper down
		switch {
		case i == 0:
			f.text = text
		case !strings.Contains(f.text, text):
			f.text += "; also: " + text
		}
	}
}

// split lists the errors of an errors.Join, and err itself when it is none.
func split(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	parts := joined.Unwrap()
	if err.Error() != errors.Join(parts...).Error() {
		return []error{err} // an fmt.Errorf with words of its own
	}
	var list []error
	for _, e := range parts {
		list = append(list, split(e)...)
	}
	return list
}

// describe is the text of err, without its object when the verb's object says it already.
func (f *failure) describe(err error) string {
	e, ok := err.(*errcode.Error)
	if !ok {
		return err.Error()
	}
	if f.object == "" {
		f.object = e.Object
	}
	if cut, shortened := strings.CutSuffix(e.Object, "..."); shortened && strings.HasPrefix(f.object, cut) {
		f.object = e.Object // what was typed is too long to be repeated
	}
	if e.Object != f.object && e.Object != strconv.Quote(f.object) {
		return e.Error()
	}
	bare := *e
	bare.Object = ""
	return bare.Error()
}

func codeOf(ctx context.Context, err error) errcode.Code {
	if errcode.Of(err) == errcode.Internal {
		return errcode.Internal
	}
	cause := context.Cause(ctx)
	var signalled *errcode.Error
	if errors.As(cause, &signalled) {
		return signalled.Code
	}
	code := errcode.Of(err)
	if cause == context.DeadlineExceeded && (errors.Is(err, cause) || code == errcode.Interrupted) {
		return errcode.Timeout
	}
	return code
}

func exitOf(code errcode.Code) errcode.Exit {
	if entry, ok := errcode.Lookup(code); ok {
		return entry.Exit
	}
	return errcode.ExitFailed
}

// hintOf is the error's own hint, else the remedy of the code; for a wrong command line that is the help
// of the verb.
func hintOf(code errcode.Code, err error, verb string) string {
	var e *errcode.Error
	if errors.As(err, &e) && e.Hint != "" {
		return e.Hint
	}
	if code == errcode.Usage && verb != "" {
		return "see 'calypso " + verb + " --help'"
	}
	if code == errcode.PermissionDenied && errors.Is(err, syscall.EROFS) {
		return "the file system is mounted read-only; the kernel's log tells whether an error of its disk did that"
	}
	entry, _ := errcode.Lookup(code)
	return entry.Remedy
}

// writeText is "calypso: lto write vtl01:0: cause", then the hint.
func (f failure) writeText(w io.Writer) {
	words := []string{"calypso:"}
	if f.verb != "" {
		words = append(words, f.verb)
	}
	if f.object != "" {
		words = append(words, f.object)
	}
	head := strings.Join(words, " ")
	if head != "calypso:" {
		head += ":"
	}
	fmt.Fprintf(w, "%s %s\n", printable(head), printable(f.text))
	if f.hint != "" {
		fmt.Fprintf(w, "calypso: hint: %s\n", printable(f.hint))
	}
}

// errorDoc is the JSON form of a failure.
type errorDoc struct {
	Type     string    `json:"type"`
	Code     string    `json:"code"`
	ExitCode int       `json:"exit_code"`
	Message  string    `json:"message"`
	Hint     *string   `json:"hint"`
	Op       *string   `json:"op"`
	Object   *string   `json:"object"`
	State    *string   `json:"state"`
	Sense    *senseDoc `json:"sense"`
}

// senseDoc is what the device answered; the codes are in hexadecimal as the standards print them.
type senseDoc struct {
	Key  string `json:"key"`
	ASC  string `json:"asc"`
	ASCQ string `json:"ascq"`
	Text string `json:"text"`
}

func (f failure) doc() errorDoc {
	d := errorDoc{
		Type: "error", Code: string(f.code), ExitCode: int(f.exit), Message: f.text,
		Hint: orNull(f.hint), Op: orNull(f.verb), Object: orNull(f.object), State: orNull(f.state),
	}
	if s := f.sense; s != nil {
		d.Sense = &senseDoc{
			Key: fmt.Sprintf("%X", uint8(s.Key)), ASC: fmt.Sprintf("%02X", uint8(s.ASC>>8)),
			ASCQ: fmt.Sprintf("%02X", uint8(s.ASC)), Text: s.String(),
		}
	}
	return d
}

// orNull is null in JSON for an empty string.
func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// write shows the failure on standard error.
func (f failure) write(w io.Writer, asJSON bool) {
	if !asJSON {
		f.writeText(w)
		return
	}
	head := []field{{"schema", "calypso.error"}, {"schema_version", 1}}
	b, err := encodeJSON(head, f.doc(), false)
	if err != nil {
		f.writeText(w)
		return
	}
	w.Write(b)
}
