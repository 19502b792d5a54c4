package still

import (
	"bytes"
	"cmp"
	"image"
	"image/color"
	"image/png"
	"slices"
)

// How far a channel may be off before the palette is given up: on what many pixels share (a surface, a step of a shade, where
// bands would show) and on the rest (the edges of letters and lines).
const (
	surfaceOff  = 4
	edgeOff     = 24
	surfacePart = 4000 // a tone of more than 1/4000 of the pixels belongs to a surface
)

// tone is a colour of the picture and how many pixels have it.
type tone struct {
	channel [3]uint8
	count   int
}

// encode writes a PNG with a palette where 256 colours show the same picture, else with all its colours.
func encode(img *image.RGBA) ([]byte, error) {
	var b bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.DefaultCompression}
	var err error
	if reduced := paletted(img); reduced != nil {
		err = encoder.Encode(&b, reduced)
	} else {
		err = encoder.Encode(&b, img)
	}
	return b.Bytes(), err
}

// paletted is nil when the picture would be seen to change.
func paletted(img *image.RGBA) *image.Paletted {
	tones := histogram(img)
	entries := divided(tones, 256)
	nearest := make(map[[3]uint8]uint8, len(tones))
	for _, t := range tones {
		allowed := edgeOff
		if t.count > len(img.Pix)/4/surfacePart {
			allowed = surfaceOff
		}
		i, off := closest(entries, t.channel)
		if off > allowed {
			return nil
		}
		nearest[t.channel] = uint8(i)
	}
	p := make(color.Palette, len(entries))
	for i, c := range entries {
		p[i] = color.RGBA{c[0], c[1], c[2], 255}
	}
	out := image.NewPaletted(img.Rect, p)
	var last [3]uint8
	index := nearest[last]
	for i := range out.Pix { // neighbours are mostly alike, and a map is slow
		if c := [3]uint8(img.Pix[4*i : 4*i+3]); c != last {
			last, index = c, nearest[c]
		}
		out.Pix[i] = index
	}
	return out
}

// histogram is in the order of the colours, so that the same picture always gives the same palette.
func histogram(img *image.RGBA) []tone {
	counts := map[[3]uint8]int{}
	last, run := [3]uint8(img.Pix), 0
	for i := 0; i < len(img.Pix); i += 4 {
		if c := [3]uint8(img.Pix[i : i+3]); c != last {
			counts[last] += run
			last, run = c, 0
		}
		run++
	}
	counts[last] += run
	tones := make([]tone, 0, len(counts))
	for c, n := range counts {
		tones = append(tones, tone{c, n})
	}
	slices.SortFunc(tones, func(a, b tone) int { return slices.Compare(a.channel[:], b.channel[:]) })
	return tones
}

// cluster is some of the tones, their mean, and what it would cost to show them all as that mean.
type cluster struct {
	tones []tone
	mean  [3]float64
	axis  int     // the channel that costs most
	cost  float64 // squared distances, weighted by pixels
}

func gathered(tones []tone) cluster {
	c := cluster{tones: tones}
	total := 0.0
	for _, t := range tones {
		total += float64(t.count)
		for a := range 3 {
			c.mean[a] += float64(t.count) * float64(t.channel[a])
		}
	}
	var cost [3]float64
	for a := range 3 {
		c.mean[a] /= total
		for _, t := range tones {
			d := float64(t.channel[a]) - c.mean[a]
			cost[a] += float64(t.count) * d * d
		}
		c.cost += cost[a]
		if cost[a] > cost[c.axis] {
			c.axis = a
		}
	}
	return c
}

// divided cuts the tones into at most limit clusters, always the costliest one at its mean, and gives one colour for each.
func divided(tones []tone, limit int) [][3]uint8 {
	clusters := []cluster{gathered(tones)}
	for len(clusters) < limit {
		worst := 0
		for i, c := range clusters {
			if c.cost > clusters[worst].cost {
				worst = i
			}
		}
		c := clusters[worst]
		if len(c.tones) < 2 {
			break
		}
		slices.SortStableFunc(c.tones, func(a, b tone) int { return cmp.Compare(a.channel[c.axis], b.channel[c.axis]) })
		at := slices.IndexFunc(c.tones, func(t tone) bool { return float64(t.channel[c.axis]) > c.mean[c.axis] })
		if at < 1 {
			break
		}
		clusters[worst] = gathered(c.tones[:at:at])
		clusters = append(clusters, gathered(c.tones[at:]))
	}
	out := make([][3]uint8, len(clusters))
	for i, c := range clusters {
		out[i] = [3]uint8{octet(c.mean[0]), octet(c.mean[1]), octet(c.mean[2])}
	}
	return out
}

// closest is the nearest colour and how far its worst channel is off.
func closest(entries [][3]uint8, c [3]uint8) (index, off int) {
	best := 1 << 30
	for i, p := range entries {
		distance, worst := 0, 0
		for a := range 3 {
			d := int(p[a]) - int(c[a])
			distance += d * d
			worst = max(worst, d, -d)
		}
		if distance < best {
			best, index, off = distance, i, worst
		}
	}
	return index, off
}
