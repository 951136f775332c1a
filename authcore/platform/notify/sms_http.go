package notify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// smsHTTPTimeout is how long a provider may take for one SMS, from the connection to the end of its answer.
const smsHTTPTimeout = 5 * time.Second

// maxSMSAnswer is how much of a provider's answer is read.
const maxSMSAnswer = 64 << 10

// smsClient returns what speaks to a provider. It follows no redirect: the request holds a code and our credentials.
func smsClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost, transport.IdleConnTimeout = 2, 30*time.Second
	return &http.Client{
		Transport:     transport,
		Timeout:       smsHTTPTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// smsCall makes one call, and returns the status and what of the answer could be read. The error, which wraps [ErrAway], is for calls
// without a status: a provider that has said what it did and whose answer then breaks off has done it. No error holds the URL, which
// names the account.
func smsCall(client *http.Client, r *http.Request) (status int, body []byte, err error) {
	answer, err := client.Do(r)
	if err != nil {
		return 0, nil, fmt.Errorf("no answer: %w: %w", plainCause(err), ErrAway)
	}
	defer answer.Body.Close()
	body, _ = io.ReadAll(io.LimitReader(answer.Body, maxSMSAnswer))
	return answer.StatusCode, body, nil
}

// plainCause is the error of a call without its URL.
func plainCause(err error) error {
	var timeout interface{ Timeout() bool }
	switch {
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case errors.As(err, &timeout) && timeout.Timeout():
		return context.DeadlineExceeded
	}
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

// mayPass reports whether a status says that the same request may pass later: it is no fault of the message.
func mayPass(status int) bool {
	return status/100 != 4 || status == http.StatusRequestTimeout || status == http.StatusTooManyRequests
}
