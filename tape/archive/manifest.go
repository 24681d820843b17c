package archive

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"calypso/sys/errcode"
	"calypso/tape/label"
)

// The kinds of archives.
const (
	KindTar    = "tar"    // a POSIX pax tar
	KindStream = "stream" // bytes as they came
)

// Why an archive is incomplete, as its manifest says; "source: ..." and "drive: ..." beside them.
const (
	ReasonEndOfMedium = "end_of_medium"
	ReasonInterrupted = "interrupted"
	ReasonTorn        = "torn: the writer died" // closed by the next write
)

const (
	manifestFormat  = "calypso-manifest"
	manifestVersion = 1

	maxManifestBytes = 64 << 10
	maxText          = 255  // bytes of name, host, software, key id
	maxReason        = 1024 // bytes of reason
)

// ErrNotManifest says that a tape file is something else than a manifest.
var ErrNotManifest = errors.New("not a manifest")

// Manifest describes one archive. It is the tape file that follows the archive, and a line of the
// catalog.
type Manifest struct {
	Volume         string // name and UUID in the tape's label
	VolumeUUID     string
	File           int64  // tape file number of the archive: filemarks before it
	Name           string // given by the user
	Kind           string // KindTar or KindStream
	Complete       bool   // all that the source gave is there
	Reason         string // why not, else ""
	SizeBytes      int64  // bytes of the archive on this tape
	Blocks         int64  // blocks of the archive on this tape
	BlockSizeBytes int    // length of all of them but the last, which may be shorter
	SHA256         string // of the SizeBytes bytes, hexadecimal; "" when nobody knows it
	FirstBlock     int64  // logical block address of the first block
	Started        time.Time
	Finished       time.Time // UTC, whole seconds
	Host           string
	Software       string
	KeyID          string // of the encryption key; "": not encrypted
	Members        int64  // 0 for a stream
	SourceErrors   int64  // files of the source that are not in the archive or not as they were
	MembersBytes   int64  // length and SHA-256 of the member list
	MembersSHA256  string // "": there is no list
}

// wireManifest is the manifest as its YAML has it; the order of the keys is that of the format.
type wireManifest struct {
	Format         string `yaml:"format"`
	Version        int    `yaml:"version"`
	Volume         string `yaml:"volume"`
	VolumeUUID     string `yaml:"volume_uuid"`
	File           int64  `yaml:"file"`
	Name           string `yaml:"name"`
	Kind           string `yaml:"kind"`
	Complete       bool   `yaml:"complete"`
	Reason         string `yaml:"reason"`
	SizeBytes      int64  `yaml:"size_bytes"`
	Blocks         int64  `yaml:"blocks"`
	BlockSizeBytes int    `yaml:"block_size_bytes"`
	SHA256         string `yaml:"sha256"`
	FirstBlock     int64  `yaml:"first_block"`
	Started        string `yaml:"started"`
	Finished       string `yaml:"finished"`
	Host           string `yaml:"host"`
	Software       string `yaml:"software"`
	KeyID          string `yaml:"key_id"`
	Members        int64  `yaml:"members"`
	SourceErrors   int64  `yaml:"source_errors"`
	MembersBytes   int64  `yaml:"members_bytes"`
	MembersSHA256  string `yaml:"members_sha256"`
	SelfSHA256     string `yaml:"self_sha256"`
}

const (
	// wireKeys are the keys that every manifest has, each exactly once.
	wireKeys = 24
	// selfKey begins the last line of the text: the SHA-256 of all lines before it.
	selfKey = "self_sha256: "
)

func (m Manifest) wire() wireManifest {
	return wireManifest{
		Format: manifestFormat, Version: manifestVersion, Volume: m.Volume, VolumeUUID: m.VolumeUUID,
		File: m.File, Name: m.Name, Kind: m.Kind, Complete: m.Complete, Reason: m.Reason,
		SizeBytes: m.SizeBytes, Blocks: m.Blocks, BlockSizeBytes: m.BlockSizeBytes, SHA256: m.SHA256,
		FirstBlock: m.FirstBlock, Started: formatTime(m.Started), Finished: formatTime(m.Finished),
		Host: m.Host, Software: m.Software, KeyID: m.KeyID, Members: m.Members,
		SourceErrors: m.SourceErrors, MembersBytes: m.MembersBytes, MembersSHA256: m.MembersSHA256,
	}
}

func (w wireManifest) manifest() (Manifest, error) {
	started, err := parseTime("started", w.Started)
	if err != nil {
		return Manifest{}, err
	}
	finished, err := parseTime("finished", w.Finished)
	if err != nil {
		return Manifest{}, err
	}
	m := Manifest{
		Volume: w.Volume, VolumeUUID: w.VolumeUUID, File: w.File, Name: w.Name, Kind: w.Kind,
		Complete: w.Complete, Reason: w.Reason, SizeBytes: w.SizeBytes, Blocks: w.Blocks,
		BlockSizeBytes: w.BlockSizeBytes, SHA256: w.SHA256, FirstBlock: w.FirstBlock,
		Started: started, Finished: finished, Host: w.Host, Software: w.Software, KeyID: w.KeyID,
		Members: w.Members, SourceErrors: w.SourceErrors, MembersBytes: w.MembersBytes,
		MembersSHA256: w.MembersSHA256,
	}
	return m, m.Validate()
}

func formatTime(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func parseTime(key, s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}, fmt.Errorf("%s %q: not a time", key, s)
	}
	return t.UTC(), nil
}

// Validate checks that the manifest is one that a tape can have.
func (m Manifest) Validate() error {
	if err := label.CheckVolume(m.Volume); err != nil {
		return err
	}
	for _, text := range []struct {
		key, value string
		limit      int
	}{
		{"volume_uuid", m.VolumeUUID, maxText}, {"host", m.Host, maxText}, {"software", m.Software, maxText},
		{"key_id", m.KeyID, maxText}, {"reason", m.Reason, maxReason},
	} {
		if err := checkText(text.key, text.value, text.limit); err != nil {
			return err
		}
	}
	if err := CheckName(m.Name); err != nil {
		return err
	}
	if err := m.validateKind(); err != nil {
		return err
	}
	return m.validateNumbers()
}

func (m Manifest) validateKind() error {
	switch {
	case m.Kind != KindTar && m.Kind != KindStream:
		return fmt.Errorf("kind %q: neither %s nor %s", m.Kind, KindTar, KindStream)
	case m.Complete && m.Reason != "" || !m.Complete && m.Reason == "":
		return fmt.Errorf("complete %t with reason %q", m.Complete, m.Reason)
	case m.Complete && m.SHA256 == "":
		return errors.New("a complete archive without sha256")
	case !isSHA256(m.SHA256) || !isSHA256(m.MembersSHA256):
		return errors.New("sha256 is not 64 lower-case hexadecimal digits")
	}
	return nil
}

func (m Manifest) validateNumbers() error {
	bs := int64(m.BlockSizeBytes)
	switch {
	case m.File < 1 || m.FirstBlock < 1:
		return fmt.Errorf("file %d at block %d: that is where the label is", m.File, m.FirstBlock)
	case checkBlockSize(m.BlockSizeBytes) != nil:
		return checkBlockSize(m.BlockSizeBytes)
	case m.SizeBytes < 0 || m.SizeBytes > maxArchiveBytes || m.Blocks != (m.SizeBytes+bs-1)/bs:
		return fmt.Errorf("%d bytes are not %d blocks of %d", m.SizeBytes, m.Blocks, bs)
	case m.FirstBlock > maxArchiveBytes || m.File > maxArchiveBytes:
		return fmt.Errorf("file %d at block %d: no tape is that long", m.File, m.FirstBlock)
	case m.Members < 0 || m.SourceErrors < 0 || m.MembersBytes < 0 || m.MembersBytes > maxArchiveBytes:
		return errors.New("a negative or impossible count")
	case m.MembersSHA256 == "" && m.MembersBytes != 0:
		return errors.New("members_bytes without members_sha256")
	}
	return nil
}

// maxArchiveBytes bounds what a manifest can claim, so that sums of it cannot overflow.
const maxArchiveBytes = 1 << 56

var sha256Pattern = regexp.MustCompile(`^([0-9a-f]{64})?$`)

func isSHA256(s string) bool { return sha256Pattern.MatchString(s) }

// CheckName tells whether an archive can have this name: 1 to 255 bytes of printable UTF-8. The
// error is errcode.NameInvalid.
func CheckName(name string) error {
	if err := checkText("name", name, maxText); err != nil || name == "" {
		return errcode.New(errcode.NameInvalid, strconv.Quote(name), "not a name for an archive").
			WithHint("use 1 to %d bytes of printable text", maxText)
	}
	return nil
}

func checkText(key, s string, limit int) error {
	if len(s) > limit || !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return fmt.Errorf("%s %q: not up to %d bytes of printable text", key, s, limit)
	}
	return nil
}

// printable makes any text fit for a manifest.
func printable(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	for len(s) > limit {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	return s
}

func checkBlockSize(n int) error {
	if n < label.MinBlockSize || n > label.MaxBlockSize || n%label.MinBlockSize != 0 {
		return errcode.New(errcode.Usage, "", "block size %d: not a multiple of %d up to %d", n, label.MinBlockSize, label.MaxBlockSize)
	}
	return nil
}

// encodeYAML gives the manifest's text.
func (m Manifest) encodeYAML() ([]byte, error) {
	if err := m.Validate(); err != nil {
		return nil, fmt.Errorf("encode manifest: %w", err)
	}
	text, err := yaml.Marshal(m.wire())
	if err != nil {
		return nil, fmt.Errorf("encode manifest: %w", err)
	}
	text = text[:bytes.LastIndex(text, []byte(selfKey))]
	return fmt.Appendf(text, "%s\"%x\"\n", selfKey, sha256.Sum256(text)), nil
}

// checkSelf compares the text with the sum in its last line.
func checkSelf(text []byte) error {
	at := bytes.LastIndex(text, []byte("\n"+selfKey)) + 1
	if at < 1 || string(text[at:]) != fmt.Sprintf("%s\"%x\"\n", selfKey, sha256.Sum256(text[:at])) {
		return errors.New("its bytes are not those that were written")
	}
	return nil
}

// decodeYAML reads a manifest's text strictly: every key once, none unknown, numbers as the format
// writes them, one document. A newer version is errcode.StateNewer.
func decodeYAML(text []byte) (Manifest, error) {
	var doc yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(text))
	if err := dec.Decode(&doc); err != nil {
		return Manifest{}, err
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return Manifest{}, errors.New("more than one document")
	}
	if err := checkVersion(&doc); err != nil {
		return Manifest{}, err
	}
	if err := errors.Join(checkSelf(text), checkNodes(&doc)); err != nil {
		return Manifest{}, err
	}
	var w wireManifest
	strict := yaml.NewDecoder(bytes.NewReader(text))
	strict.KnownFields(true)
	if err := strict.Decode(&w); err != nil {
		return Manifest{}, err
	}
	return w.manifest()
}

// checkVersion looks at format and version alone: the rest of a newer manifest is not ours to judge.
func checkVersion(doc *yaml.Node) error {
	var head struct {
		Format  string `yaml:"format"`
		Version int    `yaml:"version"`
	}
	if err := doc.Decode(&head); err != nil {
		return err
	}
	switch {
	case head.Format != manifestFormat:
		return fmt.Errorf("format %q, not %q", head.Format, manifestFormat)
	case head.Version > manifestVersion:
		return errcode.New(errcode.StateNewer, "", "manifest of version %d; this calypso knows version %d", head.Version, manifestVersion)
	case head.Version != manifestVersion:
		return fmt.Errorf("version %d", head.Version)
	}
	return nil
}

// checkNodes refuses what the YAML library forgives: octal and other odd numbers, anchors, nesting,
// missing keys.
func checkNodes(doc *yaml.Node) error {
	if len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode {
		return errors.New("not a mapping")
	}
	entries := doc.Content[0].Content
	if len(entries) != 2*wireKeys {
		return fmt.Errorf("%d keys, not %d", len(entries)/2, wireKeys)
	}
	for i, n := range entries {
		if n.Kind != yaml.ScalarNode || n.Anchor != "" {
			return fmt.Errorf("line %d: not a plain value", n.Line)
		}
		if i%2 == 1 && (n.Tag == "!!float" || n.Tag == "!!null" || n.Tag == "!!int" && !isDecimal(n.Value)) {
			return fmt.Errorf("line %d: %q is no value here", n.Line, n.Value)
		}
	}
	return nil
}

func isDecimal(s string) bool {
	n, err := strconv.ParseInt(s, 10, 64)
	return err == nil && strconv.FormatInt(n, 10) == s
}
