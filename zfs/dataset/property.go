package dataset

import (
	"fmt"
	"strings"
)

// Property is one property of a dataset.
type Property struct {
	Name, Value string
	Source      string // "local", "default", "inherited", "received", "temporary", or "" for what cannot be set
	From        string // the dataset it is inherited from, or ""
}

// propertyColumns has the value last: it alone may hold a tab or a newline.
var propertyColumns = []string{"name", "property", "source", "value"}

// decodeProperties reads `zfs get -Hp -o` with propertyColumns for one dataset.
func decodeProperties(dataset string, each func(Property)) *rows {
	return &rows{columns: len(propertyColumns), freeText: true, each: func(f []string) error {
		if f[0] != dataset {
			return fmt.Errorf("zfs tells of %q and was asked for %q", f[0], dataset)
		}
		p := Property{Name: f[1], Source: none(f[2]), Value: f[3]}
		if from, ok := strings.CutPrefix(p.Source, "inherited from "); ok {
			p.Source, p.From = "inherited", from
		}
		each(p)
		return nil
	}}
}
