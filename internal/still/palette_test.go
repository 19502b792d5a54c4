package still

import (
	"bytes"
	"image/png"
	"testing"
)

func TestEveryKindOfChartFitsAPaletteThatNobodySees(t *testing.T) {
	r := renderer(t)
	for _, c := range charts {
		svg, err := r.SVG(t.Context(), option(t, c.name), c.width, c.height)
		if err != nil {
			t.Fatal(err)
		}
		img, _, err := rasterize(svg, r.faces)
		if err != nil {
			t.Fatal(err)
		}
		reduced := paletted(img)
		if reduced == nil || len(reduced.Palette) > 256 {
			t.Errorf("%s: no palette shows it", c.name)
			continue
		}
		counts := map[[3]uint8]int{}
		for _, tone := range histogram(img) {
			counts[tone.channel] = tone.count
		}
		surface, edge := 0, 0
		for i, index := range reduced.Pix {
			was := [3]uint8(img.Pix[4*i : 4*i+3])
			red, green, blue, alpha := reduced.Palette[index].RGBA()
			if alpha != 0xffff {
				t.Fatalf("%s: the palette has a colour that is not opaque", c.name)
			}
			off := 0
			for a, v := range []uint32{red, green, blue} {
				d := int(v>>8) - int(was[a])
				off = max(off, d, -d)
			}
			if edge = max(edge, off); counts[was] > len(reduced.Pix)/surfacePart {
				surface = max(surface, off)
			}
		}
		if surface > surfaceOff || edge > edgeOff {
			t.Errorf("%s: surfaces are off by %d, edges by %d", c.name, surface, edge)
		}
		var all, few bytes.Buffer
		if png.Encode(&all, img) != nil || png.Encode(&few, reduced) != nil || few.Len()*2 > all.Len() {
			t.Errorf("%s: %d bytes became %d", c.name, all.Len(), few.Len())
		}
		t.Logf("%s: %d colours became %d, %d bytes became %d; surfaces are off by %d, edges by %d of 255",
			c.name, len(counts), len(reduced.Palette), all.Len(), few.Len(), surface, edge)
	}
}
