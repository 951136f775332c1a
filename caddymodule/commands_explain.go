package caddymodule

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/spf13/cobra"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/access"
)

const adminExplain = "/gatehouse/explain"

func explainRoutes() []caddy.AdminRoute {
	return []caddy.AdminRoute{{Pattern: adminExplain, Handler: operation(http.MethodPost, func(r *http.Request, _ *adminOps) (any, error) {
		var q access.Question
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
			return nil, authcore.Refuse(authcore.InvalidRequest, "The body must be a single JSON object.").Because(err)
		}
		return inquiry{running()}.explain(r.Context(), q)
	})}}
}

func explainCommand() *cobra.Command {
	p, q := &cliEnv{}, access.Question{}
	var headers []string
	cmd := &cobra.Command{
		Use: "explain <method> <url>", Short: "Says what the running gateway would do with a request, and why", Args: cobra.ExactArgs(2),
		Long: "Asks the running gateway what becomes of a request: which site takes it, which guard decides, by which line of the Caddyfile, and what " +
			"the service behind would be told of the user. Nothing is sent and nothing changes. Without --user and --token it is a request of nobody.\n\n" +
			"Exit codes: 0 the request goes on; 4 it is refused, or needs a sign-in; 5 the gateway could not decide, or does not run; 3 no such user or site.",
		RunE: func(cmd *cobra.Command, args []string) error {
			q.Method, q.URL = args[0], args[1]
			for _, h := range headers {
				name, value, ok := strings.Cut(h, ":")
				if !ok {
					return usageError(cmd, fmt.Errorf("--header %q: write it as \"Name: value\"", h))
				}
				if q.Headers == nil {
					q.Headers = map[string]string{}
				}
				q.Headers[strings.TrimSpace(name)] = strings.TrimSpace(value)
			}
			return p.explain(cmd, q)
		},
	}
	p.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&q.User, "user", "", "id, e-mail address or username of an account, as if it had signed in just now")
	f.StringVar(&q.Token, "token", "", "access token that the request carries")
	f.StringVar(&q.IP, "ip", "", "address of the client (default: 127.0.0.1)")
	f.StringArrayVar(&headers, "header", nil, "\"Name: value\" of a header; may be repeated")
	cmd.MarkFlagsMutuallyExclusive("user", "token")
	return cmd
}

func (p *cliEnv) explain(cmd *cobra.Command, q access.Question) error {
	cmd.SilenceUsage = true
	if p.asJSON {
		caddy.BufferedLog() // as in run
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), shortLimit)
	defer cancel()
	var x access.Explanation
	err := p.ask(ctx, http.MethodPost, adminExplain, q, &x)
	if errors.Is(err, errNotRunning) {
		err = authcore.Refuse(authcore.Unavailable, fmt.Sprintf("%v; start the gateway first: it is its configuration that is asked", err))
	}
	if err != nil {
		return p.fail(cmd, err)
	}
	if err := p.print(cmd.OutOrStdout(), x, func(w io.Writer) { printExplanation(w, x) }); err != nil {
		return err
	}
	switch x.Decision {
	case access.Allows:
		return nil
	case access.Unavailable:
		return p.ends(cmd, exitUnavailable)
	}
	return p.ends(cmd, exitRefused)
}

func printExplanation(w io.Writer, x access.Explanation) {
	fmt.Fprintf(w, "decision: %s\nstatus: %d\n", x.Decision, x.Status)
	for _, line := range []struct{ name, value string }{{"code", x.Code}, {"site", x.Site}, {"guard", x.Guard}, {"rule", x.Rule}} {
		if line.value != "" {
			fmt.Fprintf(w, "%s: %s\n", line.name, line.value)
		}
	}
	if x.Shadow {
		fmt.Fprintln(w, "shadow: the guard refuses nobody; the request goes on")
	}
	fmt.Fprintln(w, "steps:")
	for _, s := range x.Steps {
		fmt.Fprintf(w, "  %s\t%s\t%s\n", s.Check, s.Result, s.Detail)
	}
	if len(x.Headers) > 0 {
		fmt.Fprintln(w, "headers for the service:")
		for _, name := range slices.Sorted(maps.Keys(x.Headers)) {
			fmt.Fprintf(w, "  %s\t%s\n", name, x.Headers[name])
		}
	}
}
