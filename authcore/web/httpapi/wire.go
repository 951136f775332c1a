package httpapi

import (
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// user is an account as its owner sees it (contract §4).
type user struct {
	ID            uuid.UUID `json:"id" format:"uuid" doc:"Random, and never changes."`
	Email         string    `json:"email" example:"ada@example.com"`
	EmailVerified bool      `json:"email_verified"`
	Username      *string   `json:"username" example:"ada" doc:"Null if the account has none."`
	Phone         string    `json:"phone" example:"+442079460018" doc:"In E.164 format; empty if there is none."`
	FirstName     string    `json:"first_name" example:"Ada"`
	LastName      string    `json:"last_name" example:"Lovelace"`
	AvatarURL     string    `json:"avatar_url" doc:"Where the picture is, in 256 by 256 pixels; with ?s=64, 128 or 512 in another size. Empty if there is none."`
	Roles         []string  `json:"roles" maxItems:"32"`
	CreatedAt     time.Time `json:"created_at"`

	PhoneVerified bool           `json:"phone_verified"`
	Fields        map[string]any `json:"fields" doc:"The fields that the operator has added, by name. Only those that are set are listed."`
	Locale        string         `json:"locale" example:"de-AT" doc:"The language of mails and pages for the account, as a BCP 47 tag; empty if none was chosen."`
	Pending       []pending      `json:"pending" doc:"An address or number that is not saved until it is verified."`
	PasswordSet   bool           `json:"password_set"`
	MFAEnabled    bool           `json:"mfa_enabled" doc:"Whether a sign-in asks for a second factor."`
	InvitedBy     *string        `json:"invited_by" format:"uuid" doc:"The account that invited this one; null for none."`
}

// pending is an address or number that waits to be verified.
type pending struct {
	Channel   authcore.Channel `json:"channel" enum:"email,phone"`
	Address   string           `json:"address" example:"ada@example.com"`
	ExpiresAt time.Time        `json:"expires_at"`
}

// userOf shows an account as it is now: what has lapsed is no longer pending.
func (x *call) userOf(a authcore.Account) user {
	u := user{
		ID: a.ID, Email: a.Email, EmailVerified: a.EmailVerified(), Phone: a.Phone,
		FirstName: a.FirstName, LastName: a.LastName, AvatarURL: AvatarURL(x.in.Client.Portal, a.AvatarURL),
		Roles: append([]string{}, x.admins.Roles(a)...), CreatedAt: a.CreatedAt.UTC(),
		PhoneVerified: a.PhoneVerified(), Locale: a.Locale, PasswordSet: a.PasswordHash != "", MFAEnabled: a.MFAEnabled(), Pending: []pending{},
		Fields: x.fields.Shown(a.Fields), InvitedBy: idOrNull(a.InvitedBy),
	}
	if a.Username != "" {
		u.Username = &a.Username
	}
	for _, p := range a.Pending(x.now()) {
		u.Pending = append(u.Pending, pending{p.Channel, p.Address, p.Until.UTC()})
	}
	return u
}

// tokenPair is the answer to every sign-in and refresh. In cookie mode the tokens are left out: a script that could
// read them here would make HttpOnly worthless.
type tokenPair struct {
	AccessToken      string    `json:"access_token,omitempty" doc:"A JWT for the Authorization header. Omitted if you asked for cookies."`
	TokenType        string    `json:"token_type" enum:"Bearer"`
	ExpiresIn        int64     `json:"expires_in" doc:"Seconds until the access token expires."`
	RefreshToken     string    `json:"refresh_token,omitempty" doc:"Works for one refresh. Omitted if you asked for cookies."`
	RefreshExpiresIn int64     `json:"refresh_expires_in" doc:"Seconds until the refresh token expires."`
	SessionID        uuid.UUID `json:"session_id" format:"uuid"`
	DeviceToken      string    `json:"device_token,omitempty" doc:"After a sign-in that brought none: keep it for 400 days and send it with the next sign-ins, so that they do not come from a new device. Omitted if you asked for cookies."`
	User             user      `json:"user"`
	Codes            []string  `json:"recovery_codes,omitempty" doc:"After a sign-in in which the first factor was added, if there were none. Shown this once."`
}

// status is an answer that only says what has been done.
type status struct {
	Status string `json:"status"`
}

const pairText = "Signed in. Where cookies were asked for, or the refresh token came in one, the tokens are in `Set-Cookie` and not in the body."

// answerTokens answers with a token pair, in the body or in cookies as the session's mode says.
func (x *call) answerTokens(t session.Tokens) error { return x.answerTokensAs(http.StatusOK, t, nil) }

// answerTokensAs is answerTokens with another status, and recovery codes that came with the sign-in.
func (x *call) answerTokensAs(status int, t session.Tokens, codes []string) error {
	pair := tokenPair{
		TokenType: "Bearer", ExpiresIn: seconds(t.ExpiresIn), RefreshExpiresIn: seconds(t.RefreshExpiresIn),
		SessionID: t.Session.ID, User: x.userOf(t.Account), Codes: codes,
	}
	if t.Mode == authcore.ModeCookie {
		if err := x.in.Cookies().SetSession(x.w.Header(), t); err != nil {
			return err
		}
	} else {
		pair.AccessToken, pair.RefreshToken = t.Access, t.Refresh
		if !t.DeviceBrought {
			pair.DeviceToken = t.DeviceToken
		}
	}
	return x.answer(status, pair)
}

// seconds are told to the nearest one: what has been made a moment ago is good for as long as the configuration says.
func seconds(d time.Duration) int64 { return int64(d.Round(time.Second) / time.Second) }

// modeOf says how tokens travel: `"cookies": true` asks for cookies.
func modeOf(cookies bool) authcore.Mode {
	if cookies {
		return authcore.ModeCookie
	}
	return authcore.ModeBearer
}

// SignInBody is what every way in takes besides its proof.
type SignInBody struct {
	DeviceName  string `json:"device_name,omitempty" maxLength:"100" doc:"Name of the session in the list of sessions."`
	DeviceToken string `json:"device_token,omitempty" doc:"The one that an earlier sign-in of this app answered."`
	Remember    *bool  `json:"remember,omitempty" doc:"False for a computer that others use: the session ends early, its cookies end with the browser, and no device_token is answered. Default true."`
	Cookies     bool   `json:"cookies,omitempty" doc:"Set cookies instead of returning tokens."`
}

// request is how the caller wants to be signed in. With cookies the token of the device is in one, unless the body has it.
func (x *call) request(b SignInBody) session.Request {
	r := session.Request{
		Mode: modeOf(b.Cookies), DeviceName: b.DeviceName, DeviceToken: b.DeviceToken,
		ShortLived: b.Remember != nil && !*b.Remember, Client: x.in.Client,
	}
	if r.DeviceToken == "" && b.Cookies {
		r.DeviceToken = httpauth.DeviceCookie.Read(x.r, x.in.Cookies())
	}
	return r
}
