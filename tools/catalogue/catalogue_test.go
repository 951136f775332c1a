package main

import (
	"slices"
	"testing"
	"testing/fstest"
)

func TestCatalogue(t *testing.T) {
	t.Parallel()
	got, err := catalogue(fstest.MapFS{
		"a/x_test.go": {Data: []byte("package a\n\n// TestP01_P02_Both: as L16, P01 and RFC6750X99 say.\nfunc TestP01_P02_Both() {}\n\n" +
			"func FuzzT08() {}\n\nfunc helperS04() {}\n\nfunc TestH2C_Upgrade() {}\n\nfunc (s suite) TestS05() {}\n")},
		"a/x.go":               {Data: []byte("package a\n\nfunc TestS06() {}\n")},
		"a/testdata/y_test.go": {Data: []byte("package a\n\nfunc TestS07() {}\n")},
	})
	want := []string{"L16 a TestP01_P02_Both", "P01 a TestP01_P02_Both", "P02 a TestP01_P02_Both", "T08 a FuzzT08"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	if _, err := catalogue(fstest.MapFS{"a_test.go": {Data: []byte("no Go")}}); err == nil {
		t.Error("what cannot be read is no error")
	}
}
