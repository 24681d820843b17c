package cmd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"calypso/sys/errcode"
	"calypso/tape"
)

func ltoWaitReadyCommand() *command {
	return ltoVerb(&command{
		Name: "wait-ready", Summary: "wait until the drive is ready",
		Description: "Asks the drive with TEST UNIT READY alone, which disturbs nothing, every second at first and every 30 seconds in the end, until it is ready. Without --timeout it waits for two and a half hours: an LTO-9 drive optimises a new cartridge for up to two hours at its first load, and shows how far it is. Here --timeout 0 does not mean never to give up: it looks once.\n\nThe exit status says how it ended: 0 ready; 11 not ready, but a cartridge or some patience would help; 14 the time is over; 16 the drive or the cartridge failed. Takes no lock.",
		Examples: []example{
			{"calypso lto wait-ready -f vtl01:0 && echo go", "wait, then go on"},
			{"calypso lto wait-ready -f vtl01:0 --timeout 0 --json", "look once"},
		},
		Run: runLTOWaitReady,
	})
}

// waitDoc is `calypso lto wait-ready --json`.
type waitDoc struct {
	Drive           string    `json:"drive"`
	Ready           bool      `json:"ready"`
	Outcome         string    `json:"outcome"` // ready, retry, timed_out, terminal
	State           string    `json:"state"`
	Sense           *senseDoc `json:"sense"`
	Progress        *float64  `json:"progress_ratio"`
	WaitedSeconds   float64   `json:"waited_seconds"`
	RecommendedNext *string   `json:"recommended_next"`
}

func runLTOWaitReady(ctx context.Context, inv *invocation) error {
	dev, err := inv.findDrive()
	if err != nil {
		return err
	}
	inv.setObject(dev.name)
	limit := tape.ReadyLimit
	if inv.isSet("timeout") {
		limit = inv.duration("timeout")
	}
	teller := waitTeller{inv: inv, mode: inv.progressMode()}
	watch := tape.Watch{Name: dev.name, Look: inv.lookAtDrive, Limit: limit, Tell: teller.tell}
	end, err := watch.Wait(ctx)
	doc := newWaitDoc(dev.name, end)
	if err != nil && end.Outcome == tape.Retry && errcode.Of(err) != errcode.TapeNotReady {
		return err // not a matter of the drive
	}
	return errors.Join(wantsCartridge(err, end), inv.emit(doc, func(p *page) {
		if doc.Ready {
			p.line("%s is ready", dev.name)
		}
	}))
}

// wantsCartridge gives the error of a drive that no waiting makes ready the advice that helps.
func wantsCartridge(err error, end tape.Watched) error {
	var known *errcode.Error
	if end.Outcome != tape.Retry || !errors.As(err, &known) {
		return err
	}
	switch end.Last.State {
	case tape.Empty:
		return known.WithHint("load one with 'calypso library load'")
	case tape.NeedsLoad:
		return known.WithHint("the cartridge was unloaded: put it away with 'calypso library unload', then load it again")
	}
	return err
}

func newWaitDoc(name string, end tape.Watched) waitDoc {
	r := end.Last
	doc := waitDoc{Drive: name, Ready: end.Outcome == tape.IsReady, Outcome: end.Outcome.String(), State: stateWord(r.State, nil),
		WaitedSeconds: end.Waited.Seconds(), RecommendedNext: orNull(waitAdvice(end))}
	if end.Failed {
		doc.State = "failed"
	}
	if r.Sense.ASC != 0 || r.Sense.Key != 0 {
		doc.Sense = failure{sense: &r.Sense}.doc().Sense
	}
	if r.Progress >= 0 {
		doc.Progress = &r.Progress
	}
	return doc
}

// waitAdvice is what to do next, in a word.
func waitAdvice(end tape.Watched) string {
	switch {
	case end.Outcome == tape.IsReady:
		return ""
	case end.Outcome == tape.Terminal:
		return "inspect_drive_and_cartridge"
	}
	return map[tape.ReadyState]string{tape.Empty: "load_cartridge", tape.BecomingReady: "wait", tape.NeedsLoad: "load_cartridge",
		tape.NeedsOperator: "call_operator"}[end.Last.State]
}

// lookAtDrive asks once. A virtual drive is played by this process as it was when it was opened, so it
// is opened anew for each look: another process may load it meanwhile.
func (inv *invocation) lookAtDrive(ctx context.Context) (r tape.Readiness, err error) {
	d, _, err := inv.observeDrive(ctx)
	if err != nil {
		return r, err
	}
	defer closeInto(&err, d)
	r, err = d.Ready(ctx)
	if err == nil && r.State == tape.Empty && d.library.LoadedIn(d.number) != "" {
		r.State = tape.NeedsLoad // it was unloaded and lies in the mouth of the drive
	}
	return r, err
}

// waitTeller shows on standard error how the waiting goes: when the state changes, and when the
// progress the drive tells does.
type waitTeller struct {
	inv  *invocation
	mode string
	last string
}

// waitProgressDoc is one line of --progress=json.
type waitProgressDoc struct {
	Type           string   `json:"type"`
	Op             string   `json:"op"`
	Object         *string  `json:"object"`
	Phase          string   `json:"phase"`
	Progress       *float64 `json:"progress_ratio"`
	ElapsedSeconds float64  `json:"elapsed_seconds"`
}

func (w *waitTeller) tell(r tape.Readiness, waited time.Duration) {
	if w.mode == "json" {
		w.tellJSON(r, waited)
		return
	}
	text := r.State.String()
	if r.Progress >= 0 {
		text += fmt.Sprintf(", %.0f%%", 100*r.Progress)
	}
	if text == w.last || r.State != tape.BecomingReady {
		return
	}
	w.last = text
	w.inv.note("%s is %s after %s%s", w.inv.object, text, waited, optimising(r, waited))
}

// optimising explains a wait that no load takes.
func optimising(r tape.Readiness, waited time.Duration) string {
	if r.Progress < 0 || waited < 3*time.Minute {
		return ""
	}
	return "; a new LTO-9 cartridge is optimised for up to two hours, do not interrupt it"
}

func (w *waitTeller) tellJSON(r tape.Readiness, waited time.Duration) {
	d := waitProgressDoc{Type: "progress", Op: w.inv.verbName(), Object: orNull(w.inv.object), Phase: stateWord(r.State, nil), ElapsedSeconds: waited.Seconds()}
	if r.Progress >= 0 {
		d.Progress = &r.Progress
	}
	line, err := encodeJSON([]field{{"schema", "calypso.progress"}, {"schema_version", 1}}, d, false)
	if err == nil {
		w.inv.Err.Write(line)
	}
}
