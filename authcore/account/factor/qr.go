package factor

import (
	"fmt"
	"strings"

	"github.com/boombuler/barcode/qr"
)

// quiet is the white margin in modules that a reader needs (ISO/IEC 18004 §6.3.8).
const quiet = 4

// qrSVG draws a QR code of a text as one path, black on white whatever the page looks like. It has no script, style or reference in it.
func qrSVG(text string) (string, error) {
	code, err := qr.Encode(text, qr.M, qr.Unicode)
	if err != nil {
		return "", fmt.Errorf("encode QR code: %w", err)
	}
	size := code.Bounds().Dx()
	var path strings.Builder
	dark := func(x, y int) bool {
		if x >= size {
			return false
		}
		r, _, _, _ := code.At(x, y).RGBA()
		return r == 0
	}
	for y := range size {
		for from := 0; from < size; from++ {
			to := from
			for dark(to, y) {
				to++
			}
			if to > from {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%[3]dz", from+quiet, y+quiet, to-from)
				from = to
			}
		}
	}
	side := size + 2*quiet
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %[1]d" width="240" height="240" shape-rendering="crispEdges" role="img" aria-label="QR code">`+
		`<rect width="%[1]d" height="%[1]d" fill="#fff"/><path fill="#000" d="%s"/></svg>`, side, path.String()), nil
}
