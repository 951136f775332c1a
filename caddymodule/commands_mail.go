package caddymodule

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gatehouse-auth/gatehouse/authcore/platform/notify"
)

// mailTest is the body of a request for a test mail.
type mailTest struct {
	Address string `json:"address"`
}

func mailCommand() *cobra.Command {
	p := &cliEnv{}
	mail := &cobra.Command{Use: "mail", Short: "Sends a test mail"}
	p.flags(mail)
	family(mail)
	mail.AddCommand(&cobra.Command{
		Use: "test <address>", Short: "Sends one mail through the configured sender and shows the mail server's answer", Args: cobra.ArbitraryArgs,
		Long: "Sends one mail through the sender of the running gateway (option `mail`) and waits for the mail server's answer. It is sent " +
			"at once and once, past the mails that wait. With `mail outbox` it shows which file was written.\n\n" +
			"Exit codes: 0 when the mail was accepted, 1 when it was not, 2 when the command line does not give one plain address, 5 when no gateway runs.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 || notify.CheckAddress(args[0]) != nil {
				return usageError(cmd, errors.New("give one plain address: "+cmd.CommandPath()+" you@example.com"))
			}
			return p.testMail(cmd, mailTest{Address: args[0]})
		},
	})
	return mail
}

func (p *cliEnv) testMail(cmd *cobra.Command, m mailTest) error {
	return trial{
		path: adminMail, body: m,
		accepted: func(t notify.Trial) string { return t.Answer },
		refused:  func(t notify.Trial) error { return fmt.Errorf("%s: %s", trialText[t.Reason], t.Answer) },
	}.run(cmd, p)
}

var trialText = map[notify.TrialReason]string{
	notify.TrialRefused:     "the mail was refused",
	notify.TrialDeferred:    "the mail server does not accept the mail now",
	notify.TrialUnreachable: "the mail server cannot be reached",
	notify.TrialTLS:         "no encrypted connection to the mail server",
	notify.TrialSignIn:      "the mail server does not accept user and password",
	notify.TrialFailed:      "the mail was not sent",
}
