package pool

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"calypso/sys/errcode"
)

// number is an integer of the tools: a number of up to 64 bits, or text where a release has it so. "-" and
// null are unknown.
type number struct{ n *uint64 }

// UnmarshalJSON implements json.Unmarshaler.
func (x *number) UnmarshalJSON(data []byte) error {
	x.n = nil
	n, err := strconv.ParseUint(strings.Trim(string(data), `"`), 10, 64)
	if err == nil {
		x.n = &n
	}
	return nil // what is no number is unknown: one odd field must not hide a pool
}

func (x number) text() string {
	if x.n == nil {
		return ""
	}
	return strconv.FormatUint(*x.n, 10)
}

// or0 is 0 when unknown.
func (x number) or0() uint64 {
	if x.n == nil {
		return 0
	}
	return *x.n
}

// at is a time in seconds; 0 is none.
func (x number) at() *time.Time {
	if x.or0() == 0 || x.or0() > 1<<40 {
		return nil
	}
	t := time.Unix(int64(*x.n), 0).UTC()
	return &t
}

type poolJSON struct {
	Name       string `json:"name"`
	State      string `json:"state"`
	GUID       number `json:"pool_guid"`
	Status     string `json:"status"`
	Action     string `json:"action"`
	MessageID  string `json:"msgid"`
	ErrorCount number `json:"error_count"`

	Scan *struct {
		Function  string `json:"function"`
		State     string `json:"state"`
		Start     number `json:"start_time"`
		End       number `json:"end_time"`
		ToExamine number `json:"to_examine"`
		Skipped   number `json:"skipped"`
		Issued    number `json:"issued"`
		Errors    number `json:"errors"`
		PassStart number `json:"pass_start"`
		PassDone  number `json:"issued_bytes_per_scan"`
		Pause     number `json:"scrub_pause"`
		Spent     number `json:"scrub_spent_paused"`
	} `json:"scan_stats"`
	Removal *struct {
		State  string `json:"state"`
		Start  number `json:"start_time"`
		End    number `json:"end_time"`
		ToCopy number `json:"to_copy"`
		Copied number `json:"copied"`
	} `json:"removal_stats"`
	Expansion *struct {
		State    string `json:"state"`
		Start    number `json:"start_time"`
		End      number `json:"end_time"`
		ToReflow number `json:"to_reflow"`
		Reflowed number `json:"reflowed"`
	} `json:"raidz_expand_stats"`
	Checkpoint *struct {
		State string `json:"state"`
		Start number `json:"start_time"`
		Space number `json:"space"`
	} `json:"checkpoint_stats"`

	Vdevs   vdevsJSON `json:"vdevs"`
	Dedup   vdevsJSON `json:"dedup"`
	Special vdevsJSON `json:"special"`
	Logs    vdevsJSON `json:"logs"`
	L2Cache vdevsJSON `json:"l2cache"`
	Spares  vdevsJSON `json:"spares"`
}

type vdevJSON struct {
	Name     string    `json:"name"`
	Type     string    `json:"vdev_type"`
	State    string    `json:"state"`
	GUID     number    `json:"guid"`
	Path     string    `json:"path"`
	Was      string    `json:"was"`
	Aux      string    `json:"aux"`
	Read     number    `json:"read_errors"`
	Write    number    `json:"write_errors"`
	Checksum number    `json:"checksum_errors"`
	SlowIOs  number    `json:"slow_ios"`
	Vdevs    vdevsJSON `json:"vdevs"`
}

// vdevsJSON is an object whose order tells the order of the devices, which a map would lose.
type vdevsJSON []vdevJSON

// UnmarshalJSON implements json.Unmarshaler.
func (list *vdevsJSON) UnmarshalJSON(data []byte) error {
	*list = nil
	dec := json.NewDecoder(bytes.NewReader(data))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return err // null: there are none
	}
	for dec.More() {
		if _, err := dec.Token(); err != nil {
			return err
		}
		var v vdevJSON
		if err := dec.Decode(&v); err != nil {
			return err
		}
		*list = append(*list, v)
	}
	return nil
}

// decodeStatusJSON reads the answer of 'zpool status -j --json-int NAME'.
func decodeStatusJSON(data []byte, name string, now time.Time) (*Status, error) {
	var answer struct {
		Pools map[string]poolJSON `json:"pools"`
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return nil, unreadable(name, fmt.Errorf("its JSON: %w", err))
	}
	p, ok := answer.Pools[name]
	if !ok || p.State == "" {
		return nil, unreadable(name, fmt.Errorf("the pool is not in it"))
	}
	s := &Status{
		Name: name, GUID: p.GUID.text(), State: stateOf(p.State), Message: sentence(p.Status), Action: sentence(p.Action),
		MessageID: p.MessageID, DataErrors: p.ErrorCount.n,
		Scan: p.scan(now), Removal: p.removal(now), Expansion: p.expansion(now),
	}
	if c := p.Checkpoint; c != nil && c.State != "NONE" {
		s.Checkpoint = &Checkpoint{Created: c.Start.at(), Bytes: c.Space.n}
	}
	for _, root := range p.Vdevs {
		s.Vdevs = append(s.Vdevs, vdevs(root.Vdevs, Data)...)
	}
	for _, other := range []struct {
		list  vdevsJSON
		class string
	}{{p.Dedup, Dedup}, {p.Special, Special}, {p.Logs, Log}, {p.L2Cache, Cache}, {p.Spares, Spare}} {
		s.Vdevs = append(s.Vdevs, vdevs(other.list, other.class)...)
	}
	return s, nil
}

func unreadable(name string, cause error) error {
	return errcode.New(errcode.StorageUnsupported, name, "the answer of 'zpool status' is not understood: %w", cause)
}

// vdevs takes the class from where the devices stand: releases before 2.4 tell a wrong one.
func vdevs(list vdevsJSON, class string) []Vdev {
	var out []Vdev
	for _, v := range list {
		o := Vdev{
			Name: v.Name, Type: v.Type, Class: class, State: stateOf(v.State), GUID: v.GUID.text(), Path: v.Path, Was: v.Was,
			Read: v.Read.n, Write: v.Write.n, Checksum: v.Checksum.n, SlowIOs: v.SlowIOs.n, Children: vdevs(v.Vdevs, class),
		}
		if v.Was == "" {
			o.Note = auxNote(v.Aux)
		}
		out = append(out, o)
	}
	return out
}

// stateOf gives the word of the text output, which the kernel uses too: the JSON of a device that cannot be
// opened is CANT_OPEN (zpool_main.c).
func stateOf(state string) string {
	if state == "CANT_OPEN" {
		return "UNAVAIL"
	}
	return state
}

// auxNotes are the words of the text output (print_status_config in zpool_main.c).
var auxNotes = map[string]string{
	"OPEN_FAILED": "cannot open", "BAD_GUID_SUM": "missing device", "NO_REPLICAS": "insufficient replicas",
	"VERSION_NEWER": "newer version", "UNSUP_FEAT": "unsupported feature(s)", "SPARED": "currently in use",
	"ERR_EXCEEDED": "too many errors", "IO_FAILURE": "experienced I/O failures", "BAD_LOG": "bad intent log",
	"EXTERNAL": "external device fault", "EXTERNAL_PERSIST": "external device fault", "SPLIT_POOL": "split into new pool",
	"ACTIVE": "currently in use", "CHILDREN_OFFLINE": "all children offline", "BAD_LABEL": "invalid label",
	"ASHIFT_TOO_BIG": "unsupported minimum blocksize",
}

func auxNote(aux string) string {
	switch note, known := auxNotes[aux]; {
	case known:
		return note
	case aux == "" || aux == "NONE":
		return ""
	}
	return "corrupted data"
}

// sentence takes the line ends and tabs out of a text.
func sentence(text string) string { return strings.Join(strings.Fields(text), " ") }

// workStates are those of dsl_scan_state_t.
var workStates = map[string]string{"SCANNING": Running, "FINISHED": Finished, "CANCELED": Canceled}

func (p *poolJSON) scan(now time.Time) *Work {
	s := p.Scan
	if s == nil || workStates[s.State] == "" {
		return nil
	}
	w := &Work{Kind: strings.ToLower(s.Function), State: workStates[s.State], Start: s.Start.at()}
	total := s.ToExamine.or0() - min(s.ToExamine.or0(), s.Skipped.or0())
	switch w.State {
	case Finished:
		w.Errors = s.Errors.n
		w.End = s.End.at()
	case Canceled:
		w.End = s.End.at()
	case Running:
		w.Percent = percent(s.Issued.or0(), total)
		if w.PausedAt = s.Pause.at(); w.PausedAt != nil {
			w.State = Paused
		} else if since := s.PassStart.at(); since != nil {
			began := since.Add(time.Duration(min(s.Spent.or0(), 1<<32)) * time.Second)
			w.Left = left(s.PassDone.or0(), total-min(total, s.Issued.or0()), began, now, 10<<20)
		}
	}
	return w
}

func (p *poolJSON) removal(now time.Time) *Work {
	r := p.Removal
	if r == nil {
		return nil
	}
	return copying(Removal, r.State, r.Start, r.End, r.Copied.or0(), r.ToCopy.or0(), now)
}

func (p *poolJSON) expansion(now time.Time) *Work {
	e := p.Expansion
	if e == nil {
		return nil
	}
	return copying(Expansion, e.State, e.Start, e.End, e.Reflowed.or0(), e.ToReflow.or0(), now)
}

func copying(kind, state string, start, end number, done, total uint64, now time.Time) *Work {
	w := &Work{Kind: kind, State: workStates[state], Start: start.at(), End: end.at()}
	if w.State == "" {
		return nil
	}
	if w.State == Running {
		w.Percent = percent(done, total)
		if w.Start != nil {
			w.Left = left(done, total-min(total, done), *w.Start, now, 1)
		}
	}
	return w
}

func percent(done, total uint64) *float64 {
	p := 0.0
	if total > 0 {
		p = min(100, 100*float64(done)/float64(total))
	}
	return &p
}

// left estimates the time for the rest at the rate so far. Below slowest bytes a second there is no estimate,
// as in the tool: a scan that only begins would tell days.
func left(done, rest uint64, began, now time.Time, slowest float64) *time.Duration {
	elapsed := max(1, now.Sub(began).Seconds())
	rate := float64(done) / elapsed
	if rate < slowest {
		return nil
	}
	d := time.Duration(min(float64(rest)/rate, 1e9) * float64(time.Second)).Truncate(time.Second)
	return &d
}
