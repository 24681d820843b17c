package spc

// extendedInquiry is page 86h: one queue that takes simple tasks, and the longest sense there is.
func extendedInquiry(Identity) []byte {
	b := make([]byte, 60)
	b[1] = 0x01 // SIMPSUP
	b[9] = maxSense
	return b
}

// maxSense is the longest sense data: descriptor format with all three descriptors.
const maxSense = 8 + 12 + 8 + 4

// modePagePolicy is page 87h: all hosts share all mode pages.
func modePagePolicy(Identity) []byte { return []byte{0x3F, 0xFF, 0x00, 0x00} }

// scsiPorts is page 88h: the one target port with its name.
func scsiPorts(id Identity) []byte {
	name := id.portName()
	b := []byte{0, 0, 0, relativeTargetPort, 0, 0, 0, 0, 0, 0, 0, byte(len(name))}
	return append(b, name...)
}

// portName is the designator of the target port: an NAA name of its own.
func (id Identity) portName() []byte {
	return append([]byte{0x01, 0x13, 0x00, 0x08}, localName(append(id.T10ID(), "port 1"...))...)
}

// portDesignators are those of the target port in page 83h.
func (id Identity) portDesignators() []byte {
	return append([]byte{0x01, 0x14, 0x00, 0x04, 0, 0, 0, relativeTargetPort}, id.portName()...)
}
