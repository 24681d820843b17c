package cmd

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// field is one key of the top level of a JSON document.
type field struct {
	key   string
	value any
}

// encodeJSON writes head and then the fields of doc as one flat object. Unlike encoding/json it never
// drops a key (omitempty is ignored), writes nil slices as [] and nil maps as {}, times as RFC 3339
// UTC (the zero time as null) and does not escape <, > and &. doc is a struct, or nil for head alone.
// With indent it is laid out for reading.
func encodeJSON(head []field, doc any, indent bool) ([]byte, error) {
	e := newJSONEncoder()
	e.b.WriteByte('{')
	for _, f := range head {
		if err := e.field(f.key, reflect.ValueOf(f.value)); err != nil {
			return nil, err
		}
	}
	if doc != nil {
		v := reflect.Indirect(reflect.ValueOf(doc))
		if v.Kind() != reflect.Struct {
			return nil, fmt.Errorf("JSON document is a %T, not a struct", doc)
		}
		if err := e.fields(v); err != nil {
			return nil, err
		}
	}
	e.b.WriteByte('}')
	if indent {
		var laid bytes.Buffer
		if err := json.Indent(&laid, e.b.Bytes(), "", "  "); err != nil {
			return nil, err
		}
		e.b = laid
	}
	e.b.WriteByte('\n')
	return e.b.Bytes(), nil
}

// jsonEncoder is made for documents of ten thousand records: what json.Encoder does for each of their
// values is done once, and plain text and numbers go past it.
type jsonEncoder struct {
	b    bytes.Buffer
	enc  *json.Encoder // into b
	keys []string      // of the object being written; a key must not come twice
}

func newJSONEncoder() *jsonEncoder {
	e := &jsonEncoder{}
	e.enc = json.NewEncoder(&e.b)
	e.enc.SetEscapeHTML(false)
	return e
}

func (e *jsonEncoder) field(key string, v reflect.Value) error {
	if slices.Contains(e.keys, key) {
		return fmt.Errorf("JSON key %q comes twice", key)
	}
	if e.keys = append(e.keys, key); len(e.keys) > 1 {
		e.b.WriteByte(',')
	}
	if err := e.text(key); err != nil {
		return err
	}
	e.b.WriteByte(':')
	return e.value(v)
}

// fields writes the exported fields of a struct; embedded structs without a name of their own are
// written in place.
func (e *jsonEncoder) fields(v reflect.Value) error {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		key, inline := jsonKey(f)
		switch {
		case key == "":
			continue
		case inline:
			if err := e.fields(v.Field(i)); err != nil {
				return err
			}
		default:
			if err := e.field(key, v.Field(i)); err != nil {
				return err
			}
		}
	}
	return nil
}

// jsonKey is the key of a struct field, "" for one that is not written.
func jsonKey(f reflect.StructField) (key string, inline bool) {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	switch {
	case name == "-" || !f.IsExported() && !f.Anonymous:
		return "", false
	case name != "":
		return name, false
	case f.Anonymous && f.Type.Kind() == reflect.Struct:
		return f.Name, true
	}
	return f.Name, false
}

func (e *jsonEncoder) value(v reflect.Value) error {
	if !v.IsValid() {
		return e.scalar(nil)
	}
	if done, err := e.special(v); done {
		return err
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return e.scalar(nil)
		}
		return e.value(v.Elem())
	case reflect.Struct:
		return e.object(func() error { return e.fields(v) })
	case reflect.Map:
		return e.object(func() error { return e.entries(v) })
	case reflect.Slice, reflect.Array:
		return e.list(v)
	case reflect.String:
		return e.text(v.String())
	case reflect.Int, reflect.Int64:
		e.b.Write(strconv.AppendInt(e.b.AvailableBuffer(), v.Int(), 10))
		return nil
	case reflect.Float32, reflect.Float64:
		if f := v.Float(); math.IsNaN(f) || math.IsInf(f, 0) {
			return e.scalar(nil)
		}
	}
	return e.scalar(v.Interface())
}

// special writes times, durations are refused, and types that know their own encoding.
func (e *jsonEncoder) special(v reflect.Value) (bool, error) {
	if v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface || !v.CanInterface() || v.Type().PkgPath() == "" && v.Kind() != reflect.Slice {
		return false, nil
	}
	switch x := v.Interface().(type) {
	case time.Time:
		if x.IsZero() {
			return true, e.scalar(nil)
		}
		return true, e.scalar(x.UTC().Format(time.RFC3339Nano))
	case time.Duration:
		return true, fmt.Errorf("a time.Duration has no unit in JSON: use seconds")
	case []byte:
		return true, fmt.Errorf("bytes have no form in JSON: use a string")
	case json.Marshaler, encoding.TextMarshaler:
		return true, e.scalar(x)
	}
	return false, nil
}

// object writes {...} with its own set of keys.
func (e *jsonEncoder) object(body func() error) error {
	outer := e.keys
	e.keys = make([]string, 0, 24)
	e.b.WriteByte('{')
	err := body()
	e.b.WriteByte('}')
	e.keys = outer
	return err
}

// entries writes a map in the order of its keys.
func (e *jsonEncoder) entries(v reflect.Value) error {
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	for _, k := range keys {
		if err := e.field(fmt.Sprint(k), v.MapIndex(k)); err != nil {
			return err
		}
	}
	return nil
}

func (e *jsonEncoder) list(v reflect.Value) error {
	e.b.WriteByte('[')
	for i := range v.Len() {
		if i > 0 {
			e.b.WriteByte(',')
		}
		if err := e.value(v.Index(i)); err != nil {
			return err
		}
	}
	e.b.WriteByte(']')
	return nil
}

func (e *jsonEncoder) scalar(x any) error {
	if err := e.enc.Encode(x); err != nil {
		return err
	}
	e.b.Truncate(e.b.Len() - 1) // the newline Encode adds
	return nil
}

// text writes a string. What would act on a terminal and encoding/json lets pass (a terminal reads U+009B as
// ESC [) is written as \u009b, which is the same to who parses it.
func (e *jsonEncoder) text(s string) error {
	for _, c := range []byte(s) {
		if c < 0x20 || c > 0x7e || c == '"' || c == '\\' {
			return e.escaped(s)
		}
	}
	e.b.WriteByte('"')
	e.b.WriteString(s)
	e.b.WriteByte('"')
	return nil
}

func (e *jsonEncoder) escaped(s string) error {
	if !strings.ContainsFunc(s, actsOnTerminal) {
		return e.scalar(s)
	}
	start := e.b.Len()
	if err := e.scalar(s); err != nil {
		return err
	}
	quoted := string(e.b.Bytes()[start:])
	e.b.Truncate(start)
	for _, r := range quoted {
		if actsOnTerminal(r) {
			fmt.Fprintf(&e.b, "\\u%04x", r)
		} else {
			e.b.WriteRune(r)
		}
	}
	return nil
}
