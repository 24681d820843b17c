package tcmu

import "time"

// past is a deadline that has passed: it wakes a read.
var past = time.Unix(1, 0)
