package flat

import (
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"
)

// Object builds one line in B; the zero value is ready. Start and End enclose the fields.
type Object struct {
	B []byte
}

// Start begins a new object, in the memory of the last one.
func (o *Object) Start() { o.B = append(o.B[:0], '{') }

// End closes the object and its line, and gives the line with its newline.
func (o *Object) End() []byte {
	o.B = append(o.B, '}', '\n')
	return o.B
}

func (o *Object) key(k string) {
	if len(o.B) > 1 {
		o.B = append(o.B, ',')
	}
	o.B = append(o.B, '"')
	o.B = append(o.B, k...)
	o.B = append(o.B, '"', ':')
}

// Text adds a string; bytes that are not UTF-8 become U+FFFD.
func (o *Object) Text(k, s string) {
	o.key(k)
	o.B = AppendString(o.B, s)
}

// TextOrNull adds a string, or null for "".
func (o *Object) TextOrNull(k, s string) {
	if s == "" {
		o.key(k)
		o.B = append(o.B, "null"...)
		return
	}
	o.Text(k, s)
}

// Int adds an integer.
func (o *Object) Int(k string, n int64) {
	o.key(k)
	o.B = strconv.AppendInt(o.B, n, 10)
}

// Bool adds a boolean.
func (o *Object) Bool(k string, b bool) {
	o.key(k)
	o.B = strconv.AppendBool(o.B, b)
}

// Time adds a time in UTC as RFC 3339 with as many digits of the second as it has.
func (o *Object) Time(k string, t time.Time) {
	o.key(k)
	o.B = append(o.B, '"')
	o.B = t.UTC().AppendFormat(o.B, time.RFC3339Nano)
	o.B = append(o.B, '"')
}

// AppendString appends s as a JSON string, with the escapes that JSON demands and no others.
func AppendString(b []byte, s string) []byte {
	b = append(b, '"')
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
			i++
		case c < 0x20:
			b = fmt.Appendf(b, `\u%04x`, c)
			i++
		case c < utf8.RuneSelf:
			b = append(b, c)
			i++
		default:
			r, n := utf8.DecodeRuneInString(s[i:])
			b = utf8.AppendRune(b, r)
			i += n
		}
	}
	return append(b, '"')
}
