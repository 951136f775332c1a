package challenge

import (
	"fmt"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// purpose is what differs between the kinds of challenge.
type purpose struct {
	Path string            // of the page that a link opens, below the portal; "": there is a code alone
	Mail authcore.MailKind // that carries code and link
	AMR  []string          // what having verified it alone is worth for a session (RFC 8176); nil: it opens none
	Life time.Duration     // 0: as the operator has set it
	Link time.Duration     // how long a link lives at the least, where that is longer than what the operator has set for codes
	// Bound says that it is dead once the account has another address or number than the one that it went to.
	Bound bool
	// Unproven says that it goes to an address or number that may be anybody's: SMS of such purposes have a share of their own.
	Unproven bool
}

var purposes = map[authcore.Purpose]purpose{
	authcore.PurposeVerifyEmail: {Path: "/verify", Mail: authcore.MailVerify, AMR: []string{"email"}, Unproven: true},
	// No session: a second factor must not be skipped. The link outlives the limit on mails: whoever asks for somebody else's
	// mails until no more are sent leaves the owner with a newest one that works.
	authcore.PurposeResetPassword: {Path: "/reset", Mail: authcore.MailReset, Link: time.Hour, Bound: true},
	// No session: who confirms is signed in.
	authcore.PurposeConfirmEmail: {Path: "/me/email/confirm", Mail: authcore.MailConfirmEmail, Unproven: true},
	authcore.PurposeConfirmPhone: {Path: "/me/phone/confirm", Mail: authcore.MailConfirmEmail, Unproven: true},
	// No link: who follows one elsewhere would finish the sign-in of whoever asked for it. The session is opened by what asked for the code.
	authcore.PurposeSecondFactor:  {Mail: authcore.MailSecondFactorCode},
	authcore.PurposeConfirmFactor: {Mail: authcore.MailFactorCode, Unproven: true},
	// No link: it proves the address to the browser or app that has begun the sign-in by a provider, and opens no session by itself.
	authcore.PurposeProvider: {Mail: authcore.MailProviderCode, Unproven: true},
	authcore.PurposeSignIn:   {Path: "/otp/verify", Mail: authcore.MailSignInCode, AMR: []string{"email"}, Bound: true},
	// Challenges of WebAuthn: no mail, no link. What a passkey is worth is said by what verifies it.
	authcore.PurposePasskey:     {},
	authcore.PurposeAssertKey:   {},
	authcore.PurposeRegisterKey: {},
	// It is printed for whoever runs the gateway (package setup).
	authcore.PurposeSetup: {Life: 24 * time.Hour},
	// Its link lives as long as the deletion waits, and stands in a security mail. No session: who restores signs in again.
	authcore.PurposeRestore: {},
	// It goes through the browser's address bar and no mail. The child session has the methods of the session that is handed over.
	authcore.PurposeHandover: {Life: time.Minute},
}

func lookup(p authcore.Purpose) (purpose, error) {
	row, ok := purposes[p]
	if !ok {
		return purpose{}, fmt.Errorf("challenge purpose %q is unknown", p)
	}
	return row, nil
}

// AMR returns the authentication methods that a verified challenge of the purpose alone stands for, by the channel that its code took.
func AMR(p authcore.Purpose, by authcore.Channel) []string {
	if by == authcore.BySMS && purposes[p].AMR != nil {
		return []string{"sms"}
	}
	return append([]string(nil), purposes[p].AMR...)
}
