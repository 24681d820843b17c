package pool

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"calypso/sys/errcode"
	"calypso/zfs"
)

// Space is a pool in a list: nil is not known, or does not apply.
type Space struct {
	Name                   string
	GUID                   string
	State                  string
	Size, Allocated, Free  *uint64 // bytes
	Checkpoint, Expandable *uint64 // bytes
	Fragmentation          *uint64 // percent of the free space
	Capacity               *uint64 // percent that is used
	DedupRatio             *float64
	AltRoot                string
}

// columns are those of every release; the default ones changed.
const columns = "name,size,alloc,free,checkpoint,expandsize,frag,cap,dedupratio,health,altroot,guid"

// AskSpace asks about pools by name, none of which may be suspended.
func AskSpace(ctx context.Context, t zfs.Tools, names ...string) ([]Space, error) {
	if len(names) == 0 {
		return nil, nil
	}
	object := ""
	if len(names) == 1 {
		object = names[0]
	}
	r, err := ask(ctx, t, object, "zpool", append([]string{"list", "-Hp", "-o", columns}, names...)...)
	if err != nil {
		return nil, err
	}
	return decodeSpace(string(r.Stdout))
}

func decodeSpace(text string) ([]Space, error) {
	var list []Space
	for line := range strings.Lines(text) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) != strings.Count(columns, ",")+1 {
			return nil, errcode.New(errcode.StorageUnsupported, "zpool", "the answer of 'zpool list' is not understood: %q", line)
		}
		list = append(list, Space{
			Name: f[0], Size: figure(f[1]), Allocated: figure(f[2]), Free: figure(f[3]), Checkpoint: figure(f[4]), Expandable: figure(f[5]),
			Fragmentation: figure(f[6]), Capacity: figure(f[7]), DedupRatio: ratio(f[8]), State: f[9], AltRoot: dash(f[10]), GUID: dash(f[11]),
		})
	}
	return list, nil
}

// figure is a number, with or without a unit that some releases add (12%); "-" is none.
func figure(text string) *uint64 {
	n, err := strconv.ParseUint(strings.TrimSuffix(text, "%"), 10, 64)
	if err != nil {
		return nil
	}
	return &n
}

func ratio(text string) *float64 {
	r, err := strconv.ParseFloat(strings.TrimSuffix(text, "x"), 64)
	if err != nil || r < 0 || r > 1e12 {
		return nil
	}
	return &r
}

func dash(text string) string {
	if text == "-" {
		return ""
	}
	return text
}

// Property is one of a pool.
type Property struct {
	Name, Value string // "" is none
	Source      string // "default", "local"; "" for what is measured
}

// AskProperties asks for all properties of a pool that is not suspended.
func AskProperties(ctx context.Context, t zfs.Tools, name string) ([]Property, error) {
	r, err := ask(ctx, t, name, "zpool", "get", "-Hp", "-o", "property,value,source", "all", name)
	if err != nil {
		return nil, err
	}
	return decodeProperties(name, string(r.Stdout))
}

func decodeProperties(name, text string) ([]Property, error) {
	var list []Property
	for line := range strings.Lines(text) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) < 3 {
			return nil, errcode.New(errcode.StorageUnsupported, name, "the answer of 'zpool get' is not understood: %q", line)
		}
		last := len(f) - 1 // a comment may hold a tab
		list = append(list, Property{Name: f[0], Value: dash(strings.Join(f[1:last], "\t")), Source: dash(f[last])})
	}
	return list, nil
}

// askCreated asks when a pool was made.
func askCreated(ctx context.Context, t zfs.Tools, name string) (*time.Time, error) {
	r, err := ask(ctx, t, name, "zfs", "get", "-Hp", "-o", "value", "creation", name)
	if err != nil {
		return nil, err
	}
	n := figure(strings.TrimSpace(string(r.Stdout)))
	if n == nil || *n > 1<<40 {
		return nil, errcode.New(errcode.StorageUnsupported, name, "its creation is %q, no time", r.Stdout)
	}
	created := time.Unix(int64(*n), 0).UTC()
	return &created, nil
}

// Imported lists the pools as the kernel has them, by name. With names, those, each of which must be there.
func Imported(t zfs.Tools, names ...string) ([]Space, error) {
	for _, name := range names {
		if err := zfs.CheckPool(name); err != nil {
			return nil, err
		}
	}
	states, err := t.States()
	if err != nil {
		return nil, err
	}
	var list []Space
	for name, state := range states {
		if len(names) == 0 || slices.Contains(names, name) {
			list = append(list, Space{Name: name, State: state})
		}
	}
	for _, name := range names {
		if _, there := states[name]; !there {
			return nil, errcode.New(errcode.PoolNotFound, name, "no imported pool has this name").WithHint("%s", known(states))
		}
	}
	slices.SortFunc(list, func(a, b Space) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

func known(states map[string]string) string {
	if len(states) == 0 {
		return "no pool is imported; 'zpool import' lists those that could be"
	}
	var names []string
	for name := range states {
		names = append(names, name)
	}
	slices.Sort(names)
	return fmt.Sprintf("imported are: %s", strings.Join(names, ", "))
}

// List gives the pools with what is known of each. Of a pool that is suspended it is the state alone.
func List(ctx context.Context, t zfs.Tools, names ...string) ([]Space, error) {
	list, err := Imported(t, names...)
	if err != nil {
		return nil, err
	}
	var asked []string
	for _, p := range list {
		if p.State != zfs.Suspended {
			asked = append(asked, p.Name)
		}
	}
	answers, err := AskSpace(ctx, t, asked...)
	if err != nil {
		return nil, err
	}
	for i := range list {
		if at := slices.IndexFunc(answers, func(a Space) bool { return a.Name == list[i].Name }); at >= 0 {
			list[i] = answers[at]
		}
	}
	return list, nil
}
