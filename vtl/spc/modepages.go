package spc

// The control mode page and its extension, which every device type has.
const (
	ControlMode = 0x0A
	senseBit    = 0x04 // D_SENSE
)

// ControlPage is the control mode page: one task set for all hosts, unrestricted reordering is not asked
// for, log parameters are not saved by themselves (GLTSD). With changeable D_SENSE a host chooses the
// format of sense data.
func ControlPage(changeableSense bool) ModePage {
	p := ModePage{Code: ControlMode, Default: []byte{0x02, 9: 0}, Changeable: make([]byte, 10)}
	p.Changeable[0] = bit(changeableSense, senseBit)
	return p
}

// ControlExtensionPage is subpage 01h of the control mode page: a host's SET TIMESTAMP counts (SCSIP).
func ControlExtensionPage() ModePage {
	return ModePage{Code: ControlMode, Subpage: 0x01, Default: []byte{0x02, 0x00, maxSense, 27: 0}, Changeable: make([]byte, 28)}
}

// DisconnectPage is the disconnect-reconnect mode page of a transport that limits nothing.
func DisconnectPage() ModePage {
	return ModePage{Code: 0x02, Default: make([]byte, 14), Changeable: make([]byte, 14)}
}

// PowerPage is the power condition mode page of a device that never sleeps.
func PowerPage() ModePage {
	return ModePage{Code: 0x1A, Default: make([]byte, 38), Changeable: make([]byte, 38)}
}

// ExceptionsPage is the informational exceptions control mode page: exceptions are not reported by
// sense data (DEXCPT), the host reads the TapeAlert page. changeable is the mask of its body.
func ExceptionsPage(changeable ...byte) ModePage {
	p := ModePage{Code: 0x1C, Default: []byte{0x08, 0x04, 9: 0}, Changeable: make([]byte, 10)}
	copy(p.Changeable, changeable)
	return p
}

// DescriptorSense says whether the current control mode page wants sense in descriptor format.
func (m *Modes) DescriptorSense() bool {
	control := m.Current(ControlMode, 0)
	return control != nil && control[0]&senseBit != 0
}
