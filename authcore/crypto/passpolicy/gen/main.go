//go:build ignore

// Command gen turns a JSON array of passwords into the embedded list of passpolicy.
package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"flag"
	"log"
	"os"
	"slices"
	"strings"
	"unicode/utf8"
)

// minLength is the shortest password that any policy allows: shorter ones need no list.
const minLength = 8

func main() {
	log.SetFlags(0)
	in := flag.String("in", "passwords.json", "JSON array of passwords")
	out := flag.String("out", "common.txt.gz", "file to write")
	flag.Parse()
	text, err := os.ReadFile(*in)
	if err != nil {
		log.Fatal(err)
	}
	var all []string
	if err := json.Unmarshal(text, &all); err != nil {
		log.Fatalf("reading %s: %v", *in, err)
	}
	var list []string
	for _, p := range all {
		p = strings.ToLower(p)
		if utf8.RuneCountInString(p) >= minLength && !strings.Contains(p, "\n") {
			list = append(list, p)
		}
	}
	slices.Sort(list)
	list = slices.Compact(list)
	var buf bytes.Buffer
	// No name and no time in the header: the same input gives the same file.
	w, err := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := w.Write([]byte(strings.Join(list, "\n"))); err != nil {
		log.Fatal(err)
	}
	if err := w.Close(); err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(*out, buf.Bytes(), 0o644); err != nil {
		log.Fatal(err)
	}
	log.Printf("%s: %d passwords, %d bytes", *out, len(list), buf.Len())
}
