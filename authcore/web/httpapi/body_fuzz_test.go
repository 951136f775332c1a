package httpapi

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// FuzzContentType: JSON is what names itself so, and nothing that a foreign page's form can send (B04).
func FuzzContentType(f *testing.F) {
	for text, want := range map[string]bool{
		"application/json": true, "Application/JSON; charset=UTF-8": true, "application/json;charset=\"utf-8\"": true,
		"application/json; charset=latin1": false, "application/json; a=b": false, "application/json, text/plain": false,
		"text/plain": false, "text/plain; application/json": false, "application/x-www-form-urlencoded": false,
		"multipart/form-data; boundary=application/json": false, "application/jsonx": false, "application/json;": true, "": false,
	} {
		if isJSON([]string{text}) != want {
			f.Fatalf("%q: %v", text, !want)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !isJSON([]string{text}) {
			return
		}
		kind, params, _ := strings.Cut(strings.ToLower(text), ";")
		if strings.TrimSpace(kind) != "application/json" || strings.ContainsAny(kind, ",") {
			t.Fatalf("%q is taken for JSON", text)
		}
		if strings.Contains(params, "charset") && !strings.Contains(params, "utf-8") && !strings.Contains(params, "*") {
			t.Fatalf("%q is taken for UTF-8", text)
		}
		if isJSON([]string{text, text}) {
			t.Fatal("two types are taken for one")
		}
	})
}

// FuzzBind: what a call reads of a body is what encoding/json reads of it into the same fields, by their exact names.
func FuzzBind(f *testing.F) {
	type fields struct {
		Login   string   `json:"login"`
		Cookies bool     `json:"cookies"`
		IDs     []string `json:"ids"`
		Name    *string  `json:"name"`
	}
	for text, want := range map[string]fields{
		`{"login":"a","cookies":true,"ids":["b"]}`: {Login: "a", Cookies: true, IDs: []string{"b"}},
		`{"Login":"a","x":1}`:                      {},
		`{"login":null}`:                           {},
	} {
		var got fields
		if err := bind([]byte(text), &got); err != nil || !reflect.DeepEqual(got, want) {
			f.Fatalf("%s: %+v, %v", text, got, err)
		}
		f.Add([]byte(text))
	}
	for _, text := range append(notStrict, `{"login":1}`, `{"ids":"x"}`, `{"cookies":"true"}`) {
		if bind([]byte(text), new(fields)) == nil {
			f.Fatalf("%s is accepted", text)
		}
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var got, want fields
		if bind(text, &got) != nil {
			return
		}
		var all map[string]json.RawMessage
		if err := json.Unmarshal(text, &all); err != nil {
			t.Fatalf("%q: encoding/json: %v", text, err)
		}
		for name := range all { // encoding/json folds case
			switch name {
			case "login", "cookies", "ids", "name":
			default:
				delete(all, name)
			}
		}
		exact, err := json.Marshal(all)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(exact, &want); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%q: read as %+v, encoding/json has %+v (%v)", text, got, want, err)
		}
	})
}
