package sanitize

import "strings"

// Names is a set of names of headers, whole or by their beginning, that are equal for somebody behind us: in any case, and
// with any mark for "-". CGI and WSGI servers make one variable of all of these, PHP and others turn some of them back (P02).
// Asking it makes nothing, and most names are passed over at once.
type Names struct {
	whole map[string]bool // folded
	begin []string        // folded
	first [256]uint64     // by the first byte, the lengths of names as bits
	third [256]uint64     // and by the third, since most names begin with "x-"
}

// marks are what a name may have besides letters and digits (RFC 9110 §5.6.2).
const marks = "-_.!~#$%&'*+^|`"

// NewNames returns the set of names; one that ends in an asterisk stands for all that begin so.
func NewNames(names ...string) *Names {
	n := &Names{whole: map[string]bool{}}
	for _, name := range names {
		n.add(name)
	}
	return n
}

func (n *Names) add(name string) {
	begin, open := strings.CutSuffix(name, "*")
	folded := Fold(begin)
	lengths := lengthBit(folded)
	if open {
		n.begin = append(n.begin, folded)
		lengths = ^(lengths - 1) // and all that are longer
	} else {
		n.whole[folded] = true
	}
	mark := func(table *[256]uint64, i int) {
		if i >= len(folded) { // a short one
			return
		}
		spelt := strings.ToUpper(folded[i:i+1]) + folded[i:i+1]
		if folded[i] == '-' {
			spelt = marks
		}
		for _, c := range []byte(spelt) {
			table[c] |= lengths
		}
	}
	mark(&n.first, 0)
	mark(&n.third, 2)
}

// Has reports whether a name is one of the set.
func (n *Names) Has(name string) bool {
	if name == "" {
		return false
	}
	candidates := n.first[name[0]] & lengthBit(name)
	if len(name) > 2 {
		candidates &= n.third[name[2]]
	}
	if candidates == 0 {
		return false
	}
	var buf [128]byte // no name that is known whole is longer
	folded := foldInto(buf[:min(len(name), len(buf))], name)
	if len(name) <= len(buf) && n.whole[string(folded)] {
		return true
	}
	for _, begin := range n.begin {
		if len(folded) >= len(begin) && string(folded[:len(begin)]) == begin {
			return true
		}
	}
	return false
}

// lengthBit stands for the length of a name; all of 63 and more have one.
func lengthBit(name string) uint64 { return 1 << min(len(name), 63) }

// Fold makes names equal that upstreams cannot tell apart (CVE-2024-56327).
func Fold(name string) string { return string(foldInto(make([]byte, len(name)), name)) }

// foldInto fills buf with as much of the folded name as it takes.
func foldInto(buf []byte, name string) []byte {
	for i := range buf {
		c := name[i]
		switch {
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9':
		case c >= 'A' && c <= 'Z':
			c += 'a' - 'A'
		case strings.IndexByte(marks, c) >= 0:
			c = '-'
		}
		buf[i] = c
	}
	return buf
}
