// Package identifier is the one place where what people type as address, name or number becomes the form that is stored
// and compared. Nothing else lower-cases, trims or folds an identifier, so two spellings can never be two accounts, two
// lock counters or two recipients.
//
// Each function takes raw input of any length and content and returns the normalised form, or a [Broken] whose text is a
// sentence for the person. All are idempotent: a normalised form normalises to itself. Input too long is refused before
// anything looks at its content.
//
// It owns no policy on who may use an identifier and does no I/O. Capabilities, httpapi and portal may import it.
package identifier

// Broken says which rule an input breaks, as a sentence that can stand beside the field. It never repeats the input.
type Broken string

func (b Broken) Error() string { return string(b) }
