package passpolicy

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"io"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

//go:embed common.txt.gz
var commonGz []byte

// common returns the sorted list of common passwords. Its texts share one string.
var common = sync.OnceValue(func() []string {
	r, err := gzip.NewReader(bytes.NewReader(commonGz))
	if err != nil {
		panic("passpolicy: the embedded list is damaged: " + err.Error()) // unreachable: tested
	}
	text, err := io.ReadAll(r)
	if err != nil {
		panic("passpolicy: the embedded list is damaged: " + err.Error()) // unreachable: tested
	}
	return strings.Split(string(text), "\n")
})

// maxTail is how many digits and signs at the end do not make a common password a new
// one: "sunshine2026", "password123!".
const maxTail = 5

// isCommon tells whether folded, which is in lower case, is a common password, with or
// without a tail.
func isCommon(folded string) bool {
	for range maxTail + 1 {
		if _, found := slices.BinarySearch(common(), folded); found {
			return true
		}
		last, size := utf8.DecodeLastRuneInString(folded)
		if size == 0 || unicode.IsLetter(last) {
			return false
		}
		folded = folded[:len(folded)-size]
	}
	return false
}
