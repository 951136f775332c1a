package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/notify"
)

// trialLimit is longer than the longest time that the gateway allows one message.
const trialLimit = longestMail + 30*time.Second

// trial is one message that the running gateway sends at once.
type trial struct {
	path     string
	body     any
	accepted func(notify.Trial) string // what is shown of an answer
	refused  func(notify.Trial) error
}

// run sends it and shows how that ended.
func (x trial) run(cmd *cobra.Command, p *cliEnv) error {
	cmd.SilenceUsage = true
	ctx, cancel := context.WithTimeout(cmd.Context(), trialLimit)
	defer cancel()
	var result notify.Trial
	err := p.ask(ctx, http.MethodPost, x.path, x.body, &result)
	switch {
	case errors.Is(err, errNotRunning):
		return p.fail(cmd, authcore.Refuse(authcore.Unavailable, fmt.Sprintf("%v; start the gateway first: it is its configuration that is tested", err)))
	case err != nil:
		return p.fail(cmd, err)
	}
	if result.Accepted || p.asJSON {
		err = p.print(cmd.OutOrStdout(), result, func(w io.Writer) { fmt.Fprintf(w, "accepted\t%s\n", x.accepted(result)) })
	}
	if !result.Accepted {
		return x.refused(result)
	}
	return err
}
