package caddymodule

import (
	"fmt"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore/crypto/webauthn"
)

// PasskeySettings say for which domain passkeys and security keys are, and from where else they are taken.
type PasskeySettings struct {
	// The domain that passkeys are for, such as example.com. Default: the host of the issuer. Whoever changes it later makes every
	// passkey useless.
	RPID string `json:"rp_id,omitempty"`
	// Origins from which passkeys are taken besides the issuer: https://app.example.com, or android:apk-key-hash:… of an app.
	Origins []string `json:"origins,omitempty"`
}

// appOrigin begins the origin of an Android app (https://developer.android.com/identity/sign-in/credential-manager).
const appOrigin = "android:apk-key-hash:"

var passkeyOptions = []option[PasskeySettings]{
	{
		name:  "rp_id",
		parse: readText(func(s *PasskeySettings) *string { return &s.RPID }),
		check: func(s *PasskeySettings) error {
			if s.RPID == "" || webauthn.CheckID(s.RPID) == nil {
				return nil
			}
			return fmt.Errorf("%q is not a domain name in lower case, such as example.com", s.RPID)
		},
	},
	{
		name:  "origins",
		parse: readWords(func(s *PasskeySettings) *[]string { return &s.Origins }),
		check: func(s *PasskeySettings) error { return each(s.Origins, checkPasskeyOrigin) },
	},
}

var passkeysOption = option[Settings]{
	name:  "passkeys",
	parse: readBlock("passkeys", passkeyOptions, func(s *Settings) **PasskeySettings { return &s.Passkeys }),
	check: func(s *Settings) error { return checkBlock(passkeyOptions, s.Passkeys) },
}

func checkPasskeyOrigin(v string) error {
	if hash, app := strings.CutPrefix(v, appOrigin); app {
		if hash == "" {
			return fmt.Errorf("%q has no hash of the app's key", v)
		}
		return nil
	}
	return checkTrustedOrigin(v)
}

func (s *Settings) passkeys() webauthn.Parties {
	if s.Passkeys == nil {
		return webauthn.Parties{}
	}
	return webauthn.Parties{ID: s.Passkeys.RPID, Origins: s.Passkeys.Origins}
}
