package cmd

import (
	"strings"

	"calypso/vtl"
)

// faultsOf lists the injected faults for `calypso vtl show`; nil when they cannot be read, which is
// warned of: the library itself can be shown all the same.
func (inv *invocation) faultsOf(store *vtl.Store, library string) *[]faultDoc {
	list, err := store.Faults(library)
	if err != nil {
		inv.warn("the injected faults are not known: %v", err)
		return nil
	}
	docs := []faultDoc{}
	for _, f := range list {
		docs = append(docs, newFaultDoc(library, f))
	}
	return &docs
}

// faultsText is one line about them: how many there are, and of what kind.
func faultsText(faults *[]faultDoc) string {
	if faults == nil {
		return "-"
	}
	list := *faults
	if len(list) == 0 {
		return "none"
	}
	var kinds []string
	for _, f := range list {
		kinds = append(kinds, f.Target+" "+f.Kind)
	}
	const most = 2 // fit a line
	if len(kinds) > most {
		kinds = append(kinds[:most], "...")
	}
	return counted(len(list), "injected fault") + ": " + strings.Join(kinds, ", ")
}
