package scsi

import "encoding/binary"

// SECURITY PROTOCOL IN and OUT (SPC-5 6.40, 6.41) with the tape data encryption protocol (SSC-5 8.5).
const (
	OpSecurityProtocolIn  = 0xA2
	OpSecurityProtocolOut = opSecurityProtocolOut
)

// The security protocols that calypso uses.
const (
	ProtocolInformation    = 0x00 // SPC-5 7.7.1
	ProtocolTapeEncryption = 0x20 // SSC-5 8.5
)

// The pages of the tape data encryption protocol, and page 0 of protocol 0, the list of protocols.
const (
	PageProtocols              = 0x0000
	PageEncryptionIn           = 0x0000 // which pages SECURITY PROTOCOL IN has
	PageEncryptionOut          = 0x0001 // which pages SECURITY PROTOCOL OUT has
	PageEncryptionCapabilities = 0x0010
	PageSetEncryption          = 0x0010 // of SECURITY PROTOCOL OUT
	PageEncryptionStatus       = 0x0020
	PageNextBlockEncryption    = 0x0021
)

// AlgorithmAES256GCM is the security algorithm code of AES-256-GCM with a 128-bit tag (SPC-5 table 568).
const AlgorithmAES256GCM = 0x00010014

// The additional sense codes of encryption, with sense key DATA PROTECT (SSC-5 4.2.24).
const (
	ASCSecurity      ASC = 0x7400
	ASCCannotDecrypt ASC = 0x7401
	ASCInClear       ASC = 0x7402 // a block in clear, when all that is read must be encrypted
	ASCWrongKey      ASC = 0x7403
	ASCIntegrity     ASC = 0x7404
)

// SecurityProtocolIn is SECURITY PROTOCOL IN.
func SecurityProtocolIn(protocol byte, page uint16, alloc uint32) CDB12 {
	c := CDB12{OpSecurityProtocolIn, protocol}
	binary.BigEndian.PutUint16(c[2:], page)
	binary.BigEndian.PutUint32(c[6:], alloc)
	return c
}

// SecurityProtocolOut is SECURITY PROTOCOL OUT.
func SecurityProtocolOut(protocol byte, page uint16, length uint32) CDB12 {
	c := CDB12{OpSecurityProtocolOut, protocol}
	binary.BigEndian.PutUint16(c[2:], page)
	binary.BigEndian.PutUint32(c[6:], length)
	return c
}

// ParseProtocols decodes the list of security protocols that a device has.
func ParseProtocols(data []byte) ([]byte, error) {
	if len(data) < 8 {
		return nil, shortData("list of security protocols", len(data), 8)
	}
	return extent(data, 8, uint64(uint16At(data, 6)))[8:], nil
}

// securityPage checks the header that all pages of protocol 20h have, and cuts the page to its length.
func securityPage(data []byte, code uint16, fixed int) ([]byte, error) {
	if len(data) < fixed {
		return nil, shortData("tape encryption page", len(data), fixed)
	}
	if got := uint16At(data, 0); got != code {
		return nil, &PageError{Want: byte(code), Got: byte(got)}
	}
	data = extent(data, 4, uint64(uint16At(data, 2)))
	if len(data) < fixed {
		return nil, shortData("tape encryption page", len(data), fixed)
	}
	return data, nil
}

// ParseEncryptionPages decodes page 0000h or 0001h: the codes of the pages that the device has.
func ParseEncryptionPages(data []byte, code uint16) ([]uint16, error) {
	data, err := securityPage(data, code, 4)
	if err != nil {
		return nil, err
	}
	var pages []uint16
	for data = data[4:]; len(data) >= 2; data = data[2:] {
		pages = append(pages, uint16At(data, 0))
	}
	return pages, nil
}

// EncryptionControl is the CFG_P field of page 0010h: who may set the parameters.
type EncryptionControl byte

// The values of CFG_P.
const (
	ControlUnknown EncryptionControl = 0
	ControlHost    EncryptionControl = 1
	ControlOthers  EncryptionControl = 2 // not this host: a library or key manager
)

// EncryptionCapabilities is page 0010h.
type EncryptionCapabilities struct {
	External   byte // EXTDECC: 1 not, 2 capable of external encryption control, 0 not said
	Control    EncryptionControl
	Algorithms []EncryptionAlgorithm
}

// EncryptionAlgorithm is one algorithm descriptor of page 0010h (SSC-5 8.5.2.4).
type EncryptionAlgorithm struct {
	Index        byte
	Mounted      bool // AVFMV: it can be used with the mounted volume
	Supplemental bool // SDK_C
	Mac          bool // MAC_C
	Distinguish  bool // DED_C: encrypted blocks can be told from others
	Decrypt      byte // DECRYPT_C: 0 no, 1 software, 2 hardware, 3 with external control
	Encrypt      byte // ENCRYPT_C: the same
	AtPosition   byte // AVFCP: 1 cannot be used at the position, 2 can, 0 not said
	Nonce        byte // NONCE_C
	NameFormat   bool // KADF_C: the format of the key-associated data can be set
	FixedUKAD    bool // UKADF: unauthenticated data must have the maximum length
	FixedAKAD    bool // AKADF
	MaxUKAD      int  // bytes of unauthenticated key-associated data
	MaxAKAD      int  // bytes of authenticated key-associated data
	KeyBytes     int
	Code         uint32
}

const algorithmBytes = 24

// ParseEncryptionCapabilities decodes page 0010h. A descriptor that is cut off is left out. The length of
// the page is not believed: there are drives whose is 4 bytes short of the last descriptor.
func ParseEncryptionCapabilities(data []byte) (EncryptionCapabilities, error) {
	const header = 20
	if _, err := securityPage(data, PageEncryptionCapabilities, header); err != nil {
		return EncryptionCapabilities{}, err
	}
	c := EncryptionCapabilities{External: data[4] >> 2 & 3, Control: EncryptionControl(data[4] & 3)}
	for rest := data[header:]; len(rest) >= algorithmBytes && uint16At(rest, 2) != 0; {
		c.Algorithms = append(c.Algorithms, parseAlgorithm(rest))
		length := max(4+int(uint16At(rest, 2)), algorithmBytes)
		if length > len(rest) {
			break
		}
		rest = rest[length:]
	}
	return c, nil
}

func parseAlgorithm(d []byte) EncryptionAlgorithm {
	return EncryptionAlgorithm{
		Index: d[0], Mounted: d[4]&0x80 != 0, Supplemental: d[4]&0x40 != 0, Mac: d[4]&0x20 != 0, Distinguish: d[4]&0x10 != 0,
		Decrypt: d[4] >> 2 & 3, Encrypt: d[4] & 3,
		AtPosition: d[5] >> 6, Nonce: d[5] >> 4 & 3, NameFormat: d[5]&0x08 != 0, FixedUKAD: d[5]&0x02 != 0, FixedAKAD: d[5]&0x01 != 0,
		MaxUKAD: int(uint16At(d, 6)), MaxAKAD: int(uint16At(d, 8)), KeyBytes: int(uint16At(d, 10)), Code: uint32At(d, 20),
	}
}

// KADType is a kind of key-associated data (SSC-5 8.5.4.3).
type KADType byte

// The kinds of key-associated data.
const (
	UKAD     KADType = 0 // stored beside the block
	AKAD     KADType = 1 // stored, and covered by the tag of the block
	NonceKAD KADType = 2
	MetaKAD  KADType = 3
)

// KAD is one descriptor of key-associated data.
type KAD struct {
	Type          KADType
	Authenticated byte // 0 not covered, 1 not yet checked, 2 checked, 3 the check failed
	Data          []byte
}

// parseKADs decodes descriptors; one that is cut off keeps what is there.
func parseKADs(b []byte) []KAD {
	var list []KAD
	for len(b) >= 4 {
		length := min(int(uint16At(b, 2)), len(b)-4)
		list = append(list, KAD{Type: KADType(b[0]), Authenticated: b[1] & 7, Data: b[4 : 4+length]})
		b = b[4+length:]
	}
	return list
}

// The formats of key-associated data.
const (
	KADFormatUnspecified = 0
	KADFormatBinary      = 1
	KADFormatASCII       = 2
)

// EncryptionScope says for whom encryption parameters count (SSC-5 table 166).
type EncryptionScope byte

// The scopes.
const (
	ScopePublic EncryptionScope = 0 // no parameters of one's own
	ScopeLocal  EncryptionScope = 1 // this I_T nexus
	ScopeAll    EncryptionScope = 2 // all I_T nexuses
)

// EncryptionMode is what happens to data written.
type EncryptionMode byte

// The encryption modes.
const (
	EncryptOff      EncryptionMode = 0
	EncryptExternal EncryptionMode = 1
	Encrypt         EncryptionMode = 2
)

// DecryptionMode is what happens to data read.
type DecryptionMode byte

// The decryption modes: DecryptMixed lets blocks in clear pass, Decrypt does not.
const (
	DecryptOff   DecryptionMode = 0
	DecryptRaw   DecryptionMode = 1
	Decrypt      DecryptionMode = 2
	DecryptMixed DecryptionMode = 3
)

// EncryptionStatus is page 0020h (SSC-5 8.5.2.7).
type EncryptionStatus struct {
	Scope       EncryptionScope // of this I_T nexus
	KeyScope    EncryptionScope // of the parameters in force
	Encryption  EncryptionMode
	Decryption  DecryptionMode
	Algorithm   byte   // index
	KeyInstance uint32 // counts changes of the key
	Control     byte   // PARAMETERS CONTROL: 0 not said, 1 host, 2 this drive excludes the host, 3 ADC, ...
	VolumeMixed bool   // VCELB: the volume holds encrypted blocks
	CheckMode   byte   // CEEMS
	RawDisabled bool   // RDMD
	KADFormat   byte
	KADs        []KAD
}

// ParseEncryptionStatus decodes page 0020h.
func ParseEncryptionStatus(data []byte) (EncryptionStatus, error) {
	const fixed = 24
	data, err := securityPage(data, PageEncryptionStatus, fixed)
	if err != nil {
		return EncryptionStatus{}, err
	}
	return EncryptionStatus{
		Scope: EncryptionScope(data[4] >> 5), KeyScope: EncryptionScope(data[4] & 7),
		Encryption: EncryptionMode(data[5]), Decryption: DecryptionMode(data[6]), Algorithm: data[7],
		KeyInstance: uint32At(data, 8), Control: data[12] >> 4 & 7, VolumeMixed: data[12]&0x08 != 0,
		CheckMode: data[12] >> 1 & 3, RawDisabled: data[12]&0x01 != 0, KADFormat: data[13], KADs: parseKADs(data[fixed:]),
	}, nil
}

// BlockEncryption is the ENCRYPTION STATUS of page 0021h.
type BlockEncryption byte

// What the next block is.
const (
	BlockUnknown     BlockEncryption = 0 // the device cannot tell
	BlockNotRead     BlockEncryption = 1 // it has not looked at it yet
	BlockNone        BlockEncryption = 2 // the next object is no block
	BlockClear       BlockEncryption = 3
	BlockUnsupported BlockEncryption = 4 // encrypted with an algorithm that the device does not have
	BlockThisKey     BlockEncryption = 5 // encrypted, and the device has the key
	BlockOtherKey    BlockEncryption = 6 // encrypted, and the device has no key or another
)

// NextBlock is page 0021h (SSC-5 8.5.2.8).
type NextBlock struct {
	Block       uint64 // logical object number
	Compression byte
	Status      BlockEncryption
	Algorithm   byte
	KADFormat   byte
	KADs        []KAD
}

// ParseNextBlock decodes page 0021h.
func ParseNextBlock(data []byte) (NextBlock, error) {
	const fixed = 16
	data, err := securityPage(data, PageNextBlockEncryption, fixed)
	if err != nil {
		return NextBlock{}, err
	}
	return NextBlock{
		Block: binary.BigEndian.Uint64(data[4:]), Compression: data[12] >> 4, Status: BlockEncryption(data[12] & 0x0F),
		Algorithm: data[13], KADFormat: data[15], KADs: parseKADs(data[fixed:]),
	}, nil
}

// SetEncryption is the parameter list of SECURITY PROTOCOL OUT page 0010h (SSC-5 8.5.3.2).
type SetEncryption struct {
	Scope         EncryptionScope
	ClearOnUnload bool // CKOD
	Encryption    EncryptionMode
	Decryption    DecryptionMode
	Algorithm     byte
	KADFormat     byte
	Key           []byte
	KADs          []KAD // by ascending type
}

// List gives the parameter list, which holds the key: the caller zeroes it.
func (s SetEncryption) List() []byte {
	length := 20 + len(s.Key)
	for _, k := range s.KADs {
		length += 4 + len(k.Data)
	}
	b := make([]byte, 20, length) // never grown: a copy would not be zeroed
	binary.BigEndian.PutUint16(b[0:], PageSetEncryption)
	binary.BigEndian.PutUint16(b[2:], uint16(length-4))
	b[4] = byte(s.Scope) << 5
	b[5] = 0x40 | bit(s.ClearOnUnload, 0x04) // CEEM 1: how a block was encrypted is not checked on reading
	b[6], b[7], b[8] = byte(s.Encryption), byte(s.Decryption), s.Algorithm
	b[10] = s.KADFormat
	binary.BigEndian.PutUint16(b[18:], uint16(len(s.Key)))
	b = append(b, s.Key...)
	for _, k := range s.KADs {
		b = append(b, byte(k.Type), 0, byte(len(k.Data)>>8), byte(len(k.Data)))
		b = append(b, k.Data...)
	}
	return b
}
