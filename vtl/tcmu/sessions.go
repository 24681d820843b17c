package tcmu

import (
	"os"
	"path/filepath"
	"strings"
)

// Session is an initiator that is logged in.
type Session struct {
	Initiator string `json:"initiator"`
	State     string `json:"state"`   // in the kernel's words, e.g. LOGGED_IN
	Address   string `json:"address"` // of the initiator; empty: the kernel does not say
}

// Sessions lists who is logged in to the target.
func (i *ISCSI) Sessions(h Host) []Session {
	var list []Session
	acls := filepath.Join(i.group(h), "acls")
	for _, name := range children(acls) {
		info, err := os.ReadFile(filepath.Join(acls, name, "info"))
		if err != nil {
			continue
		}
		if s, ok := parseSession(name, string(info)); ok {
			list = append(list, s)
		}
	}
	return append(list, i.dynamic(h)...)
}

// dynamic are those that logged in without being named.
func (i *ISCSI) dynamic(h Host) []Session {
	names, err := os.ReadFile(filepath.Join(i.group(h), "dynamic_sessions"))
	if err != nil {
		return nil
	}
	var list []Session
	for _, name := range strings.FieldsFunc(string(names), func(r rune) bool { return r == '\n' || r == 0 }) {
		list = append(list, Session{Initiator: name, State: "LOGGED_IN"})
	}
	return list
}

// parseSession reads what the kernel tells of an initiator. Without a session that is one line which says so.
func parseSession(name, info string) (Session, bool) {
	if !strings.Contains(info, "LIO Session ID:") {
		return Session{}, false
	}
	state := strings.TrimPrefix(word(info, "Session State: "), "TARG_SESS_STATE_")
	return Session{Initiator: name, State: state, Address: word(info, "Address ")}, true
}

// word is what follows a mark, up to the next space.
func word(text, mark string) string {
	_, rest, ok := strings.Cut(text, mark)
	if !ok {
		return ""
	}
	if end := strings.IndexFunc(rest, func(r rune) bool { return r == ' ' || r == '\n' || r == '\t' }); end >= 0 {
		rest = rest[:end]
	}
	return rest
}
