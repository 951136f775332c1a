package avatar

import (
	"bytes"
	"context"
	"encoding/binary"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"

	"golang.org/x/image/draw"
	"golang.org/x/image/webp"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

const (
	// MaxBytes is the size of the largest upload.
	MaxBytes = 8 << 20
	// MaxPixels is how many pixels a picture may have. It is read from the file's header, before anything is decoded.
	MaxPixels = 16_000_000
)

// Sizes are the widths of the squares that an upload becomes, the largest first.
var Sizes = []int{512, 256, 128, 64}

// format is a kind of file that is taken.
type format struct {
	magic  func(data []byte) bool
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
}

func begins(with string) func([]byte) bool {
	return func(data []byte) bool { return bytes.HasPrefix(data, []byte(with)) }
}

// formats are told apart by how a file begins, and never by what its sender says that it is. Of an animation the first frame counts.
var formats = []format{
	{begins("\x89PNG\r\n\x1a\n"), png.DecodeConfig, png.Decode},
	{begins("\xff\xd8\xff"), jpeg.DecodeConfig, jpeg.Decode},
	{begins("GIF8"), gif.DecodeConfig, gif.Decode},
	{func(d []byte) bool { return len(d) > 12 && string(d[:4]) == "RIFF" && string(d[8:12]) == "WEBP" }, webp.DecodeConfig, webp.Decode},
}

// Render makes the squares of [Sizes] from the bytes of a PNG, JPEG, GIF or WebP file: the middle of the picture, as it is meant to be
// seen. They are JPEG, or PNG where something is transparent. A file that is none, is broken, or has more than [MaxPixels] is refused
// with a rule of the field avatar. It takes about a second and some hundred MB for the largest, and ends when ctx does.
func Render(ctx context.Context, data []byte) ([]authcore.Picture, error) {
	source, err := decode(ctx, data)
	if err != nil {
		return nil, err
	}
	var out []authcore.Picture
	var square *image.RGBA
	for i, size := range Sizes {
		scaled := image.NewRGBA(image.Rect(0, 0, size, size))
		if i == 0 {
			draw.CatmullRom.Scale(scaled, scaled.Bounds(), source, middle(source.Bounds()), draw.Src, nil)
			scaled = turn(scaled, orientation(data))
			square = scaled
		} else {
			draw.CatmullRom.Scale(scaled, scaled.Bounds(), square, square.Bounds(), draw.Src, nil)
		}
		picture, err := encode(scaled)
		if err != nil {
			return nil, err
		}
		out = append(out, picture)
	}
	return out, nil
}

func decode(ctx context.Context, data []byte) (image.Image, error) {
	for _, f := range formats {
		if !f.magic(data) {
			continue
		}
		config, err := f.config(bytes.NewReader(data))
		switch {
		case err != nil || config.Width < 1 || config.Height < 1:
			return nil, refuse(authcore.AvatarUnreadable)
		// A file of a few bytes can say that it has a billion pixels, and decoding it takes the memory for them.
		case config.Width > MaxPixels/config.Height:
			return nil, refuse(authcore.AvatarTooManyPixels)
		}
		// A JPEG of many scans takes minutes of computing for its 8 MiB: reading on is refused once the time is over.
		picture, err := f.decode(&timed{ctx, bytes.NewReader(data)})
		if err != nil {
			return nil, refuse(authcore.AvatarUnreadable)
		}
		if b := picture.Bounds(); b.Empty() {
			return nil, refuse(authcore.AvatarUnreadable)
		}
		return picture, nil
	}
	return nil, refuse(authcore.AvatarUnreadable)
}

func refuse(rule authcore.Rule) error { return authcore.RefuseField("avatar", rule) }

// timed reads until its context ends.
type timed struct {
	ctx context.Context
	r   io.Reader
}

func (t *timed) Read(p []byte) (int, error) {
	if err := t.ctx.Err(); err != nil {
		return 0, err
	}
	return t.r.Read(p)
}

// middle is the largest square in the middle of a picture.
func middle(b image.Rectangle) image.Rectangle {
	side := min(b.Dx(), b.Dy())
	corner := b.Min.Add(image.Pt((b.Dx()-side)/2, (b.Dy()-side)/2))
	return image.Rectangle{corner, corner.Add(image.Pt(side, side))}
}

func encode(m *image.RGBA) (p authcore.Picture, err error) {
	var out bytes.Buffer
	p.Size, p.MediaType = m.Bounds().Dx(), "image/png"
	if m.Opaque() {
		p.MediaType = "image/jpeg"
		err = jpeg.Encode(&out, m, &jpeg.Options{Quality: 88})
	} else {
		err = png.Encode(&out, m)
	}
	p.Image = out.Bytes()
	return p, err
}

// turn puts a square as an Exif orientation (CIPA DC-008 §4.6.4) says that it is to be seen; other values leave it as it is.
func turn(m *image.RGBA, orientation int) *image.RGBA {
	if orientation < 2 || orientation > 8 {
		return m
	}
	last := m.Bounds().Dx() - 1
	out := image.NewRGBA(m.Bounds())
	for y := range last + 1 {
		for x := range last + 1 {
			fx, fy := x, y
			switch orientation {
			case 2: // mirrored
				fx = last - x
			case 3: // upside down
				fx, fy = last-x, last-y
			case 4:
				fy = last - y
			case 5:
				fx, fy = y, x
			case 6: // to be turned right
				fx, fy = y, last-x
			case 7:
				fx, fy = last-y, last-x
			case 8: // to be turned left
				fx, fy = last-y, x
			}
			out.SetRGBA(x, y, m.RGBAAt(fx, fy))
		}
	}
	return out
}

// orientation returns what the Exif data of a JPEG say of how it is to be seen; 0 where they say nothing. It looks at the segments before
// the first scan alone.
func orientation(data []byte) int {
	if !begins("\xff\xd8\xff")(data) {
		return 0
	}
	for at := 2; at+4 <= len(data) && data[at] == 0xff; {
		marker, length := data[at+1], int(binary.BigEndian.Uint16(data[at+2:]))
		end := at + 2 + length
		if marker == 0xda || length < 2 || end > len(data) {
			return 0
		}
		if body := data[at+4 : end]; marker == 0xe1 && begins("Exif\x00\x00")(body) {
			return exifOrientation(body[6:])
		}
		at = end
	}
	return 0
}

// exifOrientation finds tag 0x0112 in the first directory of a TIFF header.
func exifOrientation(tiff []byte) int {
	if len(tiff) < 8 {
		return 0
	}
	var order binary.ByteOrder = binary.LittleEndian
	switch string(tiff[:4]) {
	case "II*\x00":
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return 0
	}
	at := uint64(order.Uint32(tiff[4:]))
	if at+2 > uint64(len(tiff)) {
		return 0
	}
	entries := tiff[at+2:]
	for range order.Uint16(tiff[at:]) {
		if len(entries) < 12 {
			return 0
		}
		if order.Uint16(entries) == 0x0112 {
			return int(order.Uint16(entries[8:]))
		}
		entries = entries[12:]
	}
	return 0
}
