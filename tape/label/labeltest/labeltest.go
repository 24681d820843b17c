// Package labeltest gives tests the heads of tapes in testdata/labels: one for each kind of label that
// calypso recognises. It is for tests only; testdata/labels/README.md describes the format.
package labeltest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// maxBlock bounds a block: the largest length a tape block can have in 24 bits.
const maxBlock = 1 << 24

// Image is the head of a tape and what must be recognised in it.
type Image struct {
	Name     string // of its file, without .hex
	Kind     string
	Software string
	Volume   string
	Objects  [][]byte // blocks in the order of the tape; nil is a filemark
}

// Writer is what WriteTo needs of a drive; *tape.Drive has it.
type Writer interface {
	Write(ctx context.Context, p []byte) (earlyWarning bool, err error)
	WriteFilemarks(ctx context.Context, n int, immediate bool) (earlyWarning bool, err error)
}

// WriteTo writes the image at the drive's position, which should be the beginning of the tape.
func (i Image) WriteTo(ctx context.Context, w Writer) error {
	for _, o := range i.Objects {
		var err error
		if o == nil {
			_, err = w.WriteFilemarks(ctx, 1, false)
		} else {
			_, err = w.Write(ctx, o)
		}
		if err != nil {
			return fmt.Errorf("write %s: %w", i.Name, err)
		}
	}
	return nil
}

// All loads every image, sorted by name. It finds the repository from the working directory, which
// for a test is the directory of its package.
func All() ([]Image, error) {
	dir, err := Dir()
	if err != nil {
		return nil, err
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*.hex"))
	if err != nil || len(paths) == 0 {
		return nil, fmt.Errorf("no images in %s: %w", dir, errors.Join(err, os.ErrNotExist))
	}
	images := make([]Image, len(paths))
	for n, p := range paths {
		if images[n], err = Load(p); err != nil {
			return nil, err
		}
	}
	return images, nil
}

// Get loads the image of a name, e.g. "bacula-bb03".
func Get(name string) (Image, error) {
	dir, err := Dir()
	if err != nil {
		return Image{}, err
	}
	return Load(filepath.Join(dir, name+".hex"))
}

// Dir is testdata/labels of the module that the working directory is in.
func Dir() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "testdata", "labels"), nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("no go.mod above the working directory")
		}
		dir = filepath.Dir(dir)
	}
}

// Load reads one image. Errors name file and line.
func Load(path string) (Image, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return Image{}, err
	}
	img, err := Parse(b)
	if err != nil {
		return Image{}, fmt.Errorf("%s:%w", path, err)
	}
	img.Name = strings.TrimSuffix(filepath.Base(path), ".hex")
	return img, nil
}

// Parse reads the text of an image. Errors begin with the line number.
func Parse(text []byte) (Image, error) {
	var p parser
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		if err := p.line(lines.Text()); err != nil {
			return Image{}, fmt.Errorf("%d: %w", n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return Image{}, err
	}
	if len(p.pieces) > 0 {
		return Image{}, errors.New("0: the last block has no pad line")
	}
	return p.Image, nil
}

type piece struct {
	at int
	b  []byte
}

type parser struct {
	Image
	pieces []piece
}

func (p *parser) line(s string) error {
	word, rest, _ := strings.Cut(strings.TrimSpace(s), " ")
	switch word {
	case "", "#":
		return nil
	case "kind":
		p.Kind = rest
	case "software":
		p.Software = rest
	case "volume":
		p.Volume = rest
	case "pad":
		return p.pad(strings.Fields(rest))
	case "filemark":
		if len(p.pieces) > 0 {
			return errors.New("filemark inside a block")
		}
		p.Objects = append(p.Objects, nil)
	default:
		return p.bytes(word, rest)
	}
	return nil
}

func (p *parser) bytes(offset, rest string) error {
	at, err := strconv.ParseUint(strings.TrimSuffix(offset, ":"), 16, 24)
	if err != nil || !strings.HasSuffix(offset, ":") {
		return fmt.Errorf("%q is not a word of this format", offset)
	}
	digits, _, _ := strings.Cut(rest, "|")
	b, err := hex.DecodeString(strings.Join(strings.Fields(digits), ""))
	if err != nil {
		return err
	}
	p.pieces = append(p.pieces, piece{int(at), b})
	return nil
}

// pad ends a block: LENGTH [FILL].
func (p *parser) pad(args []string) error {
	if len(args) == 0 || len(args) > 2 {
		return errors.New("pad LENGTH [FILL]")
	}
	length, err := strconv.Atoi(args[0])
	if err != nil || length < 1 || length > maxBlock {
		return fmt.Errorf("length %q", args[0])
	}
	fill := uint64(0)
	if len(args) == 2 {
		if fill, err = strconv.ParseUint(args[1], 16, 8); err != nil {
			return err
		}
	}
	block := bytes.Repeat([]byte{byte(fill)}, length)
	for _, c := range p.pieces {
		if c.at+len(c.b) > length {
			return fmt.Errorf("bytes at %04x do not fit a block of %d", c.at, length)
		}
		copy(block[c.at:], c.b)
	}
	p.Objects, p.pieces = append(p.Objects, block), nil
	return nil
}
