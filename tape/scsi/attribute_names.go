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
	name     string
	format   AttributeFormat
	length   int
	writable bool
}

var attributeKinds = map[uint16]attributeKind{
	AttrRemainingMiB:    {"remaining capacity in partition", BinaryFormat, 8, false},
	AttrMaximumMiB:      {"maximum capacity in partition", BinaryFormat, 8, false},
	AttrTapeAlert:       {"TapeAlert flags of the previous load", BinaryFormat, 8, false},
	AttrLoadCount:       {"load count", BinaryFormat, 8, false},
	0x0004:              {"MAM space remaining", BinaryFormat, 8, false},
	0x0005:              {"assigning organization (device)", ASCIIFormat, 8, false},
	AttrFormatDensity:   {"formatted density code", BinaryFormat, 1, false},
	0x0007:              {"initialization count", BinaryFormat, 2, false},
	0x0008:              {"volume identifier", ASCIIFormat, 32, false},
	0x0009:              {"volume change reference", BinaryFormat, 4, false},
	0x020A:              {"device vendor and serial at last load", ASCIIFormat, 40, false},
	0x020B:              {"device vendor and serial at load before last", ASCIIFormat, 40, false},
	0x020C:              {"device vendor and serial two loads before last", ASCIIFormat, 40, false},
	0x020D:              {"device vendor and serial three loads before last", ASCIIFormat, 40, false},
	AttrTotalWrittenMiB: {"total MiB written in medium life", BinaryFormat, 8, false},
	AttrTotalReadMiB:    {"total MiB read in medium life", BinaryFormat, 8, false},
	0x0222:              {"total MiB written in current or last load", BinaryFormat, 8, false},
	0x0223:              {"total MiB read in current or last load", BinaryFormat, 8, false},
	0x0224:              {"logical position of first encrypted block", BinaryFormat, 8, false},
	0x0225:              {"logical position of first unencrypted block after it", BinaryFormat, 8, false},
	0x0340:              {"medium usage history", BinaryFormat, 90, false},
	0x0341:              {"partition usage history", BinaryFormat, 60, false},
	AttrManufacturer:    {"medium manufacturer", ASCIIFormat, 8, false},
	AttrMediumSerial:    {"medium serial number", ASCIIFormat, 32, false},
	0x0402:              {"medium length in metres", BinaryFormat, 4, false},
	0x0403:              {"medium width in 0.1 mm", BinaryFormat, 4, false},
	0x0404:              {"assigning organization (medium)", ASCIIFormat, 8, false},
	AttrMediumDensity:   {"medium density code", BinaryFormat, 1, false},
	AttrManufactureDate: {"medium manufacture date", ASCIIFormat, 8, false},
	0x0407:              {"MAM capacity", BinaryFormat, 8, false},
	AttrMediumType:      {"medium type", BinaryFormat, 1, false},
	0x0409:              {"medium type information", BinaryFormat, 2, false},
	0x040A:              {"numeric medium serial number", BinaryFormat, 0, false},
	0x040B:              {"supported density codes", BinaryFormat, 10, false},
	AttrAppVendor:       {"application vendor", ASCIIFormat, 8, true},
	AttrAppName:         {"application name", ASCIIFormat, 32, true},
	AttrAppVersion:      {"application version", ASCIIFormat, 8, true},
	AttrUserLabel:       {"user medium text label", TextFormat, 160, true},
	AttrLastWritten:     {"date and time last written", ASCIIFormat, 12, true},
	0x0805:              {"text localization identifier", BinaryFormat, 1, true},
	AttrBarcode:         {"barcode", ASCIIFormat, 32, true},
	AttrOwningHost:      {"owning host textual name", TextFormat, 80, true},
	AttrMediaPool:       {"media pool", TextFormat, 160, true},
	0x0809:              {"partition user text label", ASCIIFormat, 16, true},
	0x080A:              {"load/unload at partition", BinaryFormat, 1, true},
	0x080B:              {"application format version", ASCIIFormat, 16, true},
	0x080C:              {"volume coherency information", BinaryFormat, 0, true},
	0x0820:              {"medium globally unique identifier", BinaryFormat, 36, true},
	0x0821:              {"media pool globally unique identifier", BinaryFormat, 36, true},
	0x1000:              {"unique cartridge identity", BinaryFormat, 28, false},
	0x1001:              {"alternate unique cartridge identity", BinaryFormat, 24, false},
	0x1623:              {"LTFS volume lock", BinaryFormat, 1, true},
}
