package scsi

import "fmt"

// PageError says that a device answered with another page than the one that was asked for.
type PageError struct{ Want, Got byte }

func (e *PageError) Error() string {
	return fmt.Sprintf("page %02Xh was asked for, page %02Xh came", e.Want, e.Got)
}
