package cmd

import (
	"archive/tar"
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// tapFiles gives the tape files of an image, read as docs/image-format.md has it. It judges the programs that write
// images and shares nothing with them. kinds counts the blocks by the flags of their envelopes, 0: they have none.
func tapFiles(image, key []byte) (files [][]byte, kinds map[byte]int, err error) {
	files, kinds = [][]byte{nil}, map[byte]int{}
	for address := uint64(0); len(image) > 0; address++ {
		word := binary.LittleEndian.Uint32(image)
		if image = image[4:]; word == 0 {
			files = append(files, nil)
			continue
		}
		block := image[:word&0xFFFFFF]
		image = image[(len(block)+1)&^1:]
		if binary.LittleEndian.Uint32(image) != word {
			return files, kinds, fmt.Errorf("block %d: %08x behind it, not %08x", address, image[:4], word)
		}
		image = image[4:]
		flags := byte(0)
		if word>>24 == 0x10 {
			flags = block[5]
			if block, err = unsealed(block, key, address); err != nil {
				return files, kinds, fmt.Errorf("block %d: %w", address, err)
			}
		}
		kinds[flags]++
		files[len(files)-1] = append(files[len(files)-1], block...)
	}
	return files, kinds, nil
}

// unsealed is the block in an envelope.
func unsealed(e, key []byte, address uint64) (block []byte, err error) {
	flags, length, bound := e[5], binary.LittleEndian.Uint32(e[8:]), 52+int(e[12])
	if string(e[:5]) != "CENV\x01" || binary.LittleEndian.Uint64(e[16:]) != address {
		return nil, fmt.Errorf("no envelope of block %d: % x", address, e[:24])
	}
	block = e[24:]
	if flags&2 != 0 {
		c, err := aes.NewCipher(key)
		if err != nil {
			return nil, err
		}
		gcm, err := cipher.NewGCM(c)
		if err != nil {
			return nil, err
		}
		if block, err = gcm.Open(nil, e[24:36], e[bound+int(e[13]):], e[:bound]); err != nil {
			return nil, err
		}
	}
	if flags&1 != 0 {
		d, err := zstd.NewReader(nil)
		if err != nil {
			return nil, err
		}
		defer d.Close()
		if block, err = d.DecodeAll(block, nil); err != nil {
			return nil, err
		}
	}
	if len(block) != int(length) {
		return nil, fmt.Errorf("%d bytes, not %d", len(block), length)
	}
	return block, nil
}

// plainKey gives the bytes of a key that was made with --plain, as docs/keys.md has the file.
func (a *appliance) plainKey(id string) []byte {
	a.t.Helper()
	text, err := os.ReadFile(filepath.Join(a.dir, "state/keys", id+".key"))
	if err != nil {
		a.t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^material: "?([A-Za-z0-9+/=]+)"?$`).FindSubmatch(text)
	if m == nil {
		a.t.Fatal("the key file has no material")
	}
	key, err := base64.StdEncoding.DecodeString(string(m[1]))
	if err != nil || len(key) != 32 {
		a.t.Fatalf("%d bytes of key, %v", len(key), err)
	}
	return key
}

// makeKey makes a key that is not wrapped, and gives its id.
func (a *appliance) makeKey(name string) string {
	a.t.Helper()
	var doc struct{ Key struct{ ID string } }
	a.must(0, "key", "create", name, "--plain", "--json").into(a.t, &doc)
	return doc.Key.ID
}

// aTar is an archive of text and of what does not compress.
func aTar(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	noise := make([]byte, 1<<20+77)
	_, _ = newEndless().Read(noise)
	for name, content := range map[string][]byte{"text": []byte(strings.Repeat("the salaries of all\n", 60000)), "noise": noise, "empty": nil} {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// What the program wrote encrypted and compressed is on the image as its documentation says.
func TestImageOfEncryptedArchive(t *testing.T) {
	t.Parallel()
	const compressed, encrypted = 1, 2
	for name, flags := range map[string][]string{"plain": nil, "compressed": {"--compression"}} {
		t.Run(name, func(t *testing.T) {
			a := newAppliance(t)
			a.library(flags...)
			input := aTar(t)
			id := a.makeKey("offsite")
			key := a.plainKey(id)
			a.mustFrom(0, bytes.NewReader(input), "lto", "write", "-f", "vtl01:0", "--name", "secret", "--key", "offsite", "-")
			a.mustFrom(0, bytes.NewReader(input), "lto", "write", "-f", "vtl01:0", "--name", "open", "-")
			image, err := os.ReadFile(a.imageFile())
			if err != nil {
				t.Fatal(err)
			}
			files, kinds, err := tapFiles(image, key)
			if err != nil {
				t.Fatal(err)
			}
			if len(files) != 6 || !bytes.Equal(files[1], input) || !bytes.Equal(files[3], input) {
				t.Fatalf("%d tape files; the archives are the input: %v, %v", len(files), bytes.Equal(files[1], input), bytes.Equal(files[3], input))
			}
			if !bytes.Contains(files[2], []byte(id)) || !bytes.Contains(files[2], []byte(`secret`)) {
				t.Error("the manifest does not name the archive and its key")
			}
			if kinds[encrypted] == 0 || kinds[0] == 0 || kinds[encrypted|compressed] > 0 != (flags != nil) || kinds[compressed] > 0 != (flags != nil) {
				t.Errorf("blocks by kind of envelope: %v", kinds)
			}
			key[0] ^= 1
			if _, _, err := tapFiles(image, key); err == nil {
				t.Error("another key opens the image")
			}
		})
	}
}
