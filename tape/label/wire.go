package label

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"calypso/sys/errcode"
)

// wire is the YAML of a label, in the order it is written.
type wire struct {
	Format    string    `yaml:"format"`
	Version   decimal   `yaml:"version"`
	Volume    text      `yaml:"volume"`
	UUID      text      `yaml:"uuid"`
	Created   timestamp `yaml:"created"`
	Host      text      `yaml:"host"`
	BlockSize decimal   `yaml:"block_size_bytes"`
	Software  text      `yaml:"software"`
}

// text is a string however YAML would type it unquoted: an UUID of digits is not a number.
type text string

func (t *text) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		return fmt.Errorf("line %d: not a text", n.Line)
	}
	*t = text(n.Value)
	return nil
}

// decimal is an integer in plain decimal digits; YAML itself would read 010 as 8.
type decimal int

func (d *decimal) UnmarshalYAML(n *yaml.Node) error {
	i, err := strconv.Atoi(n.Value)
	if n.Kind != yaml.ScalarNode || n.Tag != "!!int" || err != nil || strconv.Itoa(i) != n.Value {
		return fmt.Errorf("line %d: %q is not a decimal integer", n.Line, n.Value)
	}
	*d = decimal(i)
	return nil
}

// timestamp is RFC 3339 in UTC, whole seconds.
type timestamp time.Time

func (t timestamp) MarshalYAML() (any, error) { return time.Time(t), nil }

func (t *timestamp) UnmarshalYAML(n *yaml.Node) error {
	const layout = "2006-01-02T15:04:05Z"
	at, err := time.Parse(layout, n.Value) // takes fractions of a second too
	if n.Kind != yaml.ScalarNode || err != nil || at.Format(layout) != n.Value {
		return fmt.Errorf("line %d: %q is not a time as %s", n.Line, n.Value, layout)
	}
	*t = timestamp(at)
	return nil
}

func (l Label) wire() wire {
	return wire{
		Format: Format, Version: Version, Volume: text(l.Volume), UUID: text(l.UUID),
		Created: timestamp(l.Created.UTC().Truncate(time.Second)),
		Host:    text(l.Host), BlockSize: decimal(l.BlockSize), Software: text(l.Software),
	}
}

// checkVersion comes before the strict reading: a newer label may have keys this one knows nothing of.
func checkVersion(b []byte) error {
	var v struct {
		Format  string  `yaml:"format"`
		Version decimal `yaml:"version"`
	}
	if err := yaml.Unmarshal(b, &v); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if v.Format != Format {
		return fmt.Errorf("%w: format %q, not %q", ErrDamaged, v.Format, Format)
	}
	if v.Version > Version {
		return errcode.New(errcode.StateNewer, "label", "version %d, this calypso knows %d", v.Version, Version).
			WithHint("use the version of calypso that wrote the label, or a newer one")
	}
	return nil
}

func decodeText(b []byte) (*Label, error) {
	var w wire
	dec := yaml.NewDecoder(bytes.NewReader(b))
	dec.KnownFields(true)
	if err := dec.Decode(&w); err != nil {
		return nil, err
	}
	if err := dec.Decode(new(any)); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one YAML document")
	}
	if w.Version != Version {
		return nil, fmt.Errorf("version %d", w.Version)
	}
	l := &Label{
		Volume: string(w.Volume), UUID: string(w.UUID), Created: time.Time(w.Created),
		Host: string(w.Host), BlockSize: int(w.BlockSize), Software: string(w.Software),
	}
	if err := l.Validate(); err != nil {
		return nil, err
	}
	return l, requireKeys(b)
}

// requireKeys makes sure that no key was left out: the zero of host and software would pass.
func requireKeys(b []byte) error {
	var keys map[string]yaml.Node
	if err := yaml.Unmarshal(b, &keys); err != nil {
		return err
	}
	for _, k := range strings.Fields("format version volume uuid created host block_size_bytes software") {
		if _, ok := keys[k]; !ok {
			return fmt.Errorf("no key %q", k)
		}
	}
	return nil
}
