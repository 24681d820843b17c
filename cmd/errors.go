package cmd

import (
	"context"

	"calypso/sys/errcode"
)

// errorsDoc is `calypso errors --json`.
type errorsDoc struct {
	Errors []errorEntryDoc `json:"errors"`
}

// errorEntryDoc is one code of the table.
type errorEntryDoc struct {
	Code     string  `json:"code"`
	ExitCode int     `json:"exit_code"`
	Meaning  string  `json:"meaning"`
	Remedy   *string `json:"remedy"`
}

func errorsCommand() *command {
	return &command{
		Name: "errors", Summary: "explain an error code, or list all", Stateless: true,
		Description: "Every error has a stable code, given as \"code\" in the JSON error object. This lists the codes with the exit status each leads to, or explains one with its remedy.",
		Args:        []arg{{Name: "CODE", Usage: "a code such as tape_full", Optional: true}},
		Examples: []example{
			{"calypso errors", "list every code"},
			{"calypso errors tape_write_protected", "explain one"},
		},
		Exits: []errcode.Exit{errcode.ExitNotFound},
		Run:   runErrors,
	}
}

func runErrors(_ context.Context, inv *invocation) error {
	code := inv.arg("CODE")
	if code == "" {
		return emitErrors(inv, errcode.All())
	}
	entry, ok := errcode.Lookup(errcode.Code(code))
	if !ok {
		return errcode.New(errcode.ErrorCodeNotFound, code, "no error has this code")
	}
	if inv.json {
		return emitErrors(inv, []errcode.Entry{entry})
	}
	return inv.emit(nil, func(p *page) {
		p.pairs("code", entry.Code, "exit status", int(entry.Exit), "meaning", entry.Meaning, "remedy", entry.Remedy)
	})
}

func emitErrors(inv *invocation, entries []errcode.Entry) error {
	var doc errorsDoc
	t := newTable("code", ">exit", "meaning")
	for _, e := range entries {
		doc.Errors = append(doc.Errors, errorEntryDoc{string(e.Code), int(e.Exit), e.Meaning, orNull(e.Remedy)})
		t.row(e.Code, int(e.Exit), e.Meaning)
	}
	return inv.emit(doc, func(p *page) { p.table(t, "no errors") })
}
