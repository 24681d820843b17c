package state

// DecodeYAML is ReadYAML for text that is at hand, such as what came over a pipe; name stands for the path
// in errors.
func DecodeYAML(name string, data []byte, current int, v any) error {
	return decode(name, data, current, v)
}

// EncodeYAML gives the text that WriteYAML would write.
func EncodeYAML(name string, v any) ([]byte, error) { return encode(name, v) }
