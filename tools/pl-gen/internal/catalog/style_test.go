package catalog

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var variable = regexp.MustCompile(`--([a-z0-9-]+): #([0-9a-f]{6});`)

// themes reads the colours of the style sheet, light and dark.
func themes(t *testing.T) map[string]map[string]string {
	t.Helper()
	light, rest, ok := strings.Cut(mustRead("template/style.css"), "@media (prefers-color-scheme: dark)")
	dark, _, _ := strings.Cut(rest, "*, *::before")
	if !ok {
		t.Fatal("the style sheet has no dark theme")
	}
	return map[string]map[string]string{"light": colors(light), "dark": colors(dark)}
}

func colors(css string) map[string]string {
	found := map[string]string{}
	for _, m := range variable.FindAllStringSubmatch(css, -1) {
		found[m[1]] = m[2]
	}
	return found
}

// TestContrast checks WCAG's AA: 4.5 for text, 3 for lines that mean
// something.
func TestContrast(t *testing.T) {
	text := []string{
		"ink page", "ink card", "ink code", "ink soft", "quiet page", "quiet card", "quiet code", "link page", "link card", "link soft",
		"pii pii-soft", "good good-soft", "bad bad-soft", "good code", "bad code", "quiet good-soft", "quiet bad-soft",
	}
	lines := []string{"e0 card", "e1 card", "e2 card", "e3 card", "e4 card", "e5 card", "link card"}
	for name, theme := range themes(t) {
		for _, pair := range text {
			contrast(t, name, theme, pair, 4.5)
		}
		for _, pair := range lines {
			contrast(t, name, theme, pair, 3)
		}
	}
}

func contrast(t *testing.T, name string, theme map[string]string, pair string, least float64) {
	t.Helper()
	on, under, _ := strings.Cut(pair, " ")
	a, b := luminance(t, theme[on]), luminance(t, theme[under])
	if ratio := (max(a, b) + 0.05) / (min(a, b) + 0.05); ratio < least {
		t.Errorf("%s: %s on %s has a contrast of %.2f, less than %.1f", name, on, under, ratio, least)
	}
}

// luminance is the relative luminance of WCAG 2.1.
func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	n, err := strconv.ParseUint(hex, 16, 32)
	if err != nil || len(hex) != 6 {
		t.Fatalf("%q is no colour", hex)
	}
	part := func(shift int) float64 {
		c := float64(n>>shift&0xff) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*part(16) + 0.7152*part(8) + 0.0722*part(0)
}

func TestTheStyleSheetLoadsNothing(t *testing.T) {
	css := mustRead("template/style.css")
	for _, word := range []string{"url(", "@import", "http"} {
		if strings.Contains(css, word) {
			t.Errorf("the style sheet has %s", word)
		}
	}
}
