package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"calypso/sys/proc"
)

// Who is the person and the machine behind a record.
type Who struct {
	UID      int     `json:"uid"`       // effective
	User     string  `json:"user"`      // its name
	SudoUser *string `json:"sudo_user"` // SUDO_USER, set by sudo(8); null without
	LoginUID *uint32 `json:"login_uid"` // who logged in, kept by the kernel through su and sudo; null for daemons
	Host     string  `json:"host"`
}

func self() Who {
	w := Who{UID: os.Geteuid(), User: proc.UserName()}
	w.Host, _ = os.Hostname()
	if name := os.Getenv("SUDO_USER"); name != "" {
		w.SudoUser = &name
	}
	if uid, ok := proc.LoginUID(); ok {
		w.LoginUID = &uid
	}
	return w
}

// Record is one line of the log. Times are UTC; every key is always there.
type Record struct {
	Seq  int64     `json:"seq"`
	Prev string    `json:"prev"` // hash of the line before, hex
	Time time.Time `json:"time"` // when the command started
	Who
	PID        int      `json:"pid"`
	Command    string   `json:"command"`
	Object     string   `json:"object"`
	Args       []string `json:"args"`
	Outcome    string   `json:"outcome"`
	ExitCode   int      `json:"exit_code"`
	ErrorCode  string   `json:"error_code"` // "" for none
	DurationMS int64    `json:"duration_ms"`
	TornSHA256 string   `json:"torn_sha256"` // of the torn text before this line that it accounts for; "" for none
}

// hashField begins the ending of every line, which is of fixed length.
const (
	hashField = `,"hash":"`
	hashLen   = 64
	ending    = len(hashField) + hashLen + len(`"}`)
)

// open checks one line (without newline) by its own hash and decodes it.
func open(line []byte) (Record, string, error) {
	at := len(line) - ending
	if at < 0 || !bytes.HasPrefix(line[at:], []byte(hashField)) || !bytes.HasSuffix(line, []byte(`"}`)) {
		return Record{}, "", errors.New("not a record")
	}
	body, hash := line[:at], string(line[at+len(hashField):at+len(hashField)+hashLen])
	if hashOf(body) != hash {
		return Record{}, "", errors.New("its hash does not fit its content")
	}
	var r Record
	if err := json.Unmarshal(append(bytes.Clone(body), '}'), &r); err != nil {
		return Record{}, "", fmt.Errorf("not a record: %w", err)
	}
	if r.Seq < 1 {
		return Record{}, "", fmt.Errorf("record number %d", r.Seq)
	}
	return r, hash, nil
}

// link is where the next record continues the chain: the last record and its hash.
type link struct {
	Seq  int64  `json:"seq"`
	Hash string `json:"hash"`
}

// genesis is before the first record.
var genesis = link{0, strings.Repeat("0", hashLen)}

func (l link) encode() []byte {
	text, _ := json.Marshal(l) // two plain fields: cannot fail
	return append(text, '\n')
}

func headPath(path string) string { return path + ".head" }

// readHead reads the head file of the log at path. A missing one gives fs.ErrNotExist.
func readHead(path string) (link, error) {
	file, err := os.Open(headPath(path))
	if err != nil {
		return link{}, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, 1024))
	if err != nil {
		return link{}, err
	}
	return decodeHead(text)
}

var errHeadDamaged = errors.New("the head file is damaged")

func decodeHead(text []byte) (link, error) {
	var l link
	if err := json.Unmarshal(text, &l); err != nil || l.Seq < 1 || len(l.Hash) != hashLen {
		return link{}, errHeadDamaged
	}
	return l, nil
}
