package state

import (
	"reflect"
	"strconv"
	"time"

	"gopkg.in/yaml.v3"
)

// checkScalar holds a value against its type more strictly than yaml.v3, which reads 1.5 as the
// integer 1 and 010 as 8. Strings take any plain value as it is written: a barcode 000001 stays.
func checkScalar(n *yaml.Node, t reflect.Type, key string) *flaw {
	if n.Kind != yaml.ScalarNode {
		return flawAt(n, key, "a list or keys where one value is expected")
	}
	switch {
	case t == timeType:
		return checkTime(n, key)
	case t == durationType:
		return checkDuration(n, key)
	}
	switch t.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return checkInt(n, key, func(s string) error { _, err := strconv.ParseInt(s, 10, t.Bits()); return err })
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return checkInt(n, key, func(s string) error { _, err := strconv.ParseUint(s, 10, t.Bits()); return err })
	case reflect.Float32, reflect.Float64:
		return checkFloat(n, t, key)
	case reflect.Bool:
		return checkBool(n, key)
	}
	return checkText(n, key)
}

func checkInt(n *yaml.Node, key string, parse func(string) error) *flaw {
	if tag := n.ShortTag(); tag != "!!int" || !decimal().MatchString(n.Value) {
		return flawAt(n, key, "%q is not a plain decimal integer", n.Value)
	}
	if err := parse(n.Value); err != nil {
		return flawAt(n, key, "%q is out of range", n.Value)
	}
	return nil
}

func checkFloat(n *yaml.Node, t reflect.Type, key string) *flaw {
	// 1e999 has the tag of a text: yaml.v3 gives it no number.
	if n.Style != 0 || !fraction().MatchString(n.Value) {
		return flawAt(n, key, "%q is not a plain decimal number", n.Value)
	}
	if _, err := strconv.ParseFloat(n.Value, t.Bits()); err != nil {
		return flawAt(n, key, "%q is out of range", n.Value)
	}
	return nil
}

func checkBool(n *yaml.Node, key string) *flaw {
	if n.ShortTag() != "!!bool" || n.Value != "true" && n.Value != "false" {
		return flawAt(n, key, "%q is neither true nor false", n.Value)
	}
	return nil
}

func checkTime(n *yaml.Node, key string) *flaw {
	if _, err := time.Parse(time.RFC3339Nano, n.Value); err != nil {
		return flawAt(n, key, "%q is not a time like 2026-01-31T12:00:00Z", n.Value)
	}
	return nil
}

// checkDuration wants a unit: a bare number would be nanoseconds.
func checkDuration(n *yaml.Node, key string) *flaw {
	if _, err := time.ParseDuration(n.Value); err != nil {
		return flawAt(n, key, "%q is not a duration like 30s or 1h30m", n.Value)
	}
	return nil
}

// checkText lets !!binary pass, that is how yaml.v3 writes a string that is not UTF-8, and !!merge,
// for it writes the string "<<" bare.
func checkText(n *yaml.Node, key string) *flaw {
	switch tag := n.ShortTag(); tag {
	case "!!str", "!!binary", "!!int", "!!float", "!!bool", "!!timestamp", "!!merge":
		return nil
	default:
		return flawAt(n, key, "a value with the tag %s is not a text", tag)
	}
}
