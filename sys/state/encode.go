package state

import (
	"bytes"
	"encoding"
	"encoding/base64"
	"fmt"
	"reflect"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"calypso/sys/errcode"
)

// encode gives v as YAML. It builds the nodes itself and quotes every text that is not plainly a
// word: left to itself yaml.v3 writes texts with leading newlines or blanks as block scalars that
// it reads back as something else, and a key "<<" as one that it cannot read at all. What was made
// is read back before it may take the place of a good file.
func encode(path string, v any) ([]byte, error) {
	node, err := nodeOf(reflect.ValueOf(v))
	if err != nil {
		return nil, errcode.New(errcode.Internal, path, "encode: %w", err)
	}
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(node); err != nil {
		return nil, errcode.New(errcode.Internal, path, "encode: %w", err)
	}
	again := reflect.New(reflect.TypeOf(v))
	if err := decode(path, b.Bytes(), 0, again.Interface()); err != nil {
		return nil, errcode.New(errcode.Internal, path, "nothing was written, for it could not be read again: %w", err)
	}
	return b.Bytes(), nil
}

// nodeOf gives the node of a value, with the keys and options of yaml struct tags: a name, "-",
// "inline" for structs, "omitempty".
func nodeOf(v reflect.Value) (*yaml.Node, error) {
	if !v.IsValid() {
		return scalar("!!null", "null"), nil
	}
	if node, ok, err := special(v); ok || err != nil {
		return node, err
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		return nodeOf(v.Elem())
	case reflect.Bool:
		return scalar("!!bool", strconv.FormatBool(v.Bool())), nil
	case reflect.String:
		return textNode(v.String()), nil
	case reflect.Float32, reflect.Float64:
		return floatNode(strconv.FormatFloat(v.Float(), 'g', -1, v.Type().Bits())), nil
	case reflect.Struct:
		node := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		return node, addFields(node, v)
	case reflect.Map:
		return mapNode(v)
	case reflect.Slice, reflect.Array:
		return listNode(v)
	}
	switch {
	case v.CanInt():
		return scalar("!!int", strconv.FormatInt(v.Int(), 10)), nil
	case v.CanUint():
		return scalar("!!int", strconv.FormatUint(v.Uint(), 10)), nil
	}
	return nil, fmt.Errorf("a %s has no YAML", v.Type())
}

// special gives the node of types that say themselves how they are written.
func special(v reflect.Value) (*yaml.Node, bool, error) {
	if v.Kind() == reflect.Pointer && v.IsNil() || !v.CanInterface() {
		return nil, false, nil
	}
	switch x := v.Interface().(type) {
	case time.Time:
		return scalar("!!timestamp", x.Format(time.RFC3339Nano)), true, nil
	case time.Duration:
		return textNode(x.String()), true, nil
	case yaml.Marshaler:
		other, err := x.MarshalYAML()
		if err != nil {
			return nil, true, err
		}
		node, err := nodeOf(reflect.ValueOf(other))
		return node, true, err
	case encoding.TextMarshaler:
		text, err := x.MarshalText()
		return textNode(string(text)), true, err
	}
	return nil, false, nil
}

func scalar(tag, value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: value}
}

// floatNode takes the tag that the text resolves to, so that none is written.
func floatNode(text string) *yaml.Node {
	if decimal().MatchString(text) {
		return scalar("!!int", text)
	}
	return scalar("!!float", text)
}

var (
	// word is a text that needs no quotes in any YAML: it cannot be a number, an indicator, a comment.
	word = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^[A-Za-z/][A-Za-z0-9_./@+-]*( [A-Za-z0-9_./@+-]+)*$`)
	})
	// reserved are the words that are no texts in YAML 1.1 or 1.2.
	reserved = map[string]bool{"null": true, "true": true, "false": true, "yes": true, "no": true, "on": true, "off": true, "y": true, "n": true}
)

func textNode(text string) *yaml.Node {
	if !utf8.ValidString(text) {
		return scalar("!!binary", base64.StdEncoding.EncodeToString([]byte(text)))
	}
	node := scalar("!!str", text)
	if !word().MatchString(text) || reserved[strings.ToLower(text)] {
		node.Style = yaml.DoubleQuotedStyle
	}
	return node
}

func addFields(node *yaml.Node, v reflect.Value) error {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, inline := keyOf(f)
		switch {
		case inline:
			if err := addFields(node, v.Field(i)); err != nil {
				return err
			}
		case name != "" && !(v.Field(i).IsZero() && omitEmpty(f)):
			if err := addPair(node, textNode(name), v.Field(i)); err != nil {
				return err
			}
		}
	}
	return nil
}

func omitEmpty(f reflect.StructField) bool {
	_, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	return strings.Contains(","+options+",", ",omitempty,")
}

func addPair(node, key *yaml.Node, value reflect.Value) error {
	child, err := nodeOf(value)
	if err != nil {
		return fmt.Errorf("%s: %w", key.Value, err)
	}
	node.Content = append(node.Content, key, child)
	return nil
}

// mapNode sorts the keys, so that the same content is always the same file.
func mapNode(v reflect.Value) (*yaml.Node, error) {
	node := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	if v.Len() == 0 {
		node.Style = yaml.FlowStyle
	}
	type pair struct {
		key   *yaml.Node
		value reflect.Value
	}
	var pairs []pair
	for it := v.MapRange(); it.Next(); {
		key, err := nodeOf(it.Key())
		if err != nil {
			return nil, err
		}
		pairs = append(pairs, pair{key, it.Value()})
	}
	sort.Slice(pairs, func(i, j int) bool { return pairs[i].key.Value < pairs[j].key.Value })
	for _, p := range pairs {
		if err := addPair(node, p.key, p.value); err != nil {
			return nil, err
		}
	}
	return node, nil
}

func listNode(v reflect.Value) (*yaml.Node, error) {
	node := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	if v.Len() == 0 {
		node.Style = yaml.FlowStyle
	}
	for i := range v.Len() {
		item, err := nodeOf(v.Index(i))
		if err != nil {
			return nil, err
		}
		node.Content = append(node.Content, item)
	}
	return node, nil
}
