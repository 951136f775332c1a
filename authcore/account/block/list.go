package block

import (
	"bufio"
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/nyaruka/phonenumbers"

	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
)

// Matcher is what a rule asks.
type Matcher interface{ matches(value string) bool }

// maxFile bounds what is read of a file of patterns or domains: some million lines.
const maxFile = 64 << 20

// Domains is a set of domains; each covers its sub-domains.
type Domains map[string]struct{}

func (d Domains) matches(address string) bool {
	_, domain, ok := strings.Cut(address, "@")
	for ok {
		if _, listed := d[domain]; listed {
			return true
		}
		_, domain, ok = strings.Cut(domain, ".")
	}
	return false
}

//go:embed disposable.txt
var shipped []byte

// Disposable returns the shipped list of domains whose addresses anybody can make and throw away. It is that of the npm package
// disposable-email-domains-js 1.26.0 (CC0-1.0); disposable.txt says how it was made.
var Disposable = sync.OnceValue(func() Domains {
	domains, err := readDomains(bytes.NewReader(shipped))
	if err != nil {
		panic(err) // a test reads it
	}
	return domains
})

// DomainsIn reads a file of domains, one a line; empty lines and those that begin with # are left out. An error names the line.
func DomainsIn(path string) (domains Domains, err error) {
	err = reading(path, func(r io.Reader) error {
		domains, err = readDomains(r)
		return err
	})
	return domains, err
}

func readDomains(r io.Reader) (Domains, error) {
	domains := Domains{}
	err := eachLine(r, func(line string) error {
		address, err := identifier.Email("x@" + strings.TrimPrefix(line, "@"))
		if err != nil {
			return fmt.Errorf("%q is no domain", line)
		}
		domains[address[2:]] = struct{}{}
		return nil
	})
	return domains, err
}

// PatternsIn reads a file of patterns, one a line; empty lines and those that begin with # are left out. An error names the line.
func PatternsIn(kind Kind, path string) (Matcher, error) {
	var all index
	err := reading(path, func(r io.Reader) error {
		return eachLine(r, func(line string) error {
			p, err := ParsePattern(kind, line)
			if err == nil {
				all.add(p, nil)
			}
			return err
		})
	})
	return &all, err
}

func reading(path string, do func(io.Reader) error) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // it was only read
	if err := do(io.LimitReader(file, maxFile+1)); err != nil {
		var at lineError
		if errors.As(err, &at) {
			return fmt.Errorf("%s:%d: %w", path, at.line, at.err)
		}
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

type lineError struct {
	line int
	err  error
}

func (e lineError) Error() string { return fmt.Sprintf("line %d: %v", e.line, e.err) }

func eachLine(r io.Reader, do func(string) error) error {
	lines, n, size := bufio.NewScanner(r), 0, 0
	for lines.Scan() {
		n++
		if size += len(lines.Bytes()) + 1; size > maxFile {
			return errors.New("the file is larger than 64 MiB")
		}
		line := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\ufeff"))
		if line == "" || line[0] == '#' {
			continue
		}
		if err := do(line); err != nil {
			return lineError{n, err}
		}
	}
	return lines.Err()
}

// Premium matches the numbers that libphonenumber types as premium rate, shared cost, UAN or pager.
type Premium struct{}

func (Premium) matches(number string) bool {
	parsed, err := phonenumbers.Parse(number, "")
	return err == nil && slices.Contains(premium, phonenumbers.GetNumberType(parsed))
}

var premium = []phonenumbers.PhoneNumberType{phonenumbers.PREMIUM_RATE, phonenumbers.SHARED_COST, phonenumbers.UAN, phonenumbers.PAGER}

// Interface guards
var (
	_ Matcher = Pattern{}
	_ Matcher = Domains(nil)
	_ Matcher = Premium{}
	_ Matcher = (*index)(nil)
)
