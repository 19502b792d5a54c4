package source

import (
	"crypto/sha256"
	"encoding/hex"
	"path"
	"slices"
	"strings"
	"unicode"
)

// objectNames gives each of different paths a different name for its object: the base names if these differ, else the paths
// below the directory that all share, with _ for what a name cannot have.
func objectNames(paths []string) []string {
	bases := map[string]bool{}
	for _, p := range paths {
		bases[path.Base(p)] = true
	}
	cut := 0
	if len(bases) < len(paths) {
		cut = len(sharedDir(paths))
	}
	taken := map[string]bool{}
	var names []string
	for _, p := range paths {
		name := path.Base(p)
		if len(bases) < len(paths) {
			name = p[cut:]
		}
		name = safe(name)
		if taken[strings.ToLower(name)] { // some file systems do not tell A from a
			name = distinct(name, p)
		}
		taken[strings.ToLower(name)] = true
		names = append(names, name)
	}
	return names
}

// sharedDir is the longest directory, with its final slash, that begins every path.
func sharedDir(paths []string) string {
	first, last := slices.Min(paths), slices.Max(paths)
	n := 0
	for n < len(first) && n < len(last) && first[n] == last[n] {
		n++
	}
	return first[:strings.LastIndex(first[:n], "/")+1]
}

// safe replaces what a single path element cannot hold on every file system, and cuts the front of what is too long: the
// end tells the format.
func safe(name string) string {
	const most = 150 // bytes
	s := strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.L, unicode.M, unicode.Nd) || strings.ContainsRune("._-=+@,() ", r) {
			return r
		}
		return '_'
	}, name)
	if len(s) > most {
		s = distinct(strings.ToValidUTF8(s[len(s)-most:], ""), name)
	}
	if s[0] == '.' {
		s = "_" + s[1:]
	}
	return s
}

// distinct puts a mark of the whole path before a name.
func distinct(name, p string) string {
	sum := sha256.Sum256([]byte(p))
	return hex.EncodeToString(sum[:4]) + "-" + name
}
