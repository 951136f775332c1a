package passpolicy

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func newPolicy(t testing.TB, cfg Config) *Policy {
	t.Helper()
	p, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var account = []string{"ada.lovelace@example.com", "ada_l", "Ada", "Lovelace"}

func TestL16_Good(t *testing.T) {
	t.Parallel()
	p := newPolicy(t, Config{Context: []string{"Acme Intranet"}})
	for _, password := range []string{
		"correct horse battery staple", "correcthorsebatterystaple", "lemon kite 42 river", "MyDog'sNameIsRex",
		"kX9#mQ2$vL7p", "xkqzvbnwtrpd", "4829 1057 3364", "🦊🐢🎈🚲🌋🍇🧲🪁🎲🛶🪐🧭", "пингвин читает газету", "鯨は静かに海を泳いでいる夜",
		"żółta łódź płynie rzeką", "my canary\x00sings at noon", "  spaces   around a lemon  ",
		"it is a long way to tipperary but my bicycle has only one pedal and a very rusty chain indeed",
		strings.Repeat("seven wet owls guard 9 old violins; ", 7)[:250] + "stop.",
	} {
		text, err := p.Normalize(password)
		if err != nil {
			t.Errorf("%q: %v", password, err)
		}
		if wrong := p.Check(text, account...); len(wrong) != 0 {
			t.Errorf("%q: %v", password, wrong)
		}
	}
}

func TestL16_Lengths(t *testing.T) {
	t.Parallel()
	const strong = "vQ7!mzR2#kLp9@wXc4^tBn8&hYd3*sGf6%jUe5(aZi1)oPq0-rTx7+lMv2=uKb9?" // 64
	if n := len(strong); n != 64 {
		t.Fatalf("length %d", n)
	}
	eight := newPolicy(t, Config{MinLength: 8})
	twelve := newPolicy(t, Config{})
	fifteen := newPolicy(t, Config{MinLength: 15, MaxLength: 64})
	long := strings.Repeat(strong[:63]+"é", 3) + "Some more words here, " + strong // not a repetition
	at := func(n int) string { return string([]rune(long + strings.Repeat("tail of 300 ", 25))[:n]) }
	for _, c := range []struct {
		policy *Policy
		length int
		want   Broken // the zero Broken for none
	}{
		{eight, 7, Broken{TooShort, 8}}, {eight, 8, Broken{}},
		{twelve, 11, Broken{TooShort, 12}}, {twelve, 12, Broken{}}, {twelve, 14, Broken{}}, {twelve, 15, Broken{}}, {twelve, 64, Broken{}},
		{twelve, 256, Broken{}}, {twelve, 257, Broken{TooLong, 256}},
		{fifteen, 14, Broken{TooShort, 15}}, {fifteen, 15, Broken{}}, {fifteen, 64, Broken{}}, {fifteen, 65, Broken{TooLong, 64}},
	} {
		if got := c.policy.Check(at(c.length)); len(got) > 1 || len(got) == 1 && got[0] != c.want || len(got) == 0 && c.want.Rule != "" {
			t.Errorf("%d characters: %v, want %v", c.length, got, c.want)
		}
	}
}

func TestL16_Weak(t *testing.T) {
	t.Parallel()
	p := newPolicy(t, Config{Context: []string{"Acme Intranet", "example.org"}})
	for _, password := range []string{
		"qwertyuiopasdf", "abcdefghijkl", "aaaaaaaaaaaa", "            ", "123456789012", "Password1234!", "p@ssw0rd1234", "P4$$word2026",
		"1q2w3e4r5t6y", "administrator", "Administrator", "supernatural!", "Professional2026!", "iloveyouiloveyou", "adminadminadmin", "admin admin admin",
		"éééééééééééé", "🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂", "hunter2hunter2", "january 2026", "20260101202601", "letmeinletmein", "asdf;lkjasdf;lkj",
		"gatehouse2026!", "Gatehouse gatehouse", "ada.lovelace@example.com", "Ada.Lovelace.2026", "lovelace1815", "AdaLovelace!!", "acme intranet 1", "welcome to gatehouse", "ada_l@example.org",
	} {
		if wrong := p.Check(password, account...); len(wrong) == 0 {
			t.Errorf("%q is accepted", password)
		}
	}
	// Two-letter names are in every other password.
	if wrong := p.Check("lemon kite river", "le", "mo", "ki", "te", "ri", "ve"); len(wrong) != 0 {
		t.Errorf("short context words count: %v", wrong)
	}
	// Who used a name is told so.
	for _, password := range []string{"gatehouse2026!", "Ada.Lovelace.2026", "ACME intranet 1"} {
		if wrong := p.Check(password, account...); !slices.Contains(wrong, Broken{Rule: Context}) {
			t.Errorf("%q: %v", password, wrong)
		}
	}
}

func TestL16_CommonList(t *testing.T) {
	t.Parallel()
	list := common()
	if len(list) < 10_000 || len(commonGz) > 400<<10 {
		t.Errorf("%d passwords in %d bytes", len(list), len(commonGz))
	}
	if !slices.IsSorted(list) || len(slices.Compact(slices.Clone(list))) != len(list) {
		t.Error("the list is not sorted, or has doubles")
	}
	p := newPolicy(t, Config{MinLength: 8})
	for _, password := range list {
		if utf8.RuneCountInString(password) < 8 || password != strings.ToLower(password) {
			t.Errorf("%q does not belong there", password)
		}
		// By the list alone, whatever the estimate says.
		if !isCommon(password) || !isCommon(password+"1!") {
			t.Errorf("%q is not found", password)
		}
	}
	for _, password := range []string{"password", "PASSWORD", "Sunshine", "sunshine99", "trustno1", "1qaz2wsx"} {
		if wrong := p.Check(password); !slices.Contains(wrong, Broken{Rule: Common}) {
			t.Errorf("%q: %v", password, wrong)
		}
	}
}

func TestL18_Unicode(t *testing.T) {
	t.Parallel()
	p := newPolicy(t, Config{})
	nfc, nfd := "caf\u00e9 au lait \u1e69", "cafe\u0301 au lait s\u0307\u0323"
	a, errA := p.Normalize(nfc)
	b, errB := p.Normalize(nfd)
	if errA != nil || errB != nil || a != b || a != nfc {
		t.Errorf("%+q and %+q", a, b)
	}
	for _, kept := range []string{"a b ", " a b", "a  b", "a\u00a0b", "A", "ﬁ", "\t", "a\x00b", "①", "ａ"} {
		if got, err := p.Normalize(kept); got != kept || err != nil {
			t.Errorf("%+q became %+q, %v", kept, got, err)
		}
	}
	// One code point is one character: 12 of 4 bytes are 12, and 11 are not enough.
	emoji := "🦊🐢🎈🚲🌋🍇🧲🪁🎲🛶🪐🧭"
	if wrong := p.Check(emoji); len(wrong) != 0 {
		t.Errorf("12 code points: %v", wrong)
	}
	if wrong := p.Check(strings.TrimPrefix(emoji, "🦊")); !slices.Contains(wrong, Broken{TooShort, 12}) {
		t.Errorf("11 code points: %v", wrong)
	}
	for _, bad := range []string{"\xff", "lemon kite 42 river\xc3", "\xed\xa0\x80", "\xc0\x80"} {
		if _, err := p.Normalize(bad); !errors.Is(err, ErrNotUTF8) {
			t.Errorf("%+q: %v", bad, err)
		}
	}
}

func TestD03_GiantPassword(t *testing.T) {
	p := newPolicy(t, Config{})
	giants := map[string]string{
		"10 MB": strings.Repeat("a", 10<<20), "a million code points": strings.Repeat("\u0344", 1_000_000), "no UTF-8": strings.Repeat("\xff", 10<<20),
		"one byte over": strings.Repeat("a", 4*256+1),
	}
	for name, giant := range giants {
		if _, err := p.Normalize(giant); !errors.Is(err, ErrTooLong) {
			t.Errorf("%s: %v", name, err)
		}
		if n := testing.AllocsPerRun(10, func() { _, _ = p.Normalize(giant) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	if _, err := p.Normalize(strings.Repeat("🦊", 256)); err != nil {
		t.Errorf("256 code points of 4 bytes: %v", err)
	}
}

// Whatever is typed, judging it is cheap beside hashing it.
func TestCheck_BoundedWork(t *testing.T) {
	p := newPolicy(t, Config{})
	for _, long := range []string{strings.Repeat("a", 200), strings.Repeat("é", 200), strings.Repeat("\u0344", 200), strings.Repeat("🙂", 200)} {
		if n := len(ascii(long)); n > maxGuessed {
			t.Errorf("%d characters are looked at", n)
		}
	}
	words := make([]string, 500)
	for i := range words {
		words[i] = strings.Repeat(string(rune('a'+i%26)), 3+i)
	}
	for _, unit := range []string{
		"4@8({[<369&#!1/|0$5+7%2", "4@8({[<369&#!1/|0$5+7%2abcegiloqstxz", "a4@", "1|!i7", "12/11/99", "password", "qwertyuiop", "0", "\u0344", "🙂",
	} {
		password := string([]rune(strings.Repeat(unit, 256))[:255]) + "x"
		best := time.Hour // of several: a busy machine slows some down
		for turn := 0; turn < 20 && best > 500*time.Millisecond; turn++ {
			start := time.Now()
			p.Check(password, words...)
			best = min(best, time.Since(start))
		}
		if best > 500*time.Millisecond {
			t.Errorf("%q: %v", unit, best)
		}
	}
}

func TestNew_Refuses(t *testing.T) {
	t.Parallel()
	for _, cfg := range []Config{{MinLength: 7}, {MinLength: -1}, {MaxLength: 63}, {MaxLength: 1025}, {MinLength: 100, MaxLength: 64}, {MinScore: 5}, {MinScore: -1}, {MinBeside: 7}, {MinBeside: 13}} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%+v is accepted", cfg)
		}
	}
}

func FuzzPolicy(f *testing.F) {
	p := newPolicy(f, Config{MinLength: 8})
	seeds := []string{"correct horse battery staple", "e\u0301", "İstanbul\u0130ǅ", "\x00\n\r", "4@8({[<369", "🙂🙂🙂🙂", "31.12.1999", "\u0344\u0344\u0344", "aA1!aA1!aA1!"}
	if len(seeds) == 0 {
		f.Fatal("no seeds")
	}
	for _, s := range seeds {
		f.Add(s, "ada@example.com")
	}
	f.Fuzz(func(t *testing.T, password, word string) {
		text, err := p.Normalize(password)
		if err != nil {
			return
		}
		if again, err := p.Normalize(text); len(text) <= 4*256 && (err != nil || again != text) {
			t.Errorf("%+q is normalised to %+q and then to %+q", password, text, again)
		}
		p.Check(text, word)
	})
}

func BenchmarkCheck(b *testing.B) {
	p := newPolicy(b, Config{})
	for b.Loop() {
		p.Check("lemon kite 42 river", account...)
	}
}

// Beside a second factor a shorter password is enough, which is judged by every other rule all the same.
func TestBeside(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		cfg           Config
		password      string
		beside, short bool
	}{
		{Config{}, "k7 zq4vw", true, true}, {Config{}, "k7 zq4v", false, true}, {Config{}, "k7 zq4vw xj3", true, false}, {Config{}, "password", false, true},
		{Config{MinBeside: 10}, "k7 zq4vw", false, true}, {Config{MinLength: 8}, "k7 zq4vw", true, false},
	} {
		p := newPolicy(t, c.cfg)
		if got := len(p.Beside().Check(c.password)) == 0; got != c.beside || p.Short(c.password) != c.short {
			t.Errorf("%+v: %q is good beside a second factor: %v; short: %v", c.cfg, c.password, got, p.Short(c.password))
		}
	}
}

// A password of a known breach is refused however strong it looks, also beside second factors, and in its normal form.
func TestL16_Breached(t *testing.T) {
	t.Parallel()
	known := map[string]bool{"lemon kite 42 river": true, "caf\u00e9 lantern 42": true, "k7 zq4vw xj": true}
	asked := 0
	p := newPolicy(t, Config{Breached: func(password string) bool { asked++; return known[password] }})
	for typed, want := range map[string][]Broken{
		"lemon kite 42 river": {{Rule: Breached}}, "Lemon kite 42 river": nil, "cafe\u0301 lantern 42": {{Rule: Breached}},
		"k7 zq4vw xj": {{TooShort, 12}, {Rule: Breached}}, "password1234": {{Rule: Common}},
	} {
		text, err := p.Normalize(typed)
		if got := p.Check(text, account...); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %v, %v, want %v", typed, got, err, want)
		}
	}
	if asked != 4 {
		t.Errorf("the list was asked %d times, want 4", asked)
	}
	if got := p.Beside().Check("k7 zq4vw xj"); !slices.Equal(got, []Broken{{Rule: Breached}}) {
		t.Errorf("beside second factors: %v", got)
	}
}
