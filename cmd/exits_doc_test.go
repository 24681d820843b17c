package cmd

import (
	"fmt"
	"strings"

	"calypso/sys/errcode"
)

// exitCodesDocument is docs/exit-codes.md, made from the tables.
func exitCodesDocument() string {
	var b strings.Builder
	b.WriteString(`# Exit statuses and error codes

Made from the tables in sys/errcode and cmd/exits.go; do not edit. ` + "`go test ./cmd -update`" + ` writes it.

The exit status and the code of an error are a promise to scripts. A status or code may be added; none
changes its meaning. An unknown non-zero status must be treated as failure.

## Exit statuses

| status | name | meaning |
|---:|---|---|
`)
	for _, m := range exitMeanings {
		fmt.Fprintf(&b, "| %d | %s | %s |\n", m.status, m.name, m.meaning)
	}
	b.WriteString(`
## Error codes

` + "`calypso errors CODE`" + ` explains one. With --json an error is one JSON object on standard error that gives it as
` + "`code`" + `.

| code | exit status | meaning | what to do |
|---|---:|---|---|
`)
	for _, e := range errcode.All() {
		fmt.Fprintf(&b, "| `%s` | %d | %s | %s |\n", e.Code, e.Exit, e.Meaning, e.Remedy)
	}
	return b.String()
}
