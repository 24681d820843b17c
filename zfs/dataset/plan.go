package dataset

import (
	"fmt"
	"strings"
)

// Plan is what destroying would do.
type Plan struct {
	Destroy []string // in the order in which they go
	Reclaim int64    // bytes that get free, as zfs estimates them; 0 when it does not say
}

// decodePlan reads `zfs destroy -nvp`, which has no JSON form in any version.
func decodePlan(text string) (Plan, error) {
	var p Plan
	for line := range strings.Lines(text) {
		what, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		switch what {
		case "destroy":
			p.Destroy = append(p.Destroy, value)
		case "reclaim":
			n, err := count(value)
			if err != nil {
				return p, err
			}
			p.Reclaim += n
		default:
			return p, fmt.Errorf("zfs destroy -nvp printed %q", line)
		}
	}
	return p, nil
}
