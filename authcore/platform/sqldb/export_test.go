package sqldb

// Validate checks the form of a database URL.
func Validate(url string) error {
	_, err := parse(url)
	return err
}
