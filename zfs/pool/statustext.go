package pool

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// decodeStatusText reads the answer of 'zpool status -p NAME' of releases without JSON, in LC_ALL=C and UTC:
// "key: text" where the lines of the text go on with a tab, and the table of devices under config.
func decodeStatusText(text, name string) (*Status, error) {
	sections := statusSections(text)
	if sections["pool"] != name || sections["state"] == "" {
		return nil, unreadable(name, fmt.Errorf("the pool is not in it"))
	}
	s := &Status{
		Name: name, State: sections["state"], Message: sentence(sections["status"]), Action: sentence(sections["action"]),
		MessageID: messageID(sections["see"]), Scan: scanText(sections["scan"]), Removal: removalText(sections["remove"]),
		Expansion: expansionText(sections["expand"]), Checkpoint: checkpointText(sections["checkpoint"]), DataErrors: dataErrors(sections["errors"]),
	}
	s.Vdevs = configText(sections["config"])
	if len(s.Vdevs) == 0 {
		return nil, unreadable(name, fmt.Errorf("it has no devices"))
	}
	return s, nil
}

var sectionLine = regexp.MustCompile(`^ {0,6}([a-z]+):(?: (.*))?$`)

// statusSections parts the first pool of an answer.
func statusSections(text string) map[string]string {
	sections := map[string]string{}
	key := ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if m := sectionLine.FindStringSubmatch(line); m != nil {
			if m[1] == "pool" && key != "" {
				break
			}
			key = m[1]
			sections[key] = m[2]
		} else if key != "" {
			sections[key] += "\n" + line
		}
	}
	return sections
}

func messageID(see string) string { return see[strings.LastIndexByte(see, '/')+1:] }

// dataErrors is nil where the tool cannot tell ("List of errors unavailable").
func dataErrors(text string) *uint64 {
	first, _, _ := strings.Cut(text, " ")
	switch n, ok := amount(first); {
	case strings.HasPrefix(text, "No known data errors"):
		return new(uint64)
	case ok && strings.Contains(text, "data errors"):
		return &n
	}
	return nil
}

const dateLayout = `[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}`

var (
	sinceDate   = regexp.MustCompile(`(?:since|started on) (` + dateLayout + `)`)
	endDate     = regexp.MustCompile(`(?:canceled on|errors on|completed on|, on) (` + dateLayout + `)`)
	createdDate = regexp.MustCompile(`created (` + dateLayout + `)(?:, consumes (\S+))?`)
	percentDone = regexp.MustCompile(`(\d+(?:\.\d+)?)% done`)
	errorsFound = regexp.MustCompile(`with (\S+) errors`)
	clockToGo   = regexp.MustCompile(`(?:(\d+) days? )?(\d+):(\d\d):(\d\d) to go`)
	hoursToGo   = regexp.MustCompile(`(\d+)h(\d+)m to go`)
)

func date(re *regexp.Regexp, text string) *time.Time {
	m := re.FindStringSubmatch(text)
	if m == nil {
		return nil
	}
	t, err := time.Parse(time.ANSIC, m[1])
	if err != nil {
		return nil
	}
	return &t
}

func scanText(text string) *Work {
	w := &Work{Kind: Scrub}
	if strings.HasPrefix(text, "resilver") {
		w.Kind = Resilver
	} else if !strings.HasPrefix(text, "scrub") {
		return nil // "none requested"
	}
	first, rest, _ := strings.Cut(text, "\n")
	switch {
	case strings.Contains(first, "paused since"):
		w.State, w.PausedAt, w.Start = Paused, date(sinceDate, first), date(sinceDate, rest)
	case strings.Contains(first, "in progress since"):
		w.State, w.Start = Running, date(sinceDate, first)
	case strings.Contains(first, "canceled on"):
		w.State, w.End = Canceled, date(endDate, first)
	default:
		w.State, w.End = Finished, date(endDate, first)
		if m := errorsFound.FindStringSubmatch(first); m != nil {
			if n, ok := amount(m[1]); ok {
				w.Errors = &n
			}
		}
	}
	return w.progress(text)
}

func removalText(text string) *Work {
	switch {
	case strings.HasPrefix(text, "Evacuation of"):
		w := &Work{Kind: Removal, State: Running, Start: date(sinceDate, text)}
		return w.progress(text)
	case strings.Contains(text, "canceled on"):
		return &Work{Kind: Removal, State: Canceled, End: date(endDate, text)}
	case strings.Contains(text, "completed on"):
		return &Work{Kind: Removal, State: Finished, End: date(endDate, text)}
	}
	return nil
}

func expansionText(text string) *Work {
	switch {
	case strings.HasPrefix(text, "expansion of"):
		w := &Work{Kind: Expansion, State: Running, Start: date(sinceDate, text)}
		return w.progress(text)
	case strings.HasPrefix(text, "expanded "):
		return &Work{Kind: Expansion, State: Finished, End: date(endDate, text)}
	}
	return nil
}

// progress fills in what is told of work that has not ended.
func (w *Work) progress(text string) *Work {
	if w.State != Running && w.State != Paused {
		return w
	}
	if m := percentDone.FindStringSubmatch(text); m != nil {
		if p, err := strconv.ParseFloat(m[1], 64); err == nil {
			w.Percent = &p
		}
	}
	w.Left = toGo(text)
	return w
}

// toGo reads "1 days 02:55:32 to go" and "0h31m to go".
func toGo(text string) *time.Duration {
	var d time.Duration
	if m := clockToGo.FindStringSubmatch(text); m != nil {
		d = parts(m[1:], 24*time.Hour, time.Hour, time.Minute, time.Second)
	} else if m := hoursToGo.FindStringSubmatch(text); m != nil {
		d = parts(m[1:], time.Hour, time.Minute)
	} else {
		return nil
	}
	return &d
}

func parts(texts []string, units ...time.Duration) time.Duration {
	var d time.Duration
	for i, u := range units {
		n, _ := strconv.ParseInt(texts[i], 10, 32) // "" is none
		d += time.Duration(min(n, 1e5)) * u
	}
	return d
}

func checkpointText(text string) *Checkpoint {
	if text == "" {
		return nil
	}
	c := &Checkpoint{Created: date(createdDate, text)}
	if m := createdDate.FindStringSubmatch(text); m != nil {
		if n, ok := amount(m[2]); ok {
			c.Bytes = &n
		}
	}
	return c
}

// amount reads a number, which without -p is rounded for people: 1.90K.
func amount(text string) (uint64, bool) {
	if n, err := strconv.ParseUint(text, 10, 64); err == nil {
		return n, true
	}
	if text == "" {
		return 0, false
	}
	power := strings.IndexByte("BKMGTPE", text[len(text)-1])
	f, err := strconv.ParseFloat(text[:len(text)-1], 64)
	if power < 0 || err != nil || f < 0 || f > 1e5 {
		return 0, false
	}
	n := f * math.Pow(1024, float64(power))
	if n >= math.MaxUint64 {
		return 0, false
	}
	return uint64(n), true
}

// classHeads are the lines between the devices of one class and of the next.
var classHeads = map[string]string{"dedup": Dedup, "special": Special, "logs": Log, "cache": Cache, "spares": Spare}

// configText reads the table of devices. The column of the state tells where names end: they may hold spaces.
func configText(table string) []Vdev {
	var tree []Vdev // of each class, below one another
	class, column := Data, -1
	for line := range strings.Lines(table) {
		row, ok := strings.CutPrefix(strings.TrimRight(line, "\n"), "\t")
		switch trimmed := strings.TrimRight(row, "\t "); {
		case !ok || trimmed == "":
		case column < 0:
			if strings.HasPrefix(row, "NAME ") {
				column = strings.Index(row, " STATE ") + 1
			}
		case classHeads[trimmed] != "":
			class = classHeads[trimmed]
		case len(row) > column && row[0] == ' ':
			depth, v := configRow(row, column, class)
			place(&tree, depth, v)
		}
	}
	setTypes(tree)
	return tree
}

// configRow reads one device: two spaces a level, the root of the pool at none.
func configRow(row string, column int, class string) (depth int, v Vdev) {
	name := row[:column]
	bare := strings.TrimLeft(name, " ")
	v = Vdev{Name: strings.TrimRight(bare, " "), Class: class}
	fields := strings.Fields(row[column:])
	if len(fields) > 0 {
		v.State, fields = fields[0], fields[1:]
	}
	if class != Spare {
		for _, to := range []**uint64{&v.Read, &v.Write, &v.Checksum, &v.SlowIOs} {
			if len(fields) == 0 {
				break
			}
			n, ok := amount(fields[0])
			if !ok && fields[0] != "-" {
				break
			}
			if ok {
				*to = &n
			}
			fields = fields[1:]
		}
	}
	v.Note, v.Was = note(strings.Join(fields, " "))
	return (len(name) - len(bare)) / 2, v
}

var passing = regexp.MustCompile(` *\([^)]*\)| *block size: \S+ configured, \S+ native`)

// note is why a device is in its state. What it is doing, and its block size, is no reason.
func note(text string) (why, was string) {
	text = strings.TrimSpace(passing.ReplaceAllString(text, ""))
	if path, ok := strings.CutPrefix(text, "was "); ok {
		return "", path
	}
	return text, ""
}

// place puts a device below the last one of the level above. Level 1 is the top.
func place(tree *[]Vdev, depth int, v Vdev) {
	for ; depth > 1 && len(*tree) > 0; depth-- {
		tree = &(*tree)[len(*tree)-1].Children
	}
	*tree = append(*tree, v)
}

var (
	groupName  = regexp.MustCompile(`^(mirror|replacing|spare|raidz|draid|indirect|hole|missing)\d*(?::\S+)?-\d+$`)
	draidSpare = regexp.MustCompile(`^draid\d-\d+-\d+$`)
)

// setTypes tells the types from the names, which is all that the text has.
func setTypes(tree []Vdev) {
	for i := range tree {
		v := &tree[i]
		path := v.Name
		if v.Was != "" {
			path = v.Was
		}
		switch m := groupName.FindStringSubmatch(v.Name); {
		case draidSpare.MatchString(v.Name):
			v.Type = "dspare"
		case m != nil:
			v.Type = m[1]
		case strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "/dev/"):
			v.Type = "file"
		default:
			v.Type = "disk"
		}
		if len(v.Children) > 0 {
			v.SlowIOs = nil // with -p a group counts 0 where it counts nothing
		}
		setTypes(v.Children)
	}
}
