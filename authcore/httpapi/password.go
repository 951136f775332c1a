package httpapi

import (
	"net/http"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/recovery"
)

// passwordCalls give a new password to whoever owns the address.
type passwordCalls struct{ recovery *recovery.Flow }

func (c *passwordCalls) mount(to routes) {
	to.add(http.MethodPost, "/password/forgot", authcore.LimitForgot, c.forgot)
	to.add(http.MethodPost, "/password/reset", authcore.LimitForgot, c.reset)
}

func (c *passwordCalls) forgot(w http.ResponseWriter, r *http.Request, in Incoming) error {
	var body struct {
		Login string `json:"login"`
		Email string `json:"email"`
	}
	if err := readBody(w, r, &body); err != nil {
		return err
	}
	login := firstOf(body.Login, body.Email)
	if err := required("login", login); err != nil {
		return err
	}
	if err := c.recovery.Forgot(r.Context(), login, in.Client); err != nil {
		return err
	}
	writeJSON(w, r, http.StatusAccepted, "application/json", map[string]string{"status": "reset_sent"})
	return nil
}

func (c *passwordCalls) reset(w http.ResponseWriter, r *http.Request, in Incoming) error {
	var body struct {
		Token       string `json:"token"`
		Login       string `json:"login"`
		Email       string `json:"email"`
		OTP         string `json:"otp"`
		NewPassword string `json:"new_password"`
	}
	if err := readBody(w, r, &body); err != nil {
		return err
	}
	err := c.recovery.Reset(r.Context(), recovery.Resetting{
		Token: body.Token, Login: firstOf(body.Login, body.Email), OTP: body.OTP,
		NewPassword: body.NewPassword, Client: in.Client,
	})
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
