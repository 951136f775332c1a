package main

import (
	"bytes"
	"fmt"
	"regexp"
)

// The words are put together here so that this file passes its own check.
var (
	unfinished  = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X)\b`)
	machinePath = regexp.MustCompile(`(^|[^\w./-])/(work|ro` + `ot)/`)
)

func wording(path string, content []byte) []string {
	var findings []string
	number := 0
	for line := range bytes.Lines(content) {
		number++
		if word := unfinished.Find(line); word != nil {
			findings = append(findings, fmt.Sprintf("%s:%d: %s marks unfinished work", path, number, word))
		}
		if machinePath.Match(line) {
			findings = append(findings, fmt.Sprintf("%s:%d: names a path of one machine", path, number))
		}
	}
	return findings
}
