package state

import (
	"encoding"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"time"

	"gopkg.in/yaml.v3"
)

// flaw is what is wrong with a file, and where.
type flaw struct {
	line int
	msg  string
}

func flawAt(n *yaml.Node, key, format string, args ...any) *flaw {
	msg := fmt.Sprintf(format, args...)
	if key != "" {
		msg = fmt.Sprintf("key %q: %s", key, msg)
	}
	return &flaw{n.Line, msg}
}

var (
	nodeUnmarshaler = reflect.TypeFor[yaml.Unmarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
	timeType        = reflect.TypeFor[time.Time]()
	durationType    = reflect.TypeFor[time.Duration]()

	// decimal is an integer as people write one: no leading zero (010 is 8 in YAML 1.1), no base
	// prefix, no '_'.
	decimal = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`) })
	// fraction is the same with a fraction and an exponent: no .inf, no .nan.
	fraction = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$`) })
)

// check compares a node with the type it will be decoded into and gives the first flaw. key names
// the place to a person. top: the node is the whole file, where schema_version needs no field.
//
// Aliases are refused as a whole: nothing of ours writes them, and a few lines of them unfold to
// gigabytes.
func check(n *yaml.Node, t reflect.Type, key string, top bool) *flaw {
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		return flawAt(n, key, "anchors and aliases (& and *) are not allowed")
	}
	if t.Kind() == reflect.Pointer {
		if isNull(n) {
			return nil
		}
		return check(n, t.Elem(), key, top)
	}
	if t.Kind() == reflect.Interface {
		return checkAny(n, key)
	}
	if reflect.PointerTo(t).Implements(nodeUnmarshaler) {
		return nil
	}
	if isNull(n) {
		return flawAt(n, key, "has no value")
	}
	switch {
	case isScalarType(t):
		return checkScalar(n, t, key)
	case t.Kind() == reflect.Struct:
		return checkStruct(n, t, key, top)
	case t.Kind() == reflect.Map:
		return checkMap(n, t, key)
	}
	return checkList(n, t, key)
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

func isScalarType(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Struct, reflect.Map, reflect.Slice, reflect.Array:
		return t == timeType || reflect.PointerTo(t).Implements(textUnmarshaler)
	}
	return true
}

// checkAny is for values without a type of ours: what holds everywhere holds for them.
func checkAny(n *yaml.Node, key string) *flaw {
	switch n.Kind {
	case yaml.MappingNode:
		return checkMap(n, reflect.TypeFor[map[string]any](), key)
	case yaml.SequenceNode:
		return checkList(n, reflect.TypeFor[[]any](), key)
	}
	if tag := n.ShortTag(); tag == "!!int" {
		return checkScalar(n, reflect.TypeFor[int64](), key)
	}
	return nil
}

func checkStruct(n *yaml.Node, t reflect.Type, key string, top bool) *flaw {
	if n.Kind != yaml.MappingNode {
		return flawAt(n, key, "not a list of keys and values")
	}
	fields := fieldsOf(t)
	return eachPair(n, key, func(k, v *yaml.Node) *flaw {
		ft, ok := fields[k.Value]
		if !ok && top && k.Value == schemaKey {
			return nil
		}
		if !ok {
			return flawAt(k, "", "key %q is unknown", k.Value)
		}
		return check(v, ft, k.Value, false)
	})
}

func checkMap(n *yaml.Node, t reflect.Type, key string) *flaw {
	if n.Kind != yaml.MappingNode {
		return flawAt(n, key, "not a list of keys and values")
	}
	return eachPair(n, key, func(k, v *yaml.Node) *flaw {
		if f := check(k, t.Key(), key, false); f != nil {
			return f
		}
		return check(v, t.Elem(), k.Value, false)
	})
}

// eachPair visits the pairs of a mapping, each key once.
func eachPair(n *yaml.Node, key string, visit func(k, v *yaml.Node) *flaw) *flaw {
	seen := make(map[string]int, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if k.Kind != yaml.ScalarNode || k.Anchor != "" || k.ShortTag() == "!!merge" {
			return flawAt(k, key, "not a plain key")
		}
		if line, twice := seen[k.Value]; twice {
			return flawAt(k, "", "key %q is here a second time, the first is in line %d", k.Value, line)
		}
		seen[k.Value] = k.Line
		if f := visit(k, v); f != nil {
			return f
		}
	}
	return nil
}

func checkList(n *yaml.Node, t reflect.Type, key string) *flaw {
	if n.Kind != yaml.SequenceNode {
		return flawAt(n, key, "not a list")
	}
	if t.Kind() == reflect.Array && len(n.Content) != t.Len() {
		return flawAt(n, key, "a list of %d, want %d", len(n.Content), t.Len())
	}
	for _, item := range n.Content {
		if f := check(item, t.Elem(), key, false); f != nil {
			return f
		}
	}
	return nil
}

// known keeps the keys of struct types: a library has thousands of elements of the same one.
var known sync.Map // reflect.Type to map[string]reflect.Type

func fieldsOf(t reflect.Type) map[string]reflect.Type {
	if fields, ok := known.Load(t); ok {
		return fields.(map[string]reflect.Type)
	}
	fields := readFields(t)
	known.Store(t, fields)
	return fields
}

// readFields gives the keys of a struct as yaml.v3 names them, those of inlined structs too.
func readFields(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, inline := keyOf(f)
		switch {
		case inline && f.Type.Kind() == reflect.Struct:
			maps.Copy(fields, readFields(f.Type))
		case name != "":
			fields[name] = f.Type
		}
	}
	return fields
}

// keyOf gives the key of a struct field; "" when it has none.
func keyOf(f reflect.StructField) (name string, inline bool) {
	if f.PkgPath != "" && !f.Anonymous {
		return "", false
	}
	tag := f.Tag.Get("yaml")
	if tag == "" && !strings.Contains(string(f.Tag), ":") {
		tag = string(f.Tag)
	}
	name, options, _ := strings.Cut(tag, ",")
	switch {
	case tag == "-":
		return "", false
	case strings.Contains(","+options+",", ",inline,"):
		return "", true
	case name == "":
		return strings.ToLower(f.Name), false
	}
	return name, false
}
