package spc

import "calypso/tape/scsi"

// Additional sense codes of data encryption (SPC-5 annex D, SSC-5).
const (
	EncryptionChangedByOther scsi.ASC = 0x2A11 // data encryption parameters changed by another I_T nexus
	EncryptionChangedByEvent scsi.ASC = 0x2A12 // data encryption parameters changed by vendor specific event
	KeyInstanceChanged       scsi.ASC = 0x2A13 // data encryption key instance counter has changed
	UnableToDecrypt          scsi.ASC = 0x7401
	UnencryptedData          scsi.ASC = 0x7402 // unencrypted data encountered while decrypting
	IncorrectKey             scsi.ASC = 0x7403 // incorrect data encryption key
	IntegrityFailed          scsi.ASC = 0x7404 // cryptographic integrity validation failed
	EncryptionModeMismatch   scsi.ASC = 0x7409 // encryption mode mismatch on read
	NotRawReadEnabled        scsi.ASC = 0x740A // encrypted block not raw read enabled
)
