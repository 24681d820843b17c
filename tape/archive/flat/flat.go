// Package flat reads and writes the lines of JSON Lines files whose objects are flat: every value
// is a string, an integer, a boolean or null (a subset of RFC 8259). The catalog and the member
// lists are such files; they hold up to millions of lines, which a decoder by reflection makes the
// slowest part of every listing.
//
// Limits: no nested values, no fractions; keys are written without escapes and come from a table;
// every key of the table must be there exactly once. What it accepts, encoding/json accepts with
// the same meaning.
package flat

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// Value is one value as it stands in the line.
type Value struct {
	raw []byte
}

// Decode reads one object and calls set with the index in keys, of which there may be 64 at most,
// and the value of each. Any order of keys is read; the order of the table is read fastest.
func Decode(line []byte, keys []string, set func(key int, v Value) error) error {
	s := scanner{rest: line}
	if !s.take('{') {
		return errors.New("not an object")
	}
	var seen uint64
	for next := 0; ; next++ {
		i, err := s.key(keys, next)
		if err != nil {
			return err
		}
		if seen&(1<<i) != 0 {
			return fmt.Errorf("key %q twice", keys[i])
		}
		seen |= 1 << i
		v, err := s.value()
		if err != nil {
			return fmt.Errorf("key %q: %w", keys[i], err)
		}
		if err := set(i, v); err != nil {
			return fmt.Errorf("key %q: %w", keys[i], err)
		}
		next = i
		if !s.take(',') {
			break
		}
	}
	return s.end(seen, keys)
}

type scanner struct {
	rest []byte
}

func (s *scanner) end(seen uint64, keys []string) error {
	if !s.take('}') {
		return errors.New("no , or } after a value")
	}
	s.space()
	if len(s.rest) > 0 {
		return errors.New("more after the object")
	}
	for i, k := range keys {
		if seen&(1<<i) == 0 {
			return fmt.Errorf("key %q missing", k)
		}
	}
	return nil
}

func (s *scanner) space() {
	for len(s.rest) > 0 && (s.rest[0] == ' ' || s.rest[0] == '\t' || s.rest[0] == '\r' || s.rest[0] == '\n') {
		s.rest = s.rest[1:]
	}
}

func (s *scanner) take(c byte) bool {
	s.space()
	if len(s.rest) == 0 || s.rest[0] != c {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

// key reads a key and its colon and gives its index; guess is the index expected.
func (s *scanner) key(keys []string, guess int) (int, error) {
	s.space()
	raw, err := s.quoted()
	if err != nil {
		return 0, err
	}
	name := raw[1 : len(raw)-1]
	if !s.take(':') {
		return 0, fmt.Errorf("no : after key %q", name)
	}
	if guess < len(keys) && string(name) == keys[guess] {
		return guess, nil
	}
	for i, k := range keys {
		if string(name) == k {
			return i, nil
		}
	}
	return 0, fmt.Errorf("unknown key %q", name)
}

// quoted takes a string with its quotes, without looking into it.
func (s *scanner) quoted() ([]byte, error) {
	if len(s.rest) == 0 || s.rest[0] != '"' {
		return nil, errors.New("no string where one must be")
	}
	for end := 1; ; end++ {
		n := bytes.IndexByte(s.rest[end:], '"')
		if n < 0 {
			return nil, errors.New("string without end")
		}
		if end += n; !escaped(s.rest[1:end]) {
			raw := s.rest[:end+1]
			s.rest = s.rest[end+1:]
			return raw, nil
		}
	}
}

// escaped tells whether what follows body is escaped: an odd number of backslashes ends it.
func escaped(body []byte) bool {
	n := len(body)
	for n > 0 && body[n-1] == '\\' {
		n--
	}
	return (len(body)-n)%2 == 1
}

func (s *scanner) value() (Value, error) {
	s.space()
	if len(s.rest) > 0 && s.rest[0] == '"' {
		raw, err := s.quoted()
		return Value{raw}, err
	}
	n := bytes.IndexAny(s.rest, ",} \t\r\n")
	if n < 0 {
		n = len(s.rest)
	}
	v := Value{s.rest[:n]}
	s.rest = s.rest[n:]
	if !v.Null() && !v.isBool() && !v.isInt() {
		return Value{}, fmt.Errorf("value %q is no string, integer, boolean or null", v.raw)
	}
	return v, nil
}

// Null tells whether the value is null.
func (v Value) Null() bool { return string(v.raw) == "null" }

func (v Value) isBool() bool { return string(v.raw) == "true" || string(v.raw) == "false" }

// isInt tells whether the value is an integer as JSON writes it: no sign but -, no leading zero.
func (v Value) isInt() bool {
	digits := bytes.TrimPrefix(v.raw, []byte("-"))
	if len(digits) == 0 || digits[0] == '0' && len(v.raw) > 1 {
		return false
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// Int gives an integer.
func (v Value) Int() (int64, error) {
	if !v.isInt() {
		return 0, fmt.Errorf("%s is not an integer", v.raw)
	}
	n, err := strconv.ParseInt(string(v.raw), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s is too large", v.raw)
	}
	return n, nil
}

// Bool gives a boolean.
func (v Value) Bool() (bool, error) {
	if !v.isBool() {
		return false, fmt.Errorf("%s is not a boolean", v.raw)
	}
	return v.raw[0] == 't', nil
}

// Time gives a time as RFC 3339 writes it.
func (v Value) Time() (time.Time, error) {
	s, err := v.Text()
	if err != nil {
		return time.Time{}, err
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is not a time", s)
	}
	return t.UTC(), nil
}

// Text gives a string.
func (v Value) Text() (string, error) {
	if len(v.raw) < 2 || v.raw[0] != '"' {
		return "", fmt.Errorf("%s is not a string", v.raw)
	}
	body := v.raw[1 : len(v.raw)-1]
	for _, c := range body {
		if c < 0x20 {
			return "", fmt.Errorf("control character in %q", body)
		}
	}
	if !utf8.Valid(body) {
		return "", fmt.Errorf("%q is not UTF-8", body)
	}
	if bytes.IndexByte(body, '\\') < 0 {
		return string(body), nil
	}
	return unescape(body)
}

// TextLike is Text for values that often are the same as the last one, old: then it allocates
// nothing.
func (v Value) TextLike(old string) (string, error) {
	if len(v.raw) == len(old)+2 && v.raw[0] == '"' && string(v.raw[1:len(v.raw)-1]) == old && strings.IndexByte(old, '\\') < 0 {
		return old, nil
	}
	return v.Text()
}

var escapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

func unescape(body []byte) (string, error) {
	out := make([]byte, 0, len(body))
	for len(body) > 0 {
		c := body[0]
		switch {
		case c != '\\':
			out, body = append(out, c), body[1:]
		case len(body) > 1 && escapes[body[1]] != 0:
			out, body = append(out, escapes[body[1]]), body[2:]
		default:
			r, n := unicodeEscape(body)
			if n == 0 {
				return "", fmt.Errorf("bad escape at %q", body)
			}
			out, body = utf8.AppendRune(out, r), body[n:]
		}
	}
	return string(out), nil
}

// unicodeEscape reads \uXXXX, or a pair of surrogates, and gives the bytes it took; 0: neither.
func unicodeEscape(b []byte) (rune, int) {
	r, ok := hex4(b)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	low, ok := hex4(b[6:])
	if pair := utf16.DecodeRune(r, low); ok && pair != utf8.RuneError {
		return pair, 12
	}
	return 0, 0
}

func hex4(b []byte) (rune, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	return rune(n), err == nil
}
