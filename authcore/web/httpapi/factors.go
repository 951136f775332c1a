package httpapi

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/webauthn"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// factorCalls are about the second factors of the account that makes the request.
type factorCalls struct {
	factors *factor.Factors
	limits  *httpauth.Limits
}

const firstFactorText = "Who has no factor yet and a verified address needs a recent sign-in, or step-up, that included a code to that address: without one the answer " +
	"is `reauthentication_required`, also with the right password, and `/reauthenticate` without a body sends the code."

func (c *factorCalls) routes() []route {
	id := idParam("The factor's id.")
	return []route{{
		method: http.MethodGet, path: "/factors", tag: tagFactors, summary: "List your second factors",
		text:    "Lists the factors that are confirmed, in the order in which they were added. A set of recovery codes is one of them.",
		does:    authenticated(c.list),
		replies: []reply{{http.StatusOK, "The factors.", factorList{}}},
	}, {
		method: http.MethodPost, path: "/factors", tag: tagFactors, summary: "Add a second factor",
		text: "The factor counts for nothing until it is confirmed, within ten minutes; one of each type can wait. An e-mail address or a phone number gets a " +
			"code. Recovery codes need no confirmation, are shown this once, and replace the former ones.\n\n" + firstFactorText,
		does: authenticatedWith(c.add), fresh: true,
		replies: []reply{{http.StatusCreated, "The factor, and what is needed to confirm it.", newFactor{}}},
		refuses: []authcore.Code{authcore.InvalidFields, authcore.LimitReached}, mayCount: true,
	}, {
		method: http.MethodGet, path: "/factors/{id}", tag: tagFactors, summary: "Show a second factor",
		text:    "Also shows one that waits to be confirmed. Someone else's factor gets the same answer as an unknown one.",
		does:    authenticated(c.get),
		params:  []param{id},
		replies: []reply{{http.StatusOK, "The factor.", FactorEntry{}}},
		refuses: []authcore.Code{authcore.NotFound},
	}, {
		method: http.MethodPatch, path: "/factors/{id}", tag: tagFactors, summary: "Name a second factor",
		text:    "Empty removes the name.",
		does:    authenticatedWith(c.rename),
		params:  []param{id},
		replies: []reply{{http.StatusOK, "The factor.", FactorEntry{}}},
		refuses: []authcore.Code{authcore.NotFound, authcore.InvalidFields},
	}, {
		method: http.MethodDelete, path: "/factors/{id}", tag: tagFactors, summary: "Remove a second factor",
		text: "The owner of the account gets a mail that can undo it, and no device is trusted any more. The last factor cannot be removed while " +
			"two-factor authentication is on; recovery codes do not count as one.",
		does: authenticatedWith(c.remove), fresh: true, optional: true,
		params:  []param{id},
		replies: []reply{{http.StatusNoContent, "The factor has been removed.", nil}},
		refuses: []authcore.Code{authcore.NotFound, authcore.LastFactor, authcore.LastWayIn},
	}, {
		method: http.MethodPost, path: "/factors/{id}/confirm", tag: tagFactors, summary: "Confirm a second factor",
		text:    "Takes the code that the app shows, or that was sent, or the `credential` of a passkey or security key. The same code does not sign in. With `enable_2fa` it also switches two-factor authentication on.",
		does:    authenticatedWith(c.confirm),
		params:  []param{id},
		replies: []reply{{http.StatusOK, "The factor counts from now on.", confirmedFactor{}}},
		refuses: []authcore.Code{authcore.InvalidFields, authcore.InvalidCode, authcore.InvalidPasskey, authcore.TooManyAttempts, authcore.NotFound, authcore.NoFactor},
	}}
}

func (c *factorCalls) mfaRoutes() []route {
	return []route{{
		method: http.MethodGet, path: "/2fa", tag: tagFactors, summary: "Show two-factor authentication",
		text:    "Shows whether a sign-in to the account asks for a second factor, and for which.",
		does:    authenticated(c.status),
		replies: []reply{{http.StatusOK, "The state.", MFAState{}}},
	}, {
		method: http.MethodPut, path: "/2fa", tag: tagFactors, summary: "Switch two-factor authentication on",
		text: "Without any factor the verified e-mail address becomes one. Recovery codes are made, and shown this once, if there are none. Repeating it " +
			"changes `preferred` alone.\n\n" + firstFactorText,
		does: authenticatedWith(c.enable), fresh: true, optional: true,
		replies: []reply{{http.StatusOK, "Two-factor authentication is on.", enabledMFA{}}},
		refuses: []authcore.Code{authcore.InvalidFields, authcore.NoFactor},
	}, {
		method: http.MethodDelete, path: "/2fa", tag: tagFactors, summary: "Switch two-factor authentication off",
		text: "The factors stay; no device is trusted any more.",
		does: authenticatedWith(c.disable), fresh: true, optional: true,
		replies: []reply{{http.StatusNoContent, "Two-factor authentication is off.", nil}},
		refuses: []authcore.Code{authcore.MFAEnforced, authcore.ShortPassword},
	}}
}

// FactorEntry is a second factor as its owner sees it.
type FactorEntry struct {
	ID         uuid.UUID           `json:"id" format:"uuid"`
	Type       authcore.FactorType `json:"type" enum:"email,sms,totp,passkey,security_key,recovery"`
	Name       string              `json:"name" doc:"The name that its owner gave it; may be empty."`
	Confirmed  bool                `json:"confirmed" doc:"Whether it counts."`
	CreatedAt  time.Time           `json:"created_at"`
	LastUsedAt *time.Time          `json:"last_used_at" doc:"Null if it was not used yet."`
	To         string              `json:"to,omitempty" doc:"Of email and sms: where codes go, in part." example:"a***@example.com"`
	Left       *int                `json:"left,omitempty" doc:"Of recovery: how many codes have not been used."`
	KeyEntry
}

// KeyEntry is what a passkey or security key has besides; apps tell authenticators by it which of them are still good.
type KeyEntry struct {
	CredentialID string `json:"credential_id,omitempty" doc:"Of passkey and security_key: its id, in base64url."`
	RPID         string `json:"rp_id,omitempty" doc:"Of passkey and security_key: the domain that it is for." example:"example.com"`
	UserHandle   string `json:"user_handle,omitempty" doc:"Of passkey and security_key: by which authenticators know the account, in base64url."`
	Synced       *bool  `json:"synced,omitempty" doc:"Of passkey and security_key: whether it may be on several devices."`
}

func keyEntryOf(f authcore.Factor) KeyEntry {
	if len(f.CredentialID) == 0 {
		return KeyEntry{}
	}
	d := webauthn.Describe(f.Credential)
	return KeyEntry{webauthn.Text(f.CredentialID), d.RPID, webauthn.Text(factor.Handle(f.AccountID)), &d.Synced}
}

func factorOf(f authcore.Factor) FactorEntry {
	entry := FactorEntry{ID: f.ID, Type: f.Type, Name: f.Name, Confirmed: f.Confirmed(), CreatedAt: f.CreatedAt.UTC(), To: factor.Masked(f), KeyEntry: keyEntryOf(f)}
	if !f.LastUsedAt.IsZero() {
		entry.LastUsedAt = new(f.LastUsedAt.UTC())
	}
	if f.Type == authcore.FactorRecovery {
		entry.Left = &f.Left
	}
	return entry
}

type factorList struct {
	Factors []FactorEntry `json:"factors"`
}

func (c *factorCalls) list(x *call) error {
	all, err := c.factors.List(x.r.Context(), x.who.AccountID)
	if err != nil {
		return err
	}
	list := factorList{Factors: []FactorEntry{}}
	for _, f := range all {
		list.Factors = append(list.Factors, factorOf(f))
	}
	return x.answer(http.StatusOK, list)
}

type newFactor struct {
	FactorEntry
	Secret    string   `json:"secret,omitempty" doc:"Of totp: what the app needs, in base 32. Shown this once."`
	URL       string   `json:"otpauth_url,omitempty" doc:"Of totp: the same as a link."`
	QR        string   `json:"qr_svg,omitempty" doc:"Of totp: the link as a QR code, an SVG."`
	ExpiresIn *int64   `json:"expires_in,omitempty" doc:"Of email and sms: seconds until the code expires."`
	Codes     []string `json:"codes,omitempty" doc:"Of recovery: the codes. Shown this once."`
	// Options are for navigator.credentials.create.
	Options webauthnOptions `json:"options,omitempty" doc:"Of passkey and security_key: PublicKeyCredentialCreationOptionsJSON, for PublicKeyCredential.parseCreationOptionsFromJSON. Good for five minutes, once."`
}

type addFactorBody struct {
	Type  string `json:"type" minLength:"1" doc:"One of those that GET /config lists." example:"totp"`
	Name  string `json:"name,omitempty" maxLength:"100"`
	Email string `json:"email,omitempty" doc:"Of email: left out, the verified address of the account."`
	Phone string `json:"phone,omitempty" doc:"Of sms: left out, the verified number of the account."`
	FreshProof
}

// add counts who has codes sent to addresses and numbers of their choice, like changes of address: one account would else fill as many
// strangers' mailboxes as it can name.
func (c *factorCalls) add(x *call, body addFactorBody) error {
	if t := authcore.FactorType(body.Type); t == authcore.FactorEmail || t == authcore.FactorSMS {
		if err := c.limits.Take(x.r.Context(), x.w.Header(), authcore.LimitVerify, "/factors", x.in.Client.Addr); err != nil {
			return err
		}
	}
	added, err := c.factors.Add(x.r.Context(), factor.AddInput{
		AccountID: x.who.AccountID, Type: authcore.FactorType(body.Type), Name: body.Name, Email: body.Email, Phone: body.Phone,
		SignIn: factor.SignInOf(x.who), Client: x.in.Client,
	})
	if err != nil {
		return err
	}
	return x.answer(http.StatusCreated, newFactorOf(added))
}

func newFactorOf(added factor.Added) newFactor {
	made := newFactor{FactorEntry: factorOf(added.Factor), Secret: added.Seed, URL: added.URL, QR: added.QR, Codes: added.Codes, Options: webauthnOptions(added.Options)}
	if added.ExpiresIn > 0 {
		made.ExpiresIn = new(seconds(added.ExpiresIn))
	}
	return made
}

func (c *factorCalls) get(x *call) error {
	id := x.pathID()
	f, err := c.factors.Get(x.r.Context(), x.who.AccountID, id)
	if err != nil {
		return err
	}
	return x.answer(http.StatusOK, factorOf(f))
}

func (c *factorCalls) rename(x *call, body nameBody) error {
	if body.Name == nil {
		return authcore.RefuseField("name", authcore.Required)
	}
	id := x.pathID()
	f, err := c.factors.Rename(x.r.Context(), x.who.AccountID, id, *body.Name)
	if err != nil {
		return err
	}
	return x.answer(http.StatusOK, factorOf(f))
}

func (c *factorCalls) remove(x *call, _ removalBody) error {
	id := x.pathID()
	if err := c.factors.Remove(x.r.Context(), x.who.AccountID, id, x.in.Client); err != nil {
		return err
	}
	return x.done()
}

type confirmFactorBody struct {
	Code       string           `json:"code,omitempty" doc:"The code that the app shows, or that was sent." example:"123456"`
	Credential webauthnResponse `json:"credential,omitempty" doc:"Of passkey and security_key: RegistrationResponseJSON, as PublicKeyCredential.toJSON returns it."`
	Enable     bool             `json:"enable_2fa,omitempty" doc:"Also switch two-factor authentication on."`
}

type confirmedFactor struct {
	FactorEntry
	Codes []string `json:"recovery_codes,omitempty" doc:"With enable_2fa, if there were none. Shown this once."`
}

func (c *factorCalls) confirm(x *call, body confirmFactorBody) error {
	if body.Code == "" && len(body.Credential) == 0 {
		return authcore.RefuseField("code", authcore.CodeRequired)
	}
	id := x.pathID()
	done, err := c.factors.Confirm(x.r.Context(), factor.ConfirmInput{
		AccountID: x.who.AccountID, FactorID: id, Code: body.Code, Credential: json.RawMessage(body.Credential), Enable: body.Enable, Client: x.in.Client,
	})
	if err != nil {
		return err
	}
	return x.answer(http.StatusOK, confirmedFactor{factorOf(done.Factor), done.Codes})
}

// MFAState is the state of two-factor authentication.
type MFAState struct {
	Enabled    bool                `json:"enabled" doc:"Whether the owner has switched it on."`
	Required   bool                `json:"required" doc:"Whether a sign-in asks for a second factor."`
	RequiredBy *string             `json:"required_by" doc:"account, all or role:<role>; null if it is not required." example:"account"`
	Methods    []mfaMethod         `json:"methods" doc:"The factors that can be asked for."`
	Preferred  authcore.FactorType `json:"preferred" doc:"The type that is asked for first; empty for any."`
	CodesLeft  int                 `json:"recovery_codes_left"`
	Trusted    int                 `json:"trusted_devices" doc:"How many devices are asked for no second factor."`
}

type mfaMethod struct {
	Method   authcore.FactorType `json:"method" enum:"email,sms,totp,passkey,security_key,recovery"`
	FactorID uuid.UUID           `json:"factor_id" format:"uuid"`
	Name     string              `json:"name"`
	To       string              `json:"to,omitempty" doc:"Of email and sms: where codes go, in part."`
}

func mfaStateOf(s factor.Status) MFAState {
	state := MFAState{Enabled: s.Enabled, Required: s.RequiredBy != "", Methods: []mfaMethod{}, Preferred: s.Preferred, CodesLeft: s.CodesLeft, Trusted: s.Trusted}
	if s.RequiredBy != "" {
		state.RequiredBy = &s.RequiredBy
		if s.RequiredBy == factor.ByAdministrator { // it is this account that owes it
			by := factor.ByAccount
			state.RequiredBy = &by
		}
	}
	for _, f := range s.Factors {
		state.Methods = append(state.Methods, mfaMethod{f.Type, f.ID, f.Name, factor.Masked(f)})
	}
	return state
}

func (c *factorCalls) status(x *call) error {
	s, err := c.factors.Status(x.r.Context(), x.who.AccountID)
	if err != nil {
		return err
	}
	return x.answer(http.StatusOK, mfaStateOf(s))
}

type enableBody struct {
	Preferred string `json:"preferred,omitempty" doc:"The type that a sign-in asks for first." example:"totp"`
	FreshProof
}

type enabledMFA struct {
	MFAState
	Codes []string `json:"recovery_codes,omitempty" doc:"If there were none. Shown this once."`
}

func (c *factorCalls) enable(x *call, body enableBody) error {
	s, err := c.factors.Enable(x.r.Context(), x.who.AccountID, authcore.FactorType(body.Preferred), factor.SignInOf(x.who), x.in.Client)
	if err != nil {
		return err
	}
	return x.answer(http.StatusOK, enabledMFA{mfaStateOf(s), s.Codes})
}

func (c *factorCalls) disable(x *call, _ removalBody) error {
	if err := c.factors.Disable(x.r.Context(), x.who.AccountID, x.in.Client); err != nil {
		return err
	}
	return x.done()
}
