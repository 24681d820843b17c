package archive

import (
	"calypso/sys/errcode"
	"calypso/tape"
)

// Blocks that are encrypted are the business of the Tape: tape.Keyed gives the drive the key that each
// needs. Here it only matters that a block could not be read for want of one.

// noKey tells that a block could not be decrypted: its key is not at hand, or is not the one.
func noKey(err error) bool {
	switch errcode.Of(err) {
	case errcode.KeyNeeded, errcode.KeyWrong, errcode.KeyLocked, errcode.KeyUnsafe, errcode.KeyDamaged:
		return true
	}
	return false
}

// lastKeyID is the id of the key that the last block read was encrypted with, of a tape that tells.
func lastKeyID(t Tape) string {
	if keyed, ok := t.(interface{ LastKeyID() string }); ok {
		return keyed.LastKeyID()
	}
	return ""
}

var _ interface{ LastKeyID() string } = (*tape.Keyed)(nil)
