package state

// step is called between the steps of a write. It does nothing but in the crash tests, which end
// the process there.
var step = func(name string) {}
