package httpapi

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/cputime"
)

func TestMembers(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{}`:                              ``,
		" {\t\"a\" : 1 ,\r\n\"b\":[ ] } ": `1 [ ]`,
		`{"a":{"b":{"a":null}}}`:          `{"b":{"a":null}}`,
		`{"a":"\ud83d\ude00","b":"é\n"}`:  `"\ud83d\ude00" "é\n"`,
		`{"a":-0.5e+10,"b":true}`:         `-0.5e+10 true`,
		`{"\u0061":1}`:                    `1`,
		`{"a":[1,"x",{"c":[[]]}]}`:        `[1,"x",{"c":[[]]}]`,
	} {
		got, err := members([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		var parts []string
		for _, name := range []string{"a", "b"} {
			if raw, ok := got[name]; ok {
				parts = append(parts, string(raw))
			}
		}
		if join := strings.Join(parts, " "); join != want {
			t.Errorf("%s: got %s, want %s", text, join, want)
		}
	}
}

var notStrict = []string{
	``, ` `, `null`, `1`, `"x"`, `[]`, `[{}]`, `{`, `}`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{,}`, `{"a":1 "b":2}`, `{a:1}`, `{'a':1}`,
	`{"a":1}{}`, `{"a":1}x`, `{"a":1},`, `{}null`, "{}\x00", "\xef\xbb\xbf{}", "{}\xef\xbb\xbf",
	`{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, `{"x":{"a":1,"b":2,"a":3}}`, `{"x":[{"a":1,"a":1}]}`, `{"":1,"":2}`,
	`{"a":01}`, `{"a":+1}`, `{"a":1.}`, `{"a":.5}`, `{"a":-}`, `{"a":1e}`, `{"a":1e+}`, `{"a":0x1}`, `{"a":1e999}`, `{"a":-1e999}`, `{"a":NaN}`, `{"a":Infinity}`,
	`{"a":` + strings.Repeat("1", 65) + `}`,
	`{"a":"` + "\x00" + `"}`, `{"a":"\u0000"}`, `{"\u0000":1}`, `{"a":"` + "\n" + `"}`, `{"a":"\x"}`, `{"a":"\u12"}`, `{"a":"\u12g4"}`, `{"a":"\`, `{"a":"`,
	`{"a":"\ud800"}`, `{"a":"\udc00"}`, `{"a":"\ud800\ud800"}`, `{"a":"\ud800x"}`, `{"a":"\ud800\n"}`, `{"a":"\udc00\ud800"}`,
	"{\"a\":\"\xff\"}", "{\"a\":\"\xc0\x80\"}", "{\"a\":\"\xed\xa0\x80\"}", "{\"\xff\":1}",
	`{"a":tru}`, `{"a":True}`, `{"a":nul}`, `{"a":undefined}`, `{"a":[1,]}`, `{"a":[,1]}`, `{"a":[1 2]}`, `{"a":[}`, `{"a":]}`, `{"a":1]`,
	`{"a":1/*x*/}`, `//x` + "\n{}", `{"a":` + strings.Repeat("[", 32) + strings.Repeat("]", 32) + `}`,
}

func TestMembersRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range notStrict {
		if got, err := members([]byte(text)); err == nil {
			t.Errorf("%q was read as %s", text, got)
		}
	}
	if _, err := members([]byte(`{"` + strings.Repeat("n", maxName+1) + `":1}`)); err == nil {
		t.Error("a name of 257 bytes was read")
	}
	if _, err := members([]byte(`{"a":` + strings.Repeat("[", 31) + strings.Repeat("]", 31) + `}`)); err != nil {
		t.Errorf("32 levels: %v", err)
	}
}

// TestI06_Abuse: what is refused costs no more than to read a body of the largest size once. Both are measured in
// turn and by the processor's time of one thread, so that it is the same on a busy machine.
func TestI06_Abuse(t *testing.T) {
	const size = maxBody - 16
	plain := []byte(`{"a":"` + strings.Repeat("a", size) + `"}`)
	var keys strings.Builder
	keys.WriteString(`{"a":1`)
	for i := 0; keys.Len() < size; i++ {
		keys.WriteString(`,"` + strings.Repeat("k", 1+i%3) + string(rune('a'+i%26)) + `":1`)
	}
	for name, text := range map[string]string{
		"open brackets":  `{"a":` + strings.Repeat("[", 100_000),
		"open braces":    strings.Repeat(`{"a":`, 100_000),
		"many members":   keys.String() + "}",
		"many elements":  `{"a":[` + strings.Repeat("1,", size/2-8) + `1]}`,
		"long number":    `{"a":` + strings.Repeat("9", size) + `}`,
		"long exponent":  `{"a":1e` + strings.Repeat("9", size) + `}`,
		"escapes":        `{"a":"` + strings.Repeat(`\ud800`, size/6),
		"long name":      `{"` + strings.Repeat(`\u0061`, size/6) + `":1,}`,
		"blanks":         strings.Repeat(" ", size),
		"open string":    `{"a":"` + strings.Repeat("a", size),
		"duplicate last": `{"a":"` + strings.Repeat("a", size) + `","a":1}`,
	} {
		best, once := time.Hour, time.Hour
		for range 10 { // the shortest of several is what the work costs
			once = min(once, cputime.Of(func() { json.Valid(plain) }))
			best = min(best, cputime.Of(func() {
				if _, err := members([]byte(text)); err == nil {
					t.Errorf("%s: accepted", name)
				}
			}))
		}
		t.Logf("%s: %v, reading once %v", name, best, once)
		if best > slowdown*once {
			t.Errorf("%s: refused after %v, and to read a body once takes %v", name, best, once)
		}
	}
}

// What passes is JSON to encoding/json too, and holds the same members.
func FuzzMembers(f *testing.F) {
	if len(notStrict) == 0 {
		f.Fatal("no seeds")
	}
	for _, s := range append(notStrict, `{"a":{"b":[1,"x\u00e9"]},"c":null}`) {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := members(text)
		if err != nil {
			return
		}
		var std map[string]json.RawMessage
		if err := json.Unmarshal(text, &std); err != nil {
			t.Fatalf("%q: encoding/json: %v", text, err)
		}
		if len(std) != len(got) {
			t.Fatalf("%q: %d members, encoding/json has %d", text, len(got), len(std))
		}
		for name, raw := range got {
			if string(std[name]) != string(raw) {
				t.Fatalf("%q: member %q is %s, encoding/json has %s", text, name, raw, std[name])
			}
		}
	})
}
