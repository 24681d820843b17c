package archive

import (
	"errors"
	"strings"
	"testing"

	"calypso/tape/archive/pax"
)

// What is told are files, not what went wrong with each of them.
func TestLostCountsFiles(t *testing.T) {
	why := errors.New("why")
	err := problemsError("tape file 1", []pax.Problem{
		{Path: "a", Kind: pax.KindOwner, Err: why}, {Path: "a", Kind: pax.KindXattr, Err: why},
		{Path: "b", Kind: pax.KindOwner, Err: why}, {Path: "s", Kind: pax.KindSocket, Err: why},
	})
	if err == nil || !strings.Contains(err.Error(), "2 members were not restored") {
		t.Errorf("error %v; want 2 members", err)
	}
}
