package httpapi

import (
	"net/http"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/enrol"
	"github.com/gatehouse-auth/gatehouse/authcore/session"
)

// enrolmentCalls lead from no account to a proven one.
type enrolmentCalls struct {
	enrol   *enrol.Flow
	origins *Origins
}

func (c *enrolmentCalls) mount(to routes) {
	to.add(http.MethodPost, "/register", authcore.LimitRegister, c.register)
	to.add(http.MethodPost, "/verify", authcore.LimitVerify, c.verify)
	to.add(http.MethodPost, "/verify/resend", authcore.LimitVerify, c.resend)
}

func (c *enrolmentCalls) register(w http.ResponseWriter, r *http.Request, in Incoming) error {
	var body struct {
		Email     string `json:"email"`
		Password  string `json:"password"`
		Username  string `json:"username"`
		FirstName string `json:"first_name"`
		LastName  string `json:"last_name"`
		Phone     string `json:"phone"`
		Cookies   bool   `json:"cookies"`
	}
	if err := readBody(w, r, &body); err != nil {
		return err
	}
	if body.Cookies {
		if err := c.origins.Check(r, in.HTTPS); err != nil {
			return err
		}
	}
	made, err := c.enrol.Register(r.Context(), enrol.Registering{
		Email: body.Email, Password: body.Password, Username: body.Username,
		FirstName: body.FirstName, LastName: body.LastName, Phone: body.Phone, Client: in.Client,
	})
	if err != nil {
		return err
	}
	if made.Account != nil {
		writeJSON(w, r, http.StatusCreated, "application/json", map[string]user{"user": userOf(*made.Account)})
		return nil
	}
	answer := struct {
		Status       string `json:"status"`
		ExpiresIn    int64  `json:"expires_in"`
		Registration string `json:"registration,omitempty"`
	}{Status: "verification_sent", ExpiresIn: seconds(made.ExpiresIn)}
	if body.Cookies {
		if err := setCookie(w.Header(), registrationCookie, made.Proof, enrol.RegistrationLifetime, in.HTTPS); err != nil {
			return err
		}
	} else {
		answer.Registration = made.Proof
	}
	writeJSON(w, r, http.StatusAccepted, "application/json", answer)
	return nil
}

func (c *enrolmentCalls) verify(w http.ResponseWriter, r *http.Request, in Incoming) error {
	var body struct {
		Token        string `json:"token"`
		Email        string `json:"email"`
		OTP          string `json:"otp"`
		Registration string `json:"registration"`
		Password     string `json:"password"`
		NewPassword  string `json:"new_password"`
		DeviceName   string `json:"device_name"`
		Cookies      bool   `json:"cookies"`
	}
	if err := readBody(w, r, &body); err != nil {
		return err
	}
	proof := body.Registration
	if proof == "" {
		proof = ReadCookie(r, RegistrationCookie(in.HTTPS))
	}
	if body.Cookies || proof != body.Registration {
		if err := c.origins.Check(r, in.HTTPS); err != nil {
			return err
		}
	}
	tokens, err := c.enrol.Verify(r.Context(), enrol.Verifying{
		Token: body.Token, Email: body.Email, OTP: body.OTP,
		Proof: proof, Password: body.Password, NewPassword: body.NewPassword,
		Request: session.Request{Mode: modeOf(body.Cookies), DeviceName: body.DeviceName, Client: in.Client},
	})
	if err != nil {
		return err
	}
	if ReadCookie(r, RegistrationCookie(in.HTTPS)) != "" {
		clearCookie(w.Header(), registrationCookie, in.HTTPS)
	}
	return writeTokens(w, r, in, tokens)
}

func (c *enrolmentCalls) resend(w http.ResponseWriter, r *http.Request, in Incoming) error {
	var body struct {
		Email string `json:"email"`
	}
	if err := readBody(w, r, &body); err != nil {
		return err
	}
	if err := required("email", body.Email); err != nil {
		return err
	}
	if err := c.enrol.Resend(r.Context(), body.Email, in.Client); err != nil {
		return err
	}
	writeJSON(w, r, http.StatusAccepted, "application/json", map[string]string{"status": "verification_sent"})
	return nil
}
