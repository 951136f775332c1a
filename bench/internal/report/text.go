package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"unicode/utf8"
)

// Text returns the tables for a terminal.
func (r *Report) Text() string {
	var b strings.Builder
	b.WriteString(r.Heading() + "\n")
	for _, t := range r.Tables() {
		b.WriteString("\n" + t.Title + "\n\n")
		t.align(&b)
		if t.Note != "" {
			b.WriteString("\n" + t.Note + "\n")
		}
	}
	return b.String()
}

// align writes columns as wide as their widest cell.
func (t Table) align(b *strings.Builder) {
	rows := append([][]string{t.Header}, t.Rows...)
	widths := make([]int, len(t.Header))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			line.WriteString("  " + cell + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)))
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
}

// Markdown returns the tables for a document.
func (r *Report) Markdown() string {
	var b strings.Builder
	b.WriteString(r.Heading() + "\n")
	for _, t := range r.Tables() {
		b.WriteString("\n### " + t.Title + "\n\n")
		for i, row := range append([][]string{t.Header}, t.Rows...) {
			b.WriteString("| " + strings.Join(row, " | ") + " |\n")
			if i == 0 {
				b.WriteString("|" + strings.Repeat(" --- |", len(row)) + "\n")
			}
		}
		if t.Note != "" {
			b.WriteString("\n" + t.Note + "\n")
		}
	}
	return b.String()
}

// JSON returns everything, every slice too.
func (r *Report) JSON() ([]byte, error) {
	text, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return nil, fmt.Errorf("write the report: %w", err)
	}
	return append(text, '\n'), nil
}

// The marks between which a document holds the figures of a run.
const (
	firstMark = "<!-- figures: written by make bench BENCH=-doc -->"
	lastMark  = "<!-- end of figures -->"
)

// Insert replaces what stands between the marks of a document by text.
func Insert(document, text string) (string, error) {
	before, rest, found := strings.Cut(document, firstMark)
	_, after, closed := strings.Cut(rest, lastMark)
	if !found || !closed {
		return "", errors.New("insert figures: the document has no marks for them")
	}
	return before + firstMark + "\n\n" + strings.TrimSpace(text) + "\n\n" + lastMark + after, nil
}

// InsertFile is Insert into a file.
func InsertFile(file, text string) error {
	document, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("insert figures: %w", err)
	}
	changed, err := Insert(string(document), text)
	if err != nil {
		return err
	}
	return os.WriteFile(file, []byte(changed), 0o644)
}
