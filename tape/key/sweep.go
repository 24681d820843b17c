package key

import (
	"os"
	"path/filepath"
	"strings"
)

// sweep removes what a killed process left of a key that it was about to add: as every key has a name of
// its own, nobody would write that file again, and the secret in it may not be wrapped. The store must be
// locked. A file that cannot be removed is left for the next time.
func (s *Store) sweep() {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if isUnfinished(e.Name()) {
			_ = os.Remove(filepath.Join(s.dir, e.Name()))
		}
	}
}

// isUnfinished knows the temporary files of state.WriteFile: ".ID.key" and a number.
func isUnfinished(name string) bool {
	_, number, ok := strings.Cut(name, fileSuffix)
	return ok && strings.HasPrefix(name, ".") && number != "" && strings.Trim(number, "0123456789") == ""
}
