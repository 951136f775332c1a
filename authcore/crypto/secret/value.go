package secret

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[redacted]"

// Value is a secret that prints as [redacted] whichever way it is formatted, logged
// or encoded. Only [Value.Reveal] and [Value.RevealString] yield what it holds, so a
// review greps one word. The zero Value is empty. A Value is safe for concurrent use.
//
// It deliberately has no decoder: a secret enters through [New] or [FromString].
type Value struct{ b []byte }

// New returns a Value that holds a copy of b.
func New(b []byte) Value { return Value{b: bytes.Clone(b)} }

// FromString returns a Value that holds the bytes of s.
func FromString(s string) Value { return Value{b: []byte(s)} }

// Reveal returns a copy of the secret; the caller owns it.
func (v Value) Reveal() []byte { return bytes.Clone(v.b) }

// RevealString returns the secret as text.
func (v Value) RevealString() string { return string(v.b) }

// Len is the number of bytes held.
func (v Value) Len() int { return len(v.b) }

// Empty tells whether nothing is held.
func (v Value) Empty() bool { return len(v.b) == 0 }

// String returns [redacted].
func (v Value) String() string { return redacted }

// GoString returns [redacted].
func (v Value) GoString() string { return redacted }

// Format writes [redacted] for every verb, %x and %d included.
func (v Value) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText returns [redacted].
func (v Value) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON returns "[redacted]".
func (v Value) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// LogValue returns [redacted].
func (v Value) LogValue() slog.Value { return slog.StringValue(redacted) }

// Interface guards
var (
	_ fmt.Formatter  = Value{}
	_ fmt.GoStringer = Value{}
	_ slog.LogValuer = Value{}
)
