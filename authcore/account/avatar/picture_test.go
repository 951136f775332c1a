package avatar_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/color/palette"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"runtime"
	"testing"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/avatar"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

var (
	red, green, blue, white = color.RGBA{220, 0, 0, 255}, color.RGBA{0, 200, 0, 255}, color.RGBA{0, 0, 220, 255}, color.RGBA{255, 255, 255, 255}
)

// quarters is a square of four colours: red and green above, blue and white below. Beside it is a margin that is cut off.
func quarters(side, margin int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, side+2*margin, side))
	for y := range side {
		for x := range side {
			c := [2][2]color.RGBA{{red, green}, {blue, white}}[y*2/side][x*2/side]
			m.SetRGBA(x+margin, y, c)
		}
	}
	return m
}

func asJPEG(t *testing.T, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 95}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asPNG(t *testing.T, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// corners names the colours of the four corners of a picture.
func corners(t *testing.T, p authcore.Picture) string {
	t.Helper()
	m, kind, err := image.Decode(bytes.NewReader(p.Image))
	if err != nil || "image/"+kind != p.MediaType || m.Bounds() != image.Rect(0, 0, p.Size, p.Size) {
		t.Fatalf("%d: %s, %v, %v", p.Size, kind, m.Bounds(), err)
	}
	name := func(x, y int) string {
		r, g, b, _ := m.At(x, y).RGBA()
		switch {
		case r > 0xb000 && g > 0xb000:
			return "w"
		case r > 0xb000:
			return "r"
		case g > 0xa000:
			return "g"
		case b > 0xb000:
			return "b"
		}
		return "?"
	}
	far := p.Size - p.Size/4
	near := p.Size / 4
	return name(near, near) + name(far, near) + name(near, far) + name(far, far)
}

func TestRender_SquaresOfEveryFormat(t *testing.T) {
	t.Parallel()
	paletted := image.NewPaletted(image.Rect(0, 0, 100, 100), palette.Plan9)
	for y := range 100 {
		for x := range 100 {
			paletted.Set(x, y, quarters(100, 0).At(x, y))
		}
	}
	var animated bytes.Buffer
	second := image.NewPaletted(image.Rect(0, 0, 100, 100), palette.Plan9)
	if err := gif.EncodeAll(&animated, &gif.GIF{Image: []*image.Paletted{paletted, second}, Delay: []int{1, 1}}); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"jpeg": asJPEG(t, quarters(700, 90)), "png": asPNG(t, quarters(700, 0)), "small png": asPNG(t, quarters(10, 3)), "gif": animated.Bytes(),
	} {
		got, err := avatar.Render(t.Context(), data)
		if err != nil || len(got) != 4 {
			t.Fatalf("%s: %d pictures, %v", name, len(got), err)
		}
		for i, p := range got {
			if p.Size != avatar.Sizes[i] || p.MediaType != "image/jpeg" || corners(t, p) != "rgbw" {
				t.Errorf("%s of %d as %s has the corners %s", name, p.Size, p.MediaType, corners(t, p))
			}
		}
	}
	webp, _ := base64.StdEncoding.DecodeString("UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA==")
	if got, err := avatar.Render(t.Context(), webp); err != nil || len(got) != 4 {
		t.Errorf("webp: %v", err)
	}
	clear := image.NewRGBA(image.Rect(0, 0, 80, 80))
	clear.SetRGBA(40, 40, red)
	if got, err := avatar.Render(t.Context(), asPNG(t, clear)); err != nil || got[0].MediaType != "image/png" {
		t.Errorf("a picture with transparent parts: %v", err)
	}
}

// withExif puts an orientation, a comment and a place into a JPEG.
func withExif(data []byte, order binary.AppendByteOrder, orientation uint16) []byte {
	tiff := []byte("II*\x00")
	if order == binary.AppendByteOrder(binary.BigEndian) {
		tiff = []byte("MM\x00*")
	}
	tiff = order.AppendUint32(tiff, 8)
	tiff = order.AppendUint16(tiff, 2)
	tiff = append(tiff, make([]byte, 12)...) // another entry before it
	tiff = order.AppendUint16(tiff, 0x0112)
	tiff = order.AppendUint16(tiff, 3)
	tiff = order.AppendUint32(tiff, 1)
	tiff = order.AppendUint16(tiff, orientation)
	tiff = append(tiff, 0, 0)
	body := append([]byte("Exif\x00\x00"), append(tiff, "GPS 48.2 16.3"...)...)
	out := append([]byte{}, data[:2]...)
	out = append(out, 0xff, 0xfe, 0, 9)
	out = append(out, "secret!"...)
	out = append(out, 0xff, 0xe1)
	out = binary.BigEndian.AppendUint16(out, uint16(len(body)+2))
	return append(append(out, body...), data[2:]...)
}

// A JPEG is shown as its camera was held; where it was, and what else is in it, is gone.
func TestRender_OrientationAndMetadata(t *testing.T) {
	t.Parallel()
	plain := asJPEG(t, quarters(200, 0))
	for orientation, want := range []string{0: "rgbw", 1: "rgbw", 2: "grwb", 3: "wbgr", 4: "bwrg", 5: "rbgw", 6: "brwg", 7: "wgbr", 8: "gwrb", 9: "rgbw"} {
		for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
			data := withExif(plain, order, uint16(orientation))
			got, err := avatar.Render(t.Context(), data)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range got {
				if c := corners(t, p); c != want {
					t.Errorf("orientation %d: the corners of %d are %s, want %s", orientation, p.Size, c, want)
				}
				if bytes.Contains(p.Image, []byte("GPS")) || bytes.Contains(p.Image, []byte("secret!")) || bytes.Contains(p.Image, []byte("Exif")) {
					t.Error("metadata is left")
				}
			}
		}
	}
}

// pngOf says that it has so many pixels, and has none.
func pngOf(width, height uint32) []byte {
	head := binary.BigEndian.AppendUint32([]byte("IHDR"), width)
	head = append(binary.BigEndian.AppendUint32(head, height), 8, 6, 0, 0, 0)
	out := append([]byte("\x89PNG\r\n\x1a\n"), 0, 0, 0, 13)
	return binary.BigEndian.AppendUint32(append(out, head...), crc32.ChecksumIEEE(head))
}

// webpOf says that it is of one size, and has a lossless picture of another in it.
func webpOf(said, is int) []byte {
	frame := binary.LittleEndian.AppendUint32([]byte{0x2f}, uint32(is-1)|uint32(is-1)<<14)
	frame = append(frame, 0)
	extended := make([]byte, 10)
	extended[4], extended[5], extended[7], extended[8] = byte(said-1), byte((said-1)>>8), byte(said-1), byte((said-1)>>8)
	body := append([]byte("WEBPVP8X\x0a\x00\x00\x00"), extended...)
	body = append(binary.LittleEndian.AppendUint32(append(body, "VP8L"...), uint32(len(frame))), frame...)
	return append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(body))), body...)
}

// A few bytes that say that they are a billion pixels take no memory; what is no picture, or half of one, is refused.
func TestRender_Bombs(t *testing.T) {
	t.Parallel()
	whole := asJPEG(t, quarters(300, 0))
	gifScreen := append([]byte("GIF89a"), 0xff, 0xff, 0xff, 0xff, 0, 0, 0)
	for name, c := range map[string]struct {
		data []byte
		rule authcore.Rule
	}{
		"a billion pixels":         {pngOf(40_000, 40_000), authcore.AvatarTooManyPixels},
		"one line of them":         {pngOf(1<<31-1, 1), authcore.AvatarTooManyPixels},
		"one more than 16 million": {pngOf(4001, 4000), authcore.AvatarTooManyPixels},
		"a GIF of 65535 squared":   {gifScreen, authcore.AvatarTooManyPixels},
		"WebP, huge":               {webpOf(16_000, 16_000), authcore.AvatarTooManyPixels},
		"WebP, huge inside":        {webpOf(16, 16_000), authcore.AvatarUnreadable},
		"no pixels":                {pngOf(100, 100), authcore.AvatarUnreadable},
		"zero":                     {pngOf(0, 100), authcore.AvatarUnreadable},
		"half a JPEG":              {whole[:len(whole)/2], authcore.AvatarUnreadable},
		"SVG":                      {[]byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`), authcore.AvatarUnreadable},
		"HTML behind a PNG's head": {[]byte("\x89PNG\r\n\x1a\n<script>"), authcore.AvatarUnreadable},
		"nothing":                  {nil, authcore.AvatarUnreadable},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := avatar.Render(t.Context(), c.data)
		runtime.ReadMemStats(&after)
		if authcore.CodeOf(err) != authcore.InvalidFields || ruleOf(err) != string(c.rule) {
			t.Errorf("%s: %v (%s), want %s", name, err, ruleOf(err), c.rule)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 64<<20 {
			t.Errorf("%s took %d MiB", name, took>>20)
		}
	}
}

func ruleOf(err error) string {
	var refusal *authcore.Error
	if !errors.As(err, &refusal) {
		return ""
	}
	rules := ""
	for _, f := range refusal.Fields {
		rules += string(f.Rule)
	}
	return rules
}

// A picture that would be computed for too long is given up: reading stops when the time is over.
func TestRender_EndsWithItsTime(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := avatar.Render(ctx, asJPEG(t, quarters(300, 0))); authcore.CodeOf(err) != authcore.InvalidFields {
		t.Errorf("the error is %v", err)
	}
}

func TestSet_Size(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	account := authcore.Account{ID: uuid.New(), Email: "ada@example.com", Epoch: 1, CreatedAt: e.Clock.Now(), UpdatedAt: e.Clock.Now()}
	if err := e.Store.CreateAccount(t.Context(), account, nil, authcore.Effects{}); err != nil {
		t.Fatal(err)
	}
	data := asPNG(t, quarters(64, 0))
	set := func(r io.Reader) (authcore.Account, error) {
		return e.Avatars.Set(t.Context(), account.ID, r, testflow.Client())
	}
	first, err := set(bytes.NewReader(data))
	if err != nil || len(first.AvatarURL) < 22 {
		t.Fatalf("%+v, %v", first, err)
	}
	if _, err := set(io.LimitReader(zeros{}, avatar.MaxBytes+1)); authcore.CodeOf(err) != authcore.RequestTooLarge {
		t.Errorf("a byte more than 8 MiB: %v", err)
	}
	second, err := set(bytes.NewReader(data))
	if err != nil || second.AvatarURL == first.AvatarURL {
		t.Errorf("the next has the name %q, %v", second.AvatarURL, err)
	}
	if _, err := e.Avatars.Get(t.Context(), first.AvatarURL, 64); authcore.CodeOf(err) != authcore.NotFound {
		t.Errorf("the one before is there: %v", err)
	}
	if p, err := e.Avatars.Get(t.Context(), second.AvatarURL, 128); err != nil || p.Size != 128 {
		t.Errorf("the one after: %v", err)
	}
	if _, err := e.Avatars.Get(t.Context(), second.AvatarURL, 100); authcore.CodeOf(err) != authcore.NotFound {
		t.Errorf("of a size that there is not: %v", err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }
