package caddymodule

import (
	"context"
	"fmt"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/spf13/cobra"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/notify"
)

const adminSMS = "/gatehouse/sms/test"

// smsRoutes are the operations on SMS.
func smsRoutes() []caddy.AdminRoute {
	return []caddy.AdminRoute{{Pattern: adminSMS, Handler: operation(http.MethodPost, withBody(smsTest.send))}}
}

// smsTest is the body of a request for a test SMS.
type smsTest struct {
	Number string `json:"number"`
}

// send is done at a running gateway alone: it is its configuration that is tested.
func (s smsTest) send(ctx context.Context, d *adminOps) (notify.Trial, error) {
	number, err := d.cfg.numbers.Read(s.Number)
	if err != nil {
		var broken authcore.FieldErrors
		broken.AddError("number", err)
		return notify.Trial{}, broken.Refusal()
	}
	return d.notifier.TestSMS(ctx, number)
}

func smsCommand() *cobra.Command {
	p := &cliEnv{}
	sms := &cobra.Command{Use: "sms", Short: "Sends a test SMS"}
	p.flags(sms)
	family(sms)
	sms.AddCommand(&cobra.Command{
		Use: "test <number>", Short: "Sends one SMS through the configured sender and shows the provider's answer", Args: cobra.ExactArgs(1),
		Long: "Sends one SMS through the sender of the running gateway (option `sms`) and waits for the provider's answer. It is sent at once and " +
			"once, past those that wait, and counts against no limit. With `sms outbox` it shows which file was written.",
		RunE: func(cmd *cobra.Command, args []string) error { return p.testSMS(cmd, smsTest{args[0]}) },
	})
	return sms
}

func (p *cliEnv) testSMS(cmd *cobra.Command, s smsTest) error {
	return trial{
		path: adminSMS, body: s,
		accepted: func(t notify.Trial) string { return orDash(t.Answer) },
		refused:  func(t notify.Trial) error { return fmt.Errorf("the SMS was not sent: %s", t.Answer) },
	}.run(cmd, p)
}
