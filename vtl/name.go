package vtl

import (
	"regexp"
	"strings"
	"sync"

	"calypso/sys/errcode"
	"calypso/vtl/image"
)

var (
	nameRule    = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$`) })
	barcodeRule = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Z0-9]{8}$`) })
	// The media id of a cleaning cartridge says for which drives it was sold; LTO drives take them all.
	cleaningRule = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(L[1-9A]|CU)$`) })
	prefixRule   = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Z0-9]{1,5}$`) })
)

const (
	volumeLength   = 6     // of a barcode, in front of the media id
	cleaningPrefix = "CLN" // of cleaning cartridges, in every library
)

// CheckName refuses what cannot be the name of a library, with errcode.NameInvalid. Names are file
// names and command arguments: none leads out of a directory or looks like a flag.
func CheckName(name string) error {
	if !nameRule().MatchString(name) {
		return errcode.New(errcode.NameInvalid, shorten(name), "not a name for a library")
	}
	if name == "help" { // 'calypso vtl show help' would not say which is meant
		return errcode.New(errcode.NameInvalid, name, "the word is taken by the command line")
	}
	return nil
}

// shorten quotes at most the beginning of what a user typed.
func shorten(s string) string {
	const most = 40
	if len(s) > most {
		s = s[:most] + "..."
	}
	return strings.ToValidUTF8(s, "?")
}

// CheckBarcode refuses what cannot be the barcode of a cartridge, with errcode.BarcodeInvalid, and
// tells its generation and whether it is a write-once cartridge. Cleaning cartridges are of the
// generation image.Universal.
func CheckBarcode(code string) (g image.Generation, worm bool, err error) {
	bad := func(format string, args ...any) (image.Generation, bool, error) {
		return image.Generation{}, false, errcode.New(errcode.BarcodeInvalid, shorten(code), format, args...)
	}
	if !barcodeRule().MatchString(code) {
		return bad("not 8 characters of A-Z and 0-9")
	}
	id := code[volumeLength:]
	if IsCleaning(code) {
		if !cleaningRule().MatchString(id) {
			return bad("%s is not the media id of a cleaning cartridge: want L1 to L9, LA or CU", id)
		}
		return image.Universal(), false, nil
	}
	g, worm, ok := image.GenerationByMediaID(id)
	if !ok {
		return bad("%s is not the media id of a known generation", id)
	}
	return g, worm, nil
}

// IsCleaning says whether a barcode is that of a cleaning cartridge: CLN001L8, CLNU01L9, CLNU01CU.
func IsCleaning(barcode string) bool { return strings.HasPrefix(barcode, cleaningPrefix) }

func checkPrefix(prefix string) error {
	if !prefixRule().MatchString(prefix) || strings.HasPrefix(prefix, cleaningPrefix) {
		return errcode.New(errcode.BarcodeInvalid, shorten(prefix), "not a prefix for barcodes").
			WithHint("use 1 to 5 of A-Z and 0-9, not beginning with %s", cleaningPrefix)
	}
	return nil
}
