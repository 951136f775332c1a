package jwtkeys

import (
	"encoding/json"
	"time"
)

// decode reads the claims of a token whose signature is not checked yet. Members that
// it does not know are passed over: a newer release may have more.
func decode(text string) (Claims, bool) {
	var c Claims
	ok := members(text, c.set)
	return c, ok && c.check() == nil
}

func (c *Claims) set(name, value string) (ok bool) {
	switch name {
	case "iss":
		c.Issuer, ok = readText(value)
	case "aud":
		c.Audience, ok = readAudience(value)
	case "sub":
		c.Subject, ok = readText(value)
	case "sid":
		c.SessionID, ok = readText(value)
	case "jti":
		c.ID, ok = readText(value)
	case "iat":
		c.IssuedAt, ok = readTime(value)
	case "nbf":
		c.NotBefore, ok = readTime(value)
	case "exp":
		c.ExpiresAt, ok = readTime(value)
	case "auth_time":
		c.AuthTime, ok = readTime(value)
	case "amr":
		c.AMR, ok = readTexts(value)
	case "acr":
		c.ACR, ok = readText(value)
	case "roles":
		c.Roles, ok = readTexts(value)
	case "epoch":
		c.Epoch, ok = readInt(value)
	case "rv":
		c.RolesVersion, ok = readInt(value)
	case "email":
		c.Email, ok = readText(value)
	case "email_verified":
		c.EmailVerified, ok = value == "true", value == "true" || value == "false"
	case "email_reused":
		c.EmailReused, ok = value == "true", value == "true" || value == "false"
	case "username":
		c.Username, ok = readText(value)
	case "name":
		c.Name, ok = readText(value)
	case "fields":
		c.Fields, ok = value, value[0] == '{' // what is in it, check looks at
	case "host":
		c.Origin, ok = readText(value)
	default:
		ok = json.Valid([]byte(value))
	}
	return ok
}

// readTime reads a NumericDate of whole seconds. RFC 7519 §2 allows fractions; nothing
// we sign has them.
func readTime(value string) (time.Time, bool) {
	n, ok := readInt(value)
	return time.Unix(n, 0).UTC(), ok
}

// readAudience reads aud: one text, or an array of them (RFC 7519 §4.1.3).
func readAudience(value string) ([]string, bool) {
	if text, ok := readText(value); ok {
		return []string{text}, true
	}
	return readTexts(value)
}
