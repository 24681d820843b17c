package cmd

import (
	"slices"

	"calypso/sys/errcode"
)

// exitMeaning is a row of the table of exit statuses: a promise to scripts, shown by every --help,
// the manual and docs/exit-codes.md.
type exitMeaning struct {
	status  errcode.Exit
	name    string
	meaning string
}

var exitMeanings = []exitMeaning{
	{errcode.ExitOK, "", "done, or already so"},
	{errcode.ExitFailed, "failed", "tried and failed, unclassified"},
	{errcode.ExitUsage, "usage", "bad command line or configuration; nothing touched"},
	{errcode.ExitPartial, "partial", "some items done, some not; the answer lists both"},
	{errcode.ExitNotFound, "not_found", "the named thing does not exist"},
	{errcode.ExitBusy, "busy", "locked or in use; retrying is safe"},
	{errcode.ExitDenied, "denied", "permission or credentials"},
	{errcode.ExitRefused, "refused", "a safety check; nothing touched"},
	{errcode.ExitTimeout, "timeout", "deadline passed; state unknown: inspect before retrying"},
	{errcode.ExitUnsupported, "unsupported", "tool, kernel module or device feature missing"},
	{errcode.ExitDevice, "device", "hardware or medium error"},
	{errcode.ExitMismatch, "mismatch", "verification failed: checksum, label, barcode"},
	{errcode.ExitNoSpace, "no_space", "end of medium or disk full; what was written is said"},
	{errcode.ExitInternal, "internal", "a bug in calypso"},
	{errcode.ExitInterrupted, "interrupted", "SIGINT, after clean-up"},
	{errcode.ExitTerminated, "terminated", "SIGTERM or SIGHUP, after clean-up"},
}

// commonExits are the statuses any verb can end with.
var commonExits = []errcode.Exit{
	errcode.ExitOK, errcode.ExitFailed, errcode.ExitUsage, errcode.ExitDenied, errcode.ExitTimeout,
	errcode.ExitInternal, errcode.ExitInterrupted, errcode.ExitTerminated,
}

// exitsOf lists what a verb can end with, in the order of the table.
func exitsOf(c *command) []exitMeaning {
	statuses := append(slices.Clone(commonExits), c.Exits...)
	if !c.Stateless {
		statuses = append(statuses, errcode.ExitUnsupported) // its state may be that of a newer calypso
	}
	if c.Danger != safe {
		statuses = append(statuses, errcode.ExitRefused)
	}
	if c.mayMutate() {
		statuses = append(statuses, errcode.ExitBusy, errcode.ExitNoSpace)
	}
	var list []exitMeaning
	for _, m := range exitMeanings {
		if slices.Contains(statuses, m.status) {
			list = append(list, m)
		}
	}
	return list
}
