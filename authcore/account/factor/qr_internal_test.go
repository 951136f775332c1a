package factor

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/boombuler/barcode/qr"
)

// TestQRSVG: the drawing has the modules of the code, with a margin, and nothing in it but a path.
func TestQRSVG(t *testing.T) {
	const text = "otpauth://totp/Acme:ada@example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Acme"
	svg, err := qrSVG(text)
	if err != nil {
		t.Fatal(err)
	}
	code, err := qr.Encode(text, qr.M, qr.Unicode)
	if err != nil {
		t.Fatal(err)
	}
	size := code.Bounds().Dx()
	drawn := map[[2]int]bool{}
	for _, m := range regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1h-(\d+)z`).FindAllStringSubmatch(svg, -1) {
		x, _ := strconv.Atoi(m[1])
		y, _ := strconv.Atoi(m[2])
		n, _ := strconv.Atoi(m[3])
		for i := range n {
			drawn[[2]int{x + i - quiet, y - quiet}] = true
		}
	}
	dark := 0
	for y := range size {
		for x := range size {
			r, _, _, _ := code.At(x, y).RGBA()
			if (r == 0) != drawn[[2]int{x, y}] {
				t.Fatalf("the module %d, %d is drawn wrong", x, y)
			}
			if r == 0 {
				dark++
			}
		}
	}
	if dark != len(drawn) || strings.Contains(svg, "script") || strings.Contains(svg, "href") || len(svg) > 20_000 {
		t.Errorf("%d of %d modules in %d bytes", len(drawn), dark, len(svg))
	}
}
