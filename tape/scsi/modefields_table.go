package scsi

import "sync"

// modePageInfos are the mode pages of LTO drives. Names are the standards' terms.
var modePageInfos = sync.OnceValue(func() []ModePageInfo {
	return []ModePageInfo{
		modeHeader(), errorRecoveryPage(), disconnectPage(), controlPage(), controlExtensionPage(), dataProtectionPage(),
		dataCompressionPage(), deviceConfigurationPage(), deviceExtensionPage(), mediumPartitionPage(), powerConditionPage(),
		exceptionsPage(), mediumConfigurationPage(),
	}
})

// modeHeader is laid out as ModeData.Header gives it: medium type, device-specific parameter, then
// the short block descriptor (SSC-5, mode parameter header; SPC-5 7.5.6).
func modeHeader() ModePageInfo {
	return ModePageInfo{Name: ModeHeaderName, Fields: []ModeField{
		modeNumber("medium_type", 0, 7, 8, ""),
		modeBool("write_protected", 1, 7),
		modeEnum("buffered_mode", 1, 6, 3, "unbuffered", "buffered", "buffered_per_nexus"),
		modeNumber("speed", 1, 3, 4, ""),
		modeNumber("density", 2, 7, 8, ""),
		modeNumber("number_of_blocks", 3, 7, 24, ""),
		modeNumber("block_length", 7, 7, 24, "bytes"), // 0: variable
	}}
}

// errorRecoveryPage is SSC-5, Read-Write Error Recovery.
func errorRecoveryPage() ModePageInfo {
	return ModePageInfo{Name: "error_recovery", Code: 0x01, Fields: []ModeField{
		modeBool("transfer_block", 2, 5),
		modeBool("enable_early_recovery", 2, 3),
		modeBool("post_error", 2, 2),
		modeBool("disable_transfer_on_error", 2, 1),
		modeBool("disable_correction", 2, 0),
		modeNumber("read_retry_count", 3, 7, 8, ""),
		modeNumber("write_retry_count", 8, 7, 8, ""),
	}}
}

// disconnectPage is SPC-5, Disconnect-Reconnect; what the fields mean is the transport's business.
func disconnectPage() ModePageInfo {
	return ModePageInfo{Name: "disconnect_reconnect", Code: 0x02, Fields: []ModeField{
		modeNumber("buffer_full_ratio", 2, 7, 8, ""),
		modeNumber("buffer_empty_ratio", 3, 7, 8, ""),
		modeNumber("bus_inactivity_limit", 4, 7, 16, ""),
		modeNumber("disconnect_time_limit", 6, 7, 16, ""),
		modeNumber("connect_time_limit", 8, 7, 16, ""),
		modeNumber("maximum_burst_size", 10, 7, 16, "512bytes"),
		modeBool("enable_modify_data_pointers", 12, 7),
		modeNumber("fair_arbitration", 12, 6, 3, ""),
		modeBool("disconnect_immediate", 12, 3),
		modeNumber("data_transfer_disconnect_control", 12, 2, 3, ""),
		modeNumber("first_burst_size", 14, 7, 16, "512bytes"),
	}}
}

// controlPage is SPC-5, Control.
func controlPage() ModePageInfo {
	return ModePageInfo{Name: "control", Code: 0x0A, Fields: []ModeField{
		modeEnum("task_set_type", 2, 7, 3, "shared", "per_nexus"),
		modeBool("tmf_only", 2, 4),
		modeBool("d_sense", 2, 2),
		modeBool("global_logging_target_save_disable", 2, 1),
		modeBool("report_log_exception_condition", 2, 0),
		modeEnum("queue_algorithm_modifier", 3, 7, 4, "restricted", "unrestricted"),
		modeBool("no_unit_attention_on_release", 3, 3),
		modeNumber("queue_error_management", 3, 2, 2, ""),
		modeEnum("unit_attention_interlock", 4, 5, 2, "clear", "", "keep", "establish"),
		modeBool("software_write_protect", 4, 3),
		modeBool("task_aborted_status", 5, 6),
		modeBool("reject_write_without_protection", 5, 4),
		modeEnum("autoload_mode", 5, 2, 3, "load_and_thread", "load_memory_only", "no_load"),
		modeNumber("busy_timeout_period", 8, 7, 16, "100ms"),
		modeNumber("extended_self_test_completion_time", 10, 7, 16, "seconds"),
	}}
}

// controlExtensionPage is SPC-5, Control Extension.
func controlExtensionPage() ModePageInfo {
	return ModePageInfo{Name: "control_extension", Code: 0x0A, Subpage: 0x01, Fields: []ModeField{
		modeBool("timestamp_changeable_by_methods_outside_standard", 4, 2),
		modeBool("scsi_precedence", 4, 1),
		modeBool("implicit_asymmetric_access", 4, 0),
		modeNumber("initial_command_priority", 5, 3, 4, ""),
		modeNumber("maximum_sense_data_length", 6, 7, 8, "bytes"),
	}}
}

// dataProtectionPage is SSC-5, Control Data Protection: logical block protection.
func dataProtectionPage() ModePageInfo {
	return ModePageInfo{Name: "data_protection", Code: 0x0A, Subpage: 0xF0, Fields: []ModeField{
		modeEnum("method", 4, 7, 8, "off", "reed_solomon", "crc32c"),
		modeNumber("information_length", 5, 5, 6, "bytes"),
		modeBool("on_write", 6, 7),
		modeBool("on_read", 6, 6),
		modeBool("on_recover_buffered_data", 6, 5),
	}}
}

// dataCompressionPage is SSC-5, Data Compression.
func dataCompressionPage() ModePageInfo {
	return ModePageInfo{Name: "compression", Code: PageCompression, Fields: []ModeField{
		modeBool("enabled", 2, 7),
		modeBool("capable", 2, 6),
		modeBool("decompression_enabled", 3, 7),
		modeNumber("report_exception_on_decompression", 3, 6, 2, ""),
		modeNumber("algorithm", 4, 7, 32, ""),
		modeNumber("decompression_algorithm", 8, 7, 32, ""),
	}}
}

// deviceConfigurationPage is SSC-5, Device Configuration.
func deviceConfigurationPage() ModePageInfo {
	return ModePageInfo{Name: "device_configuration", Code: PageDeviceConfiguration, Fields: []ModeField{
		modeBool("change_active_format", 2, 5),
		modeNumber("active_format", 2, 4, 5, ""),
		modeNumber("active_partition", 3, 7, 8, ""),
		modeNumber("write_object_buffer_full_ratio", 4, 7, 8, ""),
		modeNumber("read_object_buffer_empty_ratio", 5, 7, 8, ""),
		modeNumber("write_delay", 6, 7, 16, "100ms"),
		modeBool("object_buffer_recovery", 8, 7),
		modeBool("logical_object_identifiers", 8, 6),
		modeBool("report_setmarks", 8, 5),
		modeBool("automatic_velocity_control", 8, 4),
		modeNumber("stop_on_consecutive_filemarks", 8, 3, 2, ""),
		modeBool("recover_object_buffer_order", 8, 1),
		modeBool("report_early_warning", 8, 0),
		modeNumber("gap_size", 9, 7, 8, ""),
		modeNumber("eod_defined", 10, 7, 3, ""),
		modeBool("enable_eod_generation", 10, 4),
		modeBool("synchronize_at_early_warning", 10, 3),
		modeBool("software_write_protect", 10, 2),
		modeBool("block_address_mode_lock", 10, 1),
		modeBool("block_address_mode", 10, 0),
		modeNumber("object_buffer_size_at_early_warning", 11, 7, 24, "bytes"),
		modeNumber("compression_algorithm", 14, 7, 8, ""),
		modeEnum("worm_tamper_read_enable", 15, 7, 2, "device_default", "allowed", "refused"),
		modeBool("only_if_reserved", 15, 5),
		modeEnum("rewind_on_reset", 15, 4, 2, "device_default", "to_beginning", "stay"),
		modeBool("associated_write_protect", 15, 2),
		modeBool("persistent_write_protect", 15, 1),
		modeBool("permanent_write_protect", 15, 0),
	}}
}

// deviceExtensionPage is SSC-5, Device Configuration Extension.
func deviceExtensionPage() ModePageInfo {
	return ModePageInfo{Name: "device_configuration_extension", Code: PageDeviceConfiguration, Subpage: 0x01, Fields: []ModeField{
		modeBool("tapealert_respect_page_control", 4, 1),
		modeBool("tapealert_select_exception_reporting", 4, 2),
		modeBool("tapealert_respect_parameter_fields", 4, 3),
		modeBool("tapealert_prevent_log_sense_deactivation", 4, 0),
		modeEnum("write_mode", 5, 7, 4, "overwrite", "append_only"),
		modeEnum("short_erase_mode", 5, 3, 4, "as_specified", "no_effect", "write_eod"),
		modeNumber("programmable_early_warning", 6, 7, 16, "megabytes"),
		modeBool("volume_containing_encrypted_blocks_requires_encryption", 8, 0),
	}}
}

// mediumPartitionPage is SSC-5, Medium Partition, with the sizes of the four partitions LTO has at most.
func mediumPartitionPage() ModePageInfo {
	return ModePageInfo{Name: "medium_partition", Code: 0x11, Fields: []ModeField{
		modeNumber("maximum_additional_partitions", 2, 7, 8, ""),
		modeNumber("additional_partitions", 3, 7, 8, ""),
		modeBool("fixed_data_partitions", 4, 7),
		modeBool("select_data_partitions", 4, 6),
		modeBool("initiator_defined_partitions", 4, 5),
		modeEnum("partition_size_unit", 4, 4, 2, "bytes", "kilobytes", "megabytes", "partition_units"),
		modeBool("partition_on_format", 4, 2),
		modeBool("clear", 4, 1),
		modeBool("add_partitions", 4, 0),
		modeEnum("medium_format_recognition", 5, 7, 8, "incapable", "format", "partition", "format_and_partition"),
		modeEnum("partitioning_type", 6, 7, 4, "device_default", "wrap_wise", "longitudinal"),
		modeNumber("partition_units", 6, 3, 4, ""),
		modeNumber("partition_0_size", 8, 7, 16, "partition_size_unit"),
		modeNumber("partition_1_size", 10, 7, 16, "partition_size_unit"),
		modeNumber("partition_2_size", 12, 7, 16, "partition_size_unit"),
		modeNumber("partition_3_size", 14, 7, 16, "partition_size_unit"),
	}}
}

// powerConditionPage is SPC-5, Power Condition.
func powerConditionPage() ModePageInfo {
	return ModePageInfo{Name: "power_condition", Code: 0x1A, Fields: []ModeField{
		modeNumber("background_precedence", 2, 7, 2, ""),
		modeBool("standby_y_enabled", 2, 0),
		modeBool("idle_c_enabled", 3, 3),
		modeBool("idle_b_enabled", 3, 2),
		modeBool("idle_a_enabled", 3, 1),
		modeBool("standby_z_enabled", 3, 0),
		modeNumber("idle_a_timer", 4, 7, 32, "100ms"),
		modeNumber("standby_z_timer", 8, 7, 32, "100ms"),
		modeNumber("idle_b_timer", 12, 7, 32, "100ms"),
		modeNumber("idle_c_timer", 16, 7, 32, "100ms"),
		modeNumber("standby_y_timer", 20, 7, 32, "100ms"),
		modeNumber("check_condition_from_idle", 39, 7, 2, ""),
		modeNumber("check_condition_from_standby", 39, 5, 2, ""),
		modeNumber("check_condition_from_stopped", 39, 3, 2, ""),
	}}
}

// exceptionsPage is SSC-5, Informational Exceptions Control, which rules how TapeAlert is told.
func exceptionsPage() ModePageInfo {
	return ModePageInfo{Name: "informational_exceptions", Code: 0x1C, Fields: []ModeField{
		modeBool("performance", 2, 7),
		modeBool("enable_background_function", 2, 5),
		modeBool("enable_warning", 2, 4),
		modeBool("disable_exception_control", 2, 3),
		modeBool("test", 2, 2),
		modeBool("enable_background_error", 2, 1),
		modeBool("log_errors", 2, 0),
		modeEnum("method_of_reporting", 3, 3, 4, "none", "asynchronous", "unit_attention", "recovered_error_if_allowed",
			"recovered_error", "no_sense", "on_request"),
		modeNumber("interval_timer", 4, 7, 32, "100ms"),
		modeNumber("report_count", 8, 7, 32, ""),
	}}
}

// mediumConfigurationPage is SSC-5, Medium Configuration.
func mediumConfigurationPage() ModePageInfo {
	return ModePageInfo{Name: "medium_configuration", Code: PageMediumConfiguration, Fields: []ModeField{
		modeBool("worm", 2, 0),
		modeNumber("worm_label_restrictions", 4, 7, 8, ""),
		modeNumber("worm_filemark_restrictions", 5, 7, 8, ""),
	}}
}
