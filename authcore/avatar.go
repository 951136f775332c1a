package authcore

// Picture is the picture of an account in one size.
type Picture struct {
	Name      string // of all sizes of one upload: it cannot be guessed, and whoever knows it sees the picture
	Size      int    // width and height, in pixels
	MediaType string // image/png or image/jpeg
	Image     []byte
}
