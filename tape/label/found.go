package label

import (
	"fmt"
	"regexp"
	"strings"
	"sync"

	"calypso/sys/errcode"
)

// Kind is the stable name of what is at the beginning of a tape; JSON and scripts see it.
type Kind string

// The kinds. Blank is the only one that may be overwritten without being named.
const (
	Blank      Kind = "blank"      // end of data before any data
	Encrypted  Kind = "encrypted"  // the drive has no key for the first block
	Unreadable Kind = "unreadable" // medium error at the first block
	Unknown    Kind = "unknown"    // data that nobody here knows

	Calypso   Kind = "calypso"
	ANSI      Kind = "ansi" // VOL1 in ASCII of unknown software
	LTFS      Kind = "ltfs"
	CTA       Kind = "cta"
	NetBackup Kind = "netbackup"
	IBM       Kind = "ibm" // VOL1 in EBCDIC of unknown software
	TSM       Kind = "tsm"
	Bacula    Kind = "bacula"
	Bareos    Kind = "bareos"
	Amanda    Kind = "amanda"
	Proxmox   Kind = "proxmox"
	Remanence Kind = "remanence"
	Tapectl   Kind = "tapectl"
	TapeHoard Kind = "tapehoard"
	Tar       Kind = "tar"
	Cpio      Kind = "cpio"
	Dump      Kind = "dump"
	MTF       Kind = "mtf"
	ARCserve  Kind = "arcserve"
	NetWorker Kind = "networker"
	QIC       Kind = "qic"
	Colorado  Kind = "colorado"
	AS400     Kind = "as400"
	NovaStor  Kind = "novastor"
	ReaR      Kind = "rear"
	KDat      Kind = "kdat"
)

// kinds gives each kind its software's name ("" when none owns it) and the words of a message.
var kinds = map[Kind]struct{ software, words string }{
	Blank:      {"", "nothing: the tape is blank"},
	Encrypted:  {"", "encrypted data that the drive has no key for"},
	Unreadable: {"", "a beginning that the drive cannot read"},
	Unknown:    {"", "data of an unknown kind"},
	Calypso:    {"Calypso", "a Calypso volume"},
	ANSI:       {"", "a volume with an ANSI label"},
	LTFS:       {"LTFS", "an LTFS volume"},
	CTA:        {"CERN Tape Archive", "a CERN Tape Archive volume"},
	NetBackup:  {"NetBackup", "a NetBackup volume"},
	IBM:        {"", "a volume with an IBM standard label"},
	TSM:        {"IBM Storage Protect (TSM)", "an IBM Storage Protect (TSM) volume"},
	Bacula:     {"Bacula", "a Bacula volume"},
	Bareos:     {"Bareos", "a Bareos volume"},
	Amanda:     {"Amanda", "an Amanda volume"},
	Proxmox:    {"Proxmox Backup Server", "a Proxmox Backup Server volume"},
	Remanence:  {"Remanence", "a Remanence volume"},
	Tapectl:    {"tapectl", "a tapectl volume"},
	TapeHoard:  {"TapeHoard", "a TapeHoard volume"},
	Tar:        {"tar", "a tar archive"},
	Cpio:       {"cpio", "a cpio archive"},
	Dump:       {"dump", "a file system dump"},
	MTF:        {"Microsoft Tape Format", "a volume in Microsoft Tape Format (Backup Exec, NTBackup)"},
	ARCserve:   {"ARCserve", "an ARCserve volume"},
	NetWorker:  {"NetWorker", "a NetWorker volume"},
	QIC:        {"QIC-40/80 software", "a QIC-40/80 volume"},
	Colorado:   {"Colorado Backup", "a Colorado Backup volume"},
	AS400:      {"IBM i (AS/400)", "an IBM i (AS/400) save file"},
	NovaStor:   {"NovaStor", "a NovaStor volume"},
	ReaR:       {"ReaR", "a Relax-and-Recover (ReaR) tape"},
	KDat:       {"KDat", "a KDat volume"},
}

// Kinds lists every kind, in no order.
func Kinds() []Kind {
	all := make([]Kind, 0, len(kinds))
	for k := range kinds {
		all = append(all, k)
	}
	return all
}

// Found is what the beginning of a tape holds.
type Found struct {
	Kind     Kind
	Software string // name of the owning software, "" when none is known
	Volume   string // name in the label, printable, "" when it tells none
	Detail   string // what else is worth saying, printable, may be ""
	Label    *Label // calypso's own label; nil for other kinds and for one that cannot be used
	Cause    error  // why the head or the label could not be read: sense, ErrDamaged, StateNewer
}

func found(k Kind, volume, detail string) Found {
	return Found{Kind: k, Software: kinds[k].software, Volume: clean(volume), Detail: clean(detail)}
}

// Overwritable tells whether the tape may be written from its beginning without being named.
func (f Found) Overwritable() bool { return f.Kind == Blank }

// ConfirmName is what --confirm must equal before this tape is overwritten: the volume name if the
// label tells one, else the barcode, else (a drive without library, a cartridge without barcode) the
// kind. "" for a blank tape, which needs none.
func (f Found) ConfirmName(barcode string) string {
	switch {
	case f.Overwritable():
		return ""
	case f.Volume != "":
		return f.Volume
	case clean(barcode) != "":
		return clean(barcode)
	}
	return string(f.Kind)
}

// String says what the tape holds: `a Bacula volume "A00001L8" (pool Tape)`.
func (f Found) String() string {
	s := kinds[f.Kind].words
	if s == "" {
		s = kinds[Unknown].words
	}
	if f.Volume != "" {
		s += fmt.Sprintf(" %q", f.Volume)
	}
	if f.Detail != "" {
		s += " (" + f.Detail + ")"
	}
	return s
}

// Err is the refusal to write on this tape as it is, an *errcode.Error: MediaUnlabelled when it is
// blank, MediaLabelled when it is calypso's, MediaUnknownData when nobody knows whose it is,
// MediaForeignLabel otherwise. object names the drive or cartridge in the message; barcode, if the
// cartridge has one, is what ConfirmName falls back to.
func (f Found) Err(object, barcode string) error {
	if f.Overwritable() {
		return errcode.New(errcode.MediaUnlabelled, object, "the tape is blank and has no label")
	}
	e := errcode.New(f.code(), object, "the tape holds %s", f)
	e.Err = f.Cause
	confirm := confirmFlag(f.ConfirmName(barcode))
	if f.Kind == Calypso {
		return e.WithHint("use another cartridge, or %s if its data may be destroyed", confirm)
	}
	return e.WithHint("use another cartridge, or add %s if its data may be destroyed", confirm)
}

func (f Found) code() errcode.Code {
	switch f.Kind {
	case Calypso:
		return errcode.MediaLabelled
	case Unknown, Encrypted, Unreadable:
		return errcode.MediaUnknownData
	}
	if _, known := kinds[f.Kind]; !known {
		return errcode.MediaUnknownData
	}
	return errcode.MediaForeignLabel
}

var plainWord = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_./:@%+,=-]+$`) })

// confirmFlag gives the flag as a shell takes it: names from foreign labels may hold spaces and
// quotes, or begin like a flag.
func confirmFlag(name string) string {
	if !plainWord().MatchString(name) {
		name = "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
	}
	if strings.HasPrefix(strings.Trim(name, "'"), "-") {
		return "--confirm=" + name
	}
	return "--confirm " + name
}
