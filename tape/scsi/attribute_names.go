package scsi

// The attributes that calypso reads or writes (SPC-5 7.4.2).
const (
	AttrRemainingMiB    uint16 = 0x0000 // per partition
	AttrMaximumMiB      uint16 = 0x0001 // per partition
	AttrTapeAlert       uint16 = 0x0002 // of the previous load, not of now
	AttrLoadCount       uint16 = 0x0003
	AttrFormatDensity   uint16 = 0x0006
	AttrTotalWrittenMiB uint16 = 0x0220
	AttrTotalReadMiB    uint16 = 0x0221
	AttrManufacturer    uint16 = 0x0400
	AttrMediumSerial    uint16 = 0x0401
	AttrMediumDensity   uint16 = 0x0405
	AttrManufactureDate uint16 = 0x0406
	AttrMediumType      uint16 = 0x0408
	AttrAppVendor       uint16 = 0x0800
	AttrAppName         uint16 = 0x0801
	AttrAppVersion      uint16 = 0x0802
	AttrUserLabel       uint16 = 0x0803
	AttrLastWritten     uint16 = 0x0804
	AttrBarcode         uint16 = 0x0806
	AttrOwningHost      uint16 = 0x0807
	AttrMediaPool       uint16 = 0x0808
)

// attributeKind is what the standard says of an attribute. length is in bytes, 0 when it varies.
type attributeKind struct {
	key      string // the name that users type
	name     string // what it is called in the standard
	format   AttributeFormat
	length   int
	writable bool
	unit     string // of a number: "bytes", "mib", "metres", "100um"; "" for a plain one
}

var attributeKinds = map[uint16]attributeKind{
	AttrRemainingMiB:    {"remaining_capacity", "remaining capacity in partition", BinaryFormat, 8, false, "mib"},
	AttrMaximumMiB:      {"maximum_capacity", "maximum capacity in partition", BinaryFormat, 8, false, "mib"},
	AttrTapeAlert:       {"tapealert_flags", "TapeAlert flags of the previous load", BinaryFormat, 8, false, ""},
	AttrLoadCount:       {"load_count", "load count", BinaryFormat, 8, false, ""},
	0x0004:              {"mam_space_remaining", "MAM space remaining", BinaryFormat, 8, false, "bytes"},
	0x0005:              {"assigning_organization", "assigning organization (device)", ASCIIFormat, 8, false, ""},
	AttrFormatDensity:   {"formatted_density", "formatted density code", BinaryFormat, 1, false, ""},
	0x0007:              {"initialization_count", "initialization count", BinaryFormat, 2, false, ""},
	0x0008:              {"volume_identifier", "volume identifier", ASCIIFormat, 32, false, ""},
	0x0009:              {"volume_change_reference", "volume change reference", BinaryFormat, 4, false, ""},
	0x020A:              {"last_load_device", "device vendor and serial at last load", ASCIIFormat, 40, false, ""},
	0x020B:              {"second_last_load_device", "device vendor and serial at load before last", ASCIIFormat, 40, false, ""},
	0x020C:              {"third_last_load_device", "device vendor and serial two loads before last", ASCIIFormat, 40, false, ""},
	0x020D:              {"fourth_last_load_device", "device vendor and serial three loads before last", ASCIIFormat, 40, false, ""},
	AttrTotalWrittenMiB: {"lifetime_written", "total MiB written in medium life", BinaryFormat, 8, false, "mib"},
	AttrTotalReadMiB:    {"lifetime_read", "total MiB read in medium life", BinaryFormat, 8, false, "mib"},
	0x0222:              {"load_written", "total MiB written in current or last load", BinaryFormat, 8, false, "mib"},
	0x0223:              {"load_read", "total MiB read in current or last load", BinaryFormat, 8, false, "mib"},
	0x0224:              {"first_encrypted_block", "logical position of first encrypted block", BinaryFormat, 8, false, ""},
	0x0225:              {"first_unencrypted_block", "logical position of first unencrypted block after it", BinaryFormat, 8, false, ""},
	0x0340:              {"medium_usage_history", "medium usage history", BinaryFormat, 90, false, ""},
	0x0341:              {"partition_usage_history", "partition usage history", BinaryFormat, 60, false, ""},
	AttrManufacturer:    {"manufacturer", "medium manufacturer", ASCIIFormat, 8, false, ""},
	AttrMediumSerial:    {"medium_serial", "medium serial number", ASCIIFormat, 32, false, ""},
	0x0402:              {"medium_length", "medium length in metres", BinaryFormat, 4, false, "metres"},
	0x0403:              {"medium_width", "medium width in 0.1 mm", BinaryFormat, 4, false, "100um"},
	0x0404:              {"medium_assigning_organization", "assigning organization (medium)", ASCIIFormat, 8, false, ""},
	AttrMediumDensity:   {"medium_density", "medium density code", BinaryFormat, 1, false, ""},
	AttrManufactureDate: {"manufacture_date", "medium manufacture date", ASCIIFormat, 8, false, ""},
	0x0407:              {"mam_capacity", "MAM capacity", BinaryFormat, 8, false, "bytes"},
	AttrMediumType:      {"medium_type", "medium type", BinaryFormat, 1, false, ""},
	0x0409:              {"medium_type_information", "medium type information", BinaryFormat, 2, false, ""},
	0x040A:              {"numeric_medium_serial", "numeric medium serial number", BinaryFormat, 0, false, ""},
	0x040B:              {"supported_densities", "supported density codes", BinaryFormat, 10, false, ""},
	AttrAppVendor:       {"application_vendor", "application vendor", ASCIIFormat, 8, true, ""},
	AttrAppName:         {"application_name", "application name", ASCIIFormat, 32, true, ""},
	AttrAppVersion:      {"application_version", "application version", ASCIIFormat, 8, true, ""},
	AttrUserLabel:       {"user_text", "user medium text label", TextFormat, 160, true, ""},
	AttrLastWritten:     {"last_written", "date and time last written", ASCIIFormat, 12, true, ""},
	0x0805:              {"text_encoding", "text localization identifier", BinaryFormat, 1, true, ""},
	AttrBarcode:         {"barcode", "barcode", ASCIIFormat, 32, true, ""},
	AttrOwningHost:      {"owner", "owning host textual name", TextFormat, 80, true, ""},
	AttrMediaPool:       {"media_pool", "media pool", TextFormat, 160, true, ""},
	0x0809:              {"partition_text", "partition user text label", ASCIIFormat, 16, true, ""},
	0x080A:              {"load_at_partition", "load/unload at partition", BinaryFormat, 1, true, ""},
	0x080B:              {"application_format_version", "application format version", ASCIIFormat, 16, true, ""},
	0x080C:              {"volume_coherency", "volume coherency information", BinaryFormat, 0, true, ""},
	0x0820:              {"medium_guid", "medium globally unique identifier", BinaryFormat, 36, true, ""},
	0x0821:              {"media_pool_guid", "media pool globally unique identifier", BinaryFormat, 36, true, ""},
	0x1000:              {"cartridge_identity", "unique cartridge identity", BinaryFormat, 28, false, ""},
	0x1001:              {"alternate_cartridge_identity", "alternate unique cartridge identity", BinaryFormat, 24, false, ""},
	0x1623:              {"ltfs_volume_lock", "LTFS volume lock", BinaryFormat, 1, true, ""},
}

// AttributeInfo is what the standards and the vendors' manuals say of an attribute.
type AttributeInfo struct {
	ID       uint16
	Name     string // snake case: "media_pool"
	Title    string // "media pool"
	Format   AttributeFormat
	Length   int // in bytes; of text the most, 0 when it varies
	Writable bool
	Unit     string // of a number: "bytes", "mib" (2^20 bytes), "metres", "100um"; "" for a plain one
}

// LookupAttribute is what is known of an attribute; not ok for one that is not.
func LookupAttribute(id uint16) (AttributeInfo, bool) {
	k, ok := attributeKinds[id]
	return AttributeInfo{id, k.key, k.name, k.format, k.length, k.writable, k.unit}, ok
}

// AttributeByName finds an attribute by its snake case name.
func AttributeByName(name string) (AttributeInfo, bool) {
	for id, k := range attributeKinds {
		if k.key == name && name != "" {
			return LookupAttribute(id)
		}
	}
	return AttributeInfo{}, false
}

// HostMayWrite says whether the id is in a range that SPC-5 gives to hosts: 0800h to 0BFFh, and 1400h to
// 17FFh for what vendors define.
func HostMayWrite(id uint16) bool { return id>>10 == 0x0800>>10 || id>>10 == 0x1400>>10 }
