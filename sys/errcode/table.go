package errcode

import "slices"

// Entry is one row of the table: a code, its exit status, what it means, what to do.
type Entry struct {
	Code    Code
	Exit    Exit
	Meaning string
	Remedy  string
}

// The codes. Each constant has exactly one row in the table below; a test holds that.
const (
	Failed           Code = "failed"
	Internal         Code = "internal"
	Interrupted      Code = "interrupted"
	Terminated       Code = "terminated"
	Timeout          Code = "timeout"
	Usage            Code = "usage"
	Partial          Code = "partial"
	PermissionDenied Code = "permission_denied"
	FileNotFound     Code = "file_not_found"
	DiskFull         Code = "disk_full"
	OutputFailed     Code = "output_failed"
	ConfirmRequired  Code = "confirm_required"
	ConfirmMismatch  Code = "confirm_mismatch"

	ConfigInvalid     Code = "config_invalid"
	StateInvalid      Code = "state_invalid"
	StateNewer        Code = "state_newer"
	StateUnwritable   Code = "state_unwritable"
	LockBusy          Code = "lock_busy"
	AuditBroken       Code = "audit_broken"
	AuditUnwritable   Code = "audit_unwritable"
	TaskNotFound      Code = "task_not_found"
	TaskFailed        Code = "task_failed"
	ErrorCodeNotFound Code = "error_code_not_found"
	ToolMissing       Code = "tool_missing"
	ModuleMissing     Code = "kernel_module_missing"

	DeviceNotFound    Code = "device_not_found"
	DeviceUnsupported Code = "device_unsupported"
	DeviceBusy        Code = "device_busy"
	DeviceError       Code = "device_error"
	DeviceUnknown     Code = "device_state_unknown"
	CommandRefused    Code = "device_command_refused"

	LibraryNotFound  Code = "library_not_found"
	LibraryExists    Code = "library_exists"
	LibraryNotEmpty  Code = "library_not_empty"
	LibraryServed    Code = "library_served"
	PortalBusy       Code = "portal_busy"
	DriveNotFound    Code = "drive_not_found"
	SlotNotFound     Code = "slot_not_found"
	SlotEmpty        Code = "slot_empty"
	SlotFull         Code = "slot_full"
	DriveFull        Code = "drive_full"
	DriveEmpty       Code = "drive_empty"
	NoFreeSlot       Code = "no_free_slot"
	RemovalPrevented Code = "removal_prevented"
	BarcodeInvalid   Code = "barcode_invalid"
	BarcodeExists    Code = "barcode_exists"
	BarcodeNotFound  Code = "barcode_not_found"
	BarcodeAmbiguous Code = "barcode_ambiguous"
	NameInvalid      Code = "name_invalid"

	TapeNotReady         Code = "tape_not_ready"
	TapeWriteProtected   Code = "tape_write_protected"
	TapeWORM             Code = "tape_worm"
	TapeFull             Code = "tape_full"
	TapeMediumError      Code = "tape_medium_error"
	TapeBlockTooLarge    Code = "tape_block_too_large"
	TapeFileNotFound     Code = "tape_file_not_found"
	TapePosition         Code = "tape_position_lost"
	MediaUnlabelled      Code = "media_unlabelled"
	MediaForeignLabel    Code = "media_foreign_label"
	MediaUnknownData     Code = "media_unknown_data"
	MediaLabelled        Code = "media_labelled"
	MediaLabelMismatch   Code = "media_label_mismatch"
	MediaCatalogMismatch Code = "media_catalog_mismatch"
	MediaNotFound        Code = "media_not_found"
	MediaIncompatible    Code = "media_incompatible"

	ArchiveEmpty       Code = "archive_empty"
	ArchiveNotFound    Code = "archive_not_found"
	ArchiveIsManifest  Code = "archive_is_manifest"
	ArchiveIncomplete  Code = "archive_incomplete"
	ArchiveDamaged     Code = "archive_damaged"
	ArchiveUnverified  Code = "archive_unverified"
	ArchiveNotTar      Code = "archive_not_tar"
	MemberNotFound     Code = "member_not_found"
	SourceFailed       Code = "source_failed"
	RestoreUnsafe      Code = "restore_unsafe"
	ImageDamaged       Code = "image_damaged"
	ImageNewer         Code = "image_newer"
	DestinationInvalid Code = "destination_invalid"

	KeyNotFound       Code = "key_not_found"
	KeyExists         Code = "key_exists"
	KeyNeeded         Code = "key_needed"
	KeyWrong          Code = "key_wrong"
	KeyInUse          Code = "key_in_use"
	KeyUnsafe         Code = "key_file_unsafe"
	KeyDamaged        Code = "key_damaged"
	KeyLocked         Code = "key_locked"
	EncryptionState   Code = "encryption_state"
	EncryptionMissing Code = "encryption_unsupported"

	PoolNotFound       Code = "pool_not_found"
	PoolExists         Code = "pool_exists"
	PoolBusy           Code = "pool_busy"
	PoolSuspended      Code = "pool_suspended"
	DatasetNotFound    Code = "dataset_not_found"
	DatasetExists      Code = "dataset_exists"
	DatasetBusy        Code = "dataset_busy"
	PropertyInvalid    Code = "property_invalid"
	StorageRefused     Code = "storage_refused"
	StorageUnsupported Code = "storage_unsupported"
	StreamDamaged      Code = "stream_damaged"
	VolumeNotFound     Code = "volume_not_found"
	VolumeExists       Code = "volume_exists"
	VolumeBusy         Code = "volume_busy"
	RepoNotFound       Code = "repo_not_found"
	RepoExists         Code = "repo_exists"
	RepoForeign        Code = "repo_foreign"

	AttributeNotFound Code = "attribute_not_found"
	AttributeReadOnly Code = "attribute_read_only"
	AttributeInvalid  Code = "attribute_invalid"
	AttributeMismatch Code = "attribute_mismatch"
	ModeNotFound      Code = "mode_field_not_found"
	ModeRefused       Code = "mode_field_refused"
	ModeMismatch      Code = "mode_field_mismatch"

	CleaningNotFound  Code = "cleaning_cartridge_not_found"
	CleaningExpired   Code = "cleaning_cartridge_expired"
	CleaningFailed    Code = "cleaning_failed"
	FaultNotFound     Code = "fault_not_found"
	ReservedElsewhere Code = "device_reserved"
	ReserveNotFound   Code = "reservation_not_found"

	DeviceAmbiguous      Code = "device_ambiguous"
	LibraryNotRemembered Code = "library_not_remembered"
	LibraryMismatch      Code = "library_mismatch"
)

var table = []Entry{
	{Failed, ExitFailed, "the operation was tried and failed", ""},
	{Internal, ExitInternal, "a bug in calypso", "report it with the stack trace above"},
	{Interrupted, ExitInterrupted, "stopped by SIGINT after cleaning up", ""},
	{Terminated, ExitTerminated, "stopped by SIGTERM after cleaning up", ""},
	{Timeout, ExitTimeout, "the deadline passed; the state of the device is unknown", "look with 'calypso lto status' before you try again"},
	{Usage, ExitUsage, "the command line is wrong; nothing was touched", "see --help"},
	{Partial, ExitPartial, "some items were done and some were not", "the list above names those that were not"},
	{PermissionDenied, ExitDenied, "the system denied access", "run as a user who may, e.g. with sudo or in group tape"},
	{FileNotFound, ExitNotFound, "a file or directory does not exist", "check the path"},
	{DiskFull, ExitNoSpace, "the file system is full", "free space and try again"},
	{OutputFailed, ExitFailed, "standard output could not be written; the answer above it is incomplete", "check where the output goes"},
	{ConfirmRequired, ExitRefused, "the operation destroys something and was not confirmed; nothing was touched", ""},
	{ConfirmMismatch, ExitRefused, "the name given to --confirm is not the name of the object; nothing was touched", ""},

	{ConfigInvalid, ExitUsage, "a configuration file cannot be used", "correct the line that is named"},
	{StateInvalid, ExitFailed, "a state file is damaged or was edited wrongly; it was left as it is", "correct the line that is named, or restore the file from a backup"},
	{StateNewer, ExitUnsupported, "a state file was written by a newer version of calypso; it was left as it is", "use that version of calypso"},
	{StateUnwritable, ExitFailed, "the state directory cannot be written", "check its owner, mode and free space, or set --state-dir"},
	{LockBusy, ExitBusy, "another process holds the lock", "wait for it to end, or use --lock-timeout"},
	{AuditBroken, ExitMismatch, "the audit log was edited, cut or reordered", "keep the file as evidence and find out who changed it"},
	{AuditUnwritable, ExitFailed, "the audit log cannot be written, so the change was not made", "check its owner, mode and free space"},
	{TaskFailed, ExitFailed, "a task that was waited for failed; the exit status is that of the task", "see its output with 'calypso task logs'"},
	{TaskNotFound, ExitNotFound, "no task has this id", "see 'calypso task list'"},
	{ErrorCodeNotFound, ExitNotFound, "no error has this code", "see 'calypso errors'"},
	{ToolMissing, ExitUnsupported, "a program that this command needs is not installed", "install it; the message names its package"},
	{ModuleMissing, ExitUnsupported, "a module of the kernel that this command needs is not loaded", "load it with modprobe; the message names its package"},

	{DeviceNotFound, ExitNotFound, "no device has this name", "see 'calypso library list'"},
	{DeviceUnsupported, ExitUnsupported, "this version of calypso cannot drive this kind of device", ""},
	{DeviceBusy, ExitBusy, "the device is in use", "try again later"},
	{DeviceError, ExitDevice, "the device reported a hardware error", "look at the device; its sense data is in the message"},
	{DeviceUnknown, ExitTimeout, "the answer of the device was lost; its state is unknown", "look with 'calypso lto status' before you try again"},
	{CommandRefused, ExitDevice, "the device refused a command as illegal", "report it with the sense data in the message"},

	{LibraryNotFound, ExitNotFound, "no library has this name", "see 'calypso library list'"},
	{LibraryExists, ExitRefused, "a library of this name exists already", "choose another name, or delete it first"},
	{LibraryNotEmpty, ExitRefused, "the library holds tapes that have been written; nothing was touched", "name the library with --confirm to delete it with its data"},
	{LibraryServed, ExitBusy, "a process serves the library to the kernel and plays its devices; nothing was touched", "use its devices, or stop the server first"},
	{PortalBusy, ExitBusy, "another program listens on the address and port of the portal", "choose another one with --portal"},
	{DriveNotFound, ExitNotFound, "the library has no drive of this number", "drives count from 0; see 'calypso library show'"},
	{SlotNotFound, ExitNotFound, "the library has no slot of this number", "slots count from 1; see 'calypso library show'"},
	{SlotEmpty, ExitNotFound, "the slot holds no cartridge", "see 'calypso library show'"},
	{SlotFull, ExitBusy, "the slot already holds a cartridge", "choose an empty one; see 'calypso library show'"},
	{DriveFull, ExitBusy, "the drive already holds a cartridge", "unload it first"},
	{DriveEmpty, ExitNotFound, "the drive holds no cartridge", "load one with 'calypso library load'"},
	{NoFreeSlot, ExitNoSpace, "the library has no free slot", "export or remove a cartridge"},
	{RemovalPrevented, ExitBusy, "the drive does not let the cartridge go", "end the program that uses it"},
	{BarcodeInvalid, ExitUsage, "the barcode breaks the rules for barcodes", "use 6 characters of A-Z and 0-9, then the media id, e.g. V00001L8"},
	{BarcodeExists, ExitRefused, "another cartridge has this barcode", "choose another barcode"},
	{BarcodeAmbiguous, ExitRefused, "several cartridges of this library have this barcode; nothing was touched", "name its place, as in slot:3"},
	{BarcodeNotFound, ExitNotFound, "no cartridge of this library has this barcode", "see 'calypso library show'"},
	{NameInvalid, ExitUsage, "the name cannot be used", "use 1 to 32 of a-z, A-Z, 0-9, '.', '_' and '-', beginning with a letter or digit"},

	{TapeNotReady, ExitBusy, "the drive is not ready", "wait, then try again"},
	{TapeWriteProtected, ExitRefused, "the cartridge is write-protected; nothing was written", "move its write-protect switch, or use another cartridge"},
	{TapeWORM, ExitRefused, "the cartridge can be written once only (WORM) and holds data; nothing was overwritten", "append to it with 'calypso lto write', or use another cartridge"},
	{TapeFull, ExitNoSpace, "the end of the medium was reached", "go on with another cartridge"},
	{TapeMediumError, ExitDevice, "the medium could not be read or written at this place", "clean the drive, try another drive, then copy what can be read and retire the cartridge"},
	{TapeBlockTooLarge, ExitUsage, "the block size is larger than the drive allows", "use a smaller --block-size"},
	{TapeFileNotFound, ExitNotFound, "the tape has no file of this number", "see 'calypso lto list'"},
	{TapePosition, ExitDevice, "the position on the tape was lost; nothing more was written", "try again: the next command positions the tape anew"},
	{MediaUnlabelled, ExitRefused, "the cartridge is blank and has no label; nothing was written", "label it with 'calypso lto label'"},
	{MediaForeignLabel, ExitRefused, "the cartridge belongs to other software; nothing was written", "use another cartridge, or name this one with --confirm if its data may be destroyed"},
	{MediaUnknownData, ExitRefused, "the cartridge holds data that calypso does not know; nothing was written", "use another cartridge, or name this one with --confirm if its data may be destroyed"},
	{MediaLabelled, ExitRefused, "the cartridge has a calypso label already; nothing was written", "use another cartridge, or --confirm NAME if its data may be destroyed"},
	{MediaLabelMismatch, ExitMismatch, "the label on the tape is not the barcode of the cartridge", "check which cartridge this is; the label names it if the sticker is wrong"},
	{MediaCatalogMismatch, ExitMismatch, "the catalog describes another cartridge of the same name", "rebuild the catalog of this cartridge with 'calypso lto scan'"},
	{MediaNotFound, ExitNotFound, "the catalog has no such cartridge", "see 'calypso media list'; 'calypso lto scan' adds one"},
	{MediaIncompatible, ExitRefused, "the drive cannot use this generation of cartridge", "use a drive of the right generation"},

	{ArchiveEmpty, ExitRefused, "there was nothing to write, so nothing was written", "check the program before the pipe: an empty stream is most often its failure"},
	{ArchiveNotFound, ExitNotFound, "the tape has no such archive", "see 'calypso lto list'"},
	{ArchiveIsManifest, ExitNotFound, "this tape file is a manifest or a label, not an archive", "see 'calypso lto list' for the archives"},
	{ArchiveIncomplete, ExitPartial, "the archive was not written to its end; what is there was given", "use another copy if there is one"},
	{ArchiveDamaged, ExitMismatch, "the data read is not the data written", "try another drive or another copy; --keep-damaged keeps what can be read"},
	{ArchiveUnverified, ExitPartial, "the archive has no readable manifest, so its data could not be verified", "compare it by other means before you trust it"},
	{ArchiveNotTar, ExitUsage, "the archive is a stream, not a tar: it has no members", "read it with --stdout"},
	{MemberNotFound, ExitNotFound, "the archive has no such member", "list them with 'calypso lto list --file N --members'"},
	{SourceFailed, ExitPartial, "some files could not be read; all others were written and the archive is intact", "the list above names them"},
	{RestoreUnsafe, ExitPartial, "some members were not restored because their names or links lead outside the destination", "the list above names them"},
	{ImageDamaged, ExitDevice, "the image of a virtual tape is damaged", "copy what can be read; the message names the place"},
	{ImageNewer, ExitUnsupported, "the image was written by a newer version of calypso", "use that version of calypso"},
	{DestinationInvalid, ExitUsage, "the destination cannot be used", "name an existing directory"},

	{KeyNotFound, ExitNotFound, "the key store has no such key", "see 'calypso key list'; 'calypso key import' adds one from the safe"},
	{KeyExists, ExitRefused, "the key store has a key of this name or id already", "choose another name"},
	{KeyNeeded, ExitDenied, "the data is encrypted and the key to it is not at hand", "import the key with the id that is named: 'calypso key import'"},
	{KeyWrong, ExitDenied, "the data is encrypted with another key", "use the key with the id that is named"},
	{KeyInUse, ExitRefused, "tapes still need this key; nothing was deleted", "keep it as long as they do; the message lists them"},
	{KeyUnsafe, ExitDenied, "others than its owner can read the key file, or it is not a plain file", "chmod 600 it, and think about who may have read it"},
	{KeyDamaged, ExitMismatch, "the key is damaged: its checksum or its form is wrong", "take it from another copy"},
	{KeyLocked, ExitDenied, "the key could not be unwrapped", "give the right passphrase or identity file"},
	{EncryptionState, ExitMismatch, "the drive does not encrypt as it was told to; nothing was written", "see 'calypso lto encrypt status'"},
	{EncryptionMissing, ExitUnsupported, "the drive or its cartridge cannot encrypt with AES-256-GCM under a host's key", "use LTO-4 or later; some libraries keep encryption to themselves"},

	{AttributeNotFound, ExitNotFound, "the cartridge memory has no such attribute", "see 'calypso lto attr list'"},
	{AttributeReadOnly, ExitRefused, "hosts may not write this attribute; nothing was written", "0800h to 0BFFh are the host's"},
	{AttributeInvalid, ExitUsage, "the value does not fit the attribute; nothing was written", "see its format and length with 'calypso lto attr list'"},
	{AttributeMismatch, ExitMismatch, "the cartridge memory took the attribute and holds another value", "see it with 'calypso lto attr get'; the memory may be worn out, or an adapter drops the command"},
	{ModeNotFound, ExitNotFound, "the drive has no such mode page or field", "see 'calypso lto mode list'"},
	{ModeRefused, ExitMismatch, "the drive refused the value of the mode page; nothing was changed", "see what can be changed with 'calypso lto mode get'"},
	{ModeMismatch, ExitMismatch, "the drive took the mode page and set another value", "see what it set with 'calypso lto mode get'"},

	{CleaningNotFound, ExitNotFound, "the library has no cleaning cartridge that can be used", "put one in; its barcode begins with CLN"},
	{CleaningExpired, ExitRefused, "the cleaning cartridge has no cleanings left; the drive was not cleaned", "replace it"},
	{CleaningFailed, ExitDevice, "the drive was not cleaned", "look at the drive and its alerts; try another cleaning cartridge"},
	{FaultNotFound, ExitNotFound, "no such fault is injected", "see 'calypso vtl fault list'"},
	{ReserveNotFound, ExitNotFound, "no host has registered this reservation key with the device", "see 'calypso lto reserve list'"},
	{ReservedElsewhere, ExitBusy, "another host has reserved the device", "wait until it releases it; 'calypso lto reserve list' shows who it is, and what to do when it is gone"},

	{PoolNotFound, ExitNotFound, "no imported pool has this name", "see 'calypso pool list'"},
	{PoolExists, ExitRefused, "a pool of this name exists already; nothing was touched", "choose another name"},
	{PoolBusy, ExitBusy, "the pool is in use or at work on something else", "see 'calypso pool status'; try again when it has ended"},
	{PoolSuspended, ExitDevice, "the pool has lost its devices and stopped all input and output", "bring its devices back, then 'calypso pool clear'; the kernel log says what was lost"},
	{DatasetNotFound, ExitNotFound, "no dataset, snapshot, bookmark or hold has this name", "see 'zfs list -t all'"},
	{DatasetExists, ExitRefused, "a dataset, snapshot, bookmark or hold of this name exists already; nothing was touched", "choose another name"},
	{DatasetBusy, ExitBusy, "the dataset is in use", "end what uses it: a mount, a process, an exported volume, a hold"},
	{PropertyInvalid, ExitUsage, "the property does not exist, cannot be set or does not take this value; nothing was changed", "see zfsprops(7) and zpoolprops(7)"},
	{StorageRefused, ExitRefused, "the storage tool refused, as this is unsafe or makes no sense in the present state", "the message has the tool's own words"},
	{StorageUnsupported, ExitUnsupported, "the pool or the installed version of the tool cannot do this", "the message has the tool's own words"},
	{StreamDamaged, ExitMismatch, "the stream is incomplete, damaged, or no stream of this kind", "send it again; a receiver that kept the part it got can resume"},
	{VolumeNotFound, ExitNotFound, "no volume group, thin pool or logical volume has this name", "see 'calypso lvm list'"},
	{VolumeExists, ExitRefused, "a logical volume of this name exists already; nothing was touched", "choose another name"},
	{VolumeBusy, ExitBusy, "the logical volume is in use", "end what uses it: a mount, a process, an exported volume"},
	{RepoNotFound, ExitNotFound, "no repository has this name", "see 'calypso repo list'"},
	{RepoExists, ExitRefused, "a repository of this name exists already; nothing was touched", "choose another name"},
	{RepoForeign, ExitRefused, "what is in the place of the repository was not made for it; nothing was touched", "look at it with 'calypso dataset show' or 'calypso lvm list'"},

	{DeviceAmbiguous, ExitRefused, "several devices have this serial number, so none of them is commanded; nothing was touched", "name the drive by its node; a drive that is reached over two paths wants one of them removed"},
	{LibraryNotRemembered, ExitRefused, "cartridges are moved only in libraries that were made known; nothing was touched", "'calypso library discover --write' makes a library known"},
	{LibraryMismatch, ExitMismatch, "cartridges are not where they are known to be", "'calypso library inventory' makes the library look again; 'calypso library audit --accept' takes the places for known as they are"},
}

// All lists every entry, in the order of the table.
func All() []Entry { return slices.Clone(table) }

// Lookup finds the entry of a code.
func Lookup(c Code) (Entry, bool) {
	for _, e := range table {
		if e.Code == c {
			return e, true
		}
	}
	return Entry{}, false
}
