package state

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"calypso/sys/errcode"
)

const (
	schemaKey = "schema_version"

	// maxFile bounds what is read into memory: the largest file of ours, a library of thousands of
	// slots, is a thousandth of it.
	maxFile = 64 << 20
)

// ReadYAML reads the YAML file path into v, a pointer to a struct, strictly. current is the schema
// version that this program knows; a file with a higher `schema_version` gives errcode.StateNewer,
// one without gives errcode.StateInvalid. With current 0 the file needs none. A missing file gives
// an error that is fs.ErrNotExist, one that may not be read errcode.PermissionDenied, and every
// other flaw errcode.StateInvalid, with FILE:LINE as its object where there is a line. After an error v
// may be partly filled.
func ReadYAML(path string, current int, v any) error {
	data, err := readLimited(path)
	if err != nil {
		return readError(path, err)
	}
	return decode(path, data, current, v)
}

func readLimited(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err == nil && len(data) > maxFile {
		return nil, errcode.New(errcode.StateInvalid, path, "larger than %d MiB", maxFile>>20)
	}
	return data, err
}

func readError(path string, err error) error {
	var known *errcode.Error
	switch {
	case errors.As(err, &known), errors.Is(err, fs.ErrNotExist):
		return err
	case errors.Is(err, fs.ErrPermission):
		return errcode.New(errcode.PermissionDenied, path, "cannot read: %w", err)
	}
	return errcode.New(errcode.StateInvalid, path, "cannot read: %w", err)
}

// decode parses the text once into nodes, checks these against the type of v, then fills v.
func decode(path string, data []byte, current int, v any) error {
	root, err := parse(path, data)
	if err != nil {
		return err
	}
	if current > 0 {
		if err := checkSchema(path, root, current); err != nil {
			return err
		}
	}
	if f := check(root, reflect.TypeOf(v).Elem(), "", true); f != nil {
		return invalid(path, f.line, "%s", f.msg)
	}
	if err := root.Decode(v); err != nil {
		return yamlError(path, err)
	}
	return nil
}

// parse gives the top node of the one document in data.
func parse(path string, data []byte) (*yaml.Node, error) {
	if line, msg := badText(data); line > 0 {
		return nil, invalid(path, line, "%s", msg)
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, invalid(path, 0, "%w", ErrEmpty)
	} else if err != nil {
		return nil, yamlError(path, err)
	}
	switch err := dec.Decode(&second); {
	case errors.Is(err, io.EOF):
	case err != nil:
		return nil, yamlError(path, err)
	default:
		return nil, invalid(path, second.Line, "a second document begins; a file holds one")
	}
	if len(doc.Content) == 0 {
		return nil, invalid(path, 0, "%w", ErrEmpty)
	}
	return doc.Content[0], nil
}

// ErrEmpty is in the error of a file without anything but blanks and comments.
var ErrEmpty = errors.New("the file is empty")

// badText finds the first character that YAML does not have (YAML 1.2, 5.1), which the decoder would refuse
// without its line.
func badText(data []byte) (line int, msg string) {
	for at := 0; at < len(data); {
		r, size := utf8.DecodeRune(data[at:])
		switch {
		case r == utf8.RuneError && size == 1:
			msg = "not UTF-8"
		case !inYAML(r, at == 0):
			msg = fmt.Sprintf("control characters are not allowed (%U)", r)
		}
		if msg != "" {
			return 1 + bytes.Count(data[:at], []byte("\n")), msg
		}
		at += size
	}
	return 0, ""
}

// inYAML is for characters of Unicode; a byte order mark may be the first.
func inYAML(r rune, first bool) bool {
	switch r {
	case '\t', '\n', '\r', 0x85:
		return true
	case 0x7f, 0xfffe, 0xffff:
		return false
	case 0xfeff:
		return first
	}
	return r >= 0x20 && (r < 0x80 || r >= 0xa0)
}

func checkSchema(path string, root *yaml.Node, current int) error {
	if root.Kind != yaml.MappingNode {
		return invalid(path, root.Line, "not a list of keys and values")
	}
	for i := 0; i+1 < len(root.Content); i += 2 {
		if root.Content[i].Value == schemaKey {
			return checkVersion(path, root.Content[i+1], current)
		}
	}
	return invalid(path, root.Line, "key %q is missing", schemaKey)
}

func checkVersion(path string, node *yaml.Node, current int) error {
	version, err := strconv.Atoi(node.Value)
	if node.Kind != yaml.ScalarNode || err != nil || !decimal().MatchString(node.Value) || version < 1 {
		return invalid(path, node.Line, "key %q: %q is not a version", schemaKey, node.Value)
	}
	if version > current {
		return errcode.New(errcode.StateNewer, path, "has schema version %d, this calypso knows up to %d", version, current)
	}
	return nil
}

// invalid is the error for a flaw in line of path; line 0 is the file as a whole.
func invalid(path string, line int, format string, args ...any) *errcode.Error {
	if line > 0 {
		path = fmt.Sprintf("%s:%d", path, line)
	}
	return errcode.New(errcode.StateInvalid, path, format, args...)
}

// yamlLine finds the line in the messages of yaml.v3, "yaml: line 3: …" and "line 3: …".
var yamlLine = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^line (\d+): `) })

// yamlError turns an error of yaml.v3 into ours, its first complaint with its line.
func yamlError(path string, err error) error {
	msg := strings.TrimPrefix(err.Error(), "yaml: ")
	var several *yaml.TypeError
	if errors.As(err, &several) && len(several.Errors) > 0 {
		msg = several.Errors[0]
	}
	line := 0
	if m := yamlLine().FindStringSubmatch(msg); m != nil {
		line, _ = strconv.Atoi(m[1])
		msg = strings.TrimPrefix(msg, m[0])
	}
	return invalid(path, line, "%s", strings.ReplaceAll(msg, "\n", " "))
}
