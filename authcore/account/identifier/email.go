package identifier

import (
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// MaxEmail is the longest address in bytes: RFC 5321 §4.5.3.1.3 allows a path of 256 with its angle brackets.
const MaxEmail = 254

const maxLocalPart = 64 // RFC 5321 §4.5.3.1.1

// addressDomain turns an international domain into its ASCII form by UTS 46, the way mail servers and browsers look it up.
var addressDomain = idna.New(
	idna.MapForLookup(),
	idna.Transitional(false),
	idna.StrictDomainName(true),
	idna.ValidateLabels(true),
	idna.VerifyDNSLength(true),
	idna.BidiRule(),
)

// NewEmail is Email for an address that is to become somebody's: there it also has to mean the same to everything that mail
// passes through. So the part before the @ is letters, marks and digits of any script and the signs of [localSigns], does not
// begin with '-', and the last label of the domain begins with a letter.
//
// Whoever has an address that was taken before this rule goes on signing in and recovering with it: these ask [Login], and
// codes are redeemed by Email.
func NewEmail(s string) (string, error) {
	address, err := Email(s)
	if err != nil {
		return "", err
	}
	at := strings.LastIndexByte(address, '@')
	local, top := address[:at], address[strings.LastIndexAny(address, ".@")+1:]
	// A server that hands mail to a program on its command line takes "-x@…" for an option.
	if local[0] == '-' || strings.IndexFunc(local, ambiguous) >= 0 {
		return "", broken(authcore.EmailNotPortable)
	}
	if top[0] < 'a' || top[0] > 'z' { // 10.0.0.0x1 is an address of a machine to some resolvers
		return "", broken(authcore.EmailInvalid)
	}
	return address, nil
}

// localSigns are the signs that stand for themselves wherever mail goes. Left out of those that RFC 5322 §3.2.3 allows are
//   - % and !, by which old routing names a further host: x%y@z goes to x@y, and y!x@z to x at y;
//   - / which begins X.400 attributes, and names of files to deliver to;
//   - | which names a program to deliver to, and $ and the backquote, which are expanded on the way there (CVE-2019-10149);
//   - ? which makes encoded words (=?utf-8?q?x?=, RFC 2047) and the headers of a mailto link.
const localSigns = ".+-_'&=#*^{}~"

func ambiguous(r rune) bool {
	if r < utf8.RuneSelf {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && !strings.ContainsRune(localSigns, r)
	}
	return !unicode.In(r, unicode.L, unicode.M, unicode.N)
}

// Email returns the address in lower case and NFC with its domain in ASCII. It takes a plain address alone: no display
// name, comment, quoted local part or address literal, for each of them lets one mailbox have endless spellings or lets
// text into a mail header. The domain must have a dot or be localhost.
func Email(s string) (string, error) {
	if s = strings.Trim(s, " "); len(s) > MaxEmail {
		return "", broken(authcore.EmailTooLong)
	}
	if s == "" {
		return "", broken(authcore.EmailRequired)
	}
	if !cleanText(s) || strings.ContainsAny(s, " \"()<>[]\\,;:") {
		return "", broken(authcore.EmailInvalid)
	}
	at := strings.LastIndexByte(s, '@')
	if at <= 0 || at == len(s)-1 || strings.IndexByte(s, '@') != at {
		return "", broken(authcore.EmailInvalid)
	}
	local := fold(s[:at])
	domain, ok := foldDomain(s[at+1:])
	// A compatible form ("ﬁ" for "fi") would be a second mailbox that signs in as the first: it is refused, not folded.
	if !ok || len(local) > maxLocalPart || local != norm.NFC.String(strings.ToLower(s[:at])) {
		return "", broken(authcore.EmailInvalid)
	}
	out := local + "@" + domain
	// Folding can lengthen text: the limits hold for what is stored.
	if len(out) > MaxEmail {
		return "", broken(authcore.EmailInvalid)
	}
	parsed, err := mail.ParseAddress(out)
	if err != nil || parsed.Name != "" || parsed.Address != out {
		return "", broken(authcore.EmailInvalid)
	}
	return out, nil
}

func foldDomain(s string) (string, bool) {
	// Folded first, as Login does: UTS 46 and lower-casing differ in a few letters (capital sharp s).
	domain, err := addressDomain.ToASCII(strings.TrimSuffix(fold(s), "."))
	if err != nil || domain == "" {
		return "", false
	}
	domain = strings.ToLower(domain)
	last := domain[strings.LastIndexByte(domain, '.')+1:]
	if strings.Trim(last, "0123456789") == "" { // no top level is numeric (RFC 3696 §2): this is a bare IPv4 address
		return "", false
	}
	return domain, domain == "localhost" || last != domain
}
