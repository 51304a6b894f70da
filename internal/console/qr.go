package console

import (
	"fmt"
	"image/color"
	"strings"

	"github.com/boombuler/barcode/qr"
)

// qrView is a QR code as the path of its dark modules, each of one unit.
type qrView struct {
	Size int // with the quiet zone
	Path string
}

const quietZone = 4 // modules, as ISO/IEC 18004 wants

// drawQR makes the QR code of a text.
func drawQR(text string) (qrView, error) {
	code, err := qr.Encode(text, qr.M, qr.Unicode)
	if err != nil {
		return qrView{}, fmt.Errorf("drawing a QR code: %w", err)
	}
	size := code.Bounds().Dx()
	dark := func(x, y int) bool { return x < size && code.At(x, y) == color.Black }
	var path strings.Builder
	for y := range size {
		for x := 0; x < size; x++ {
			from := x
			for dark(x, y) {
				x++
			}
			if n := x - from; n > 0 {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", from+quietZone, y+quietZone, n, n)
			}
		}
	}
	return qrView{size + 2*quietZone, path.String()}, nil
}
