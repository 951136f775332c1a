package caddymodule

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

// The exit codes of a command, besides 0 and exitUsage.
const (
	exitFailed      = 1
	exitNotFound    = 3
	exitRefused     = 4 // by a rule
	exitUnavailable = 5 // the gateway or the database
)

// refusedCommand is what the running gateway refuses.
type refusedCommand struct{ problem httpauth.Problem }

func (e *refusedCommand) Error() string { return e.problem.Detail }

// fail prints err, with --json as the body of a problem, and ends the command with the code that belongs to it.
func (p *cliEnv) fail(cmd *cobra.Command, err error) error {
	problem := problemOf(err)
	code := exitCode(problem.Code)
	if p.asJSON {
		enc := json.NewEncoder(cmd.ErrOrStderr())
		enc.SetIndent("", "  ")
		if err := enc.Encode(problem); err != nil {
			return err
		}
	} else {
		fmt.Fprintln(cmd.ErrOrStderr(), "Error:", problem.Detail)
		for _, field := range slices.Sorted(maps.Keys(problem.Errors)) {
			for _, text := range problem.Errors[field] {
				fmt.Fprintf(cmd.ErrOrStderr(), "  %s: %s\n", field, text)
			}
		}
	}
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	if code == exitFailed {
		return err
	}
	return p.ends(cmd, code)
}

// problemOf returns what is told of an error. Whoever runs the gateway may see the cause of any.
func problemOf(err error) httpauth.Problem {
	var there *refusedCommand
	var here *authcore.Error
	switch {
	case errors.As(err, &there):
		return there.problem
	case errors.As(err, &here) && here.Code != authcore.Internal:
		return httpauth.ProblemOf(here)
	}
	code := authcore.CodeOf(err)
	var used *sqldb.InUseError
	if errors.As(err, &used) {
		code = authcore.Conflict
	}
	status := httpauth.Status(code)
	return httpauth.Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: err.Error(), Code: code}
}

func exitCode(code authcore.Code) int {
	switch code {
	case authcore.Internal:
		return exitFailed
	case authcore.InvalidRequest, authcore.InvalidFields:
		return exitUsage
	case authcore.NotFound:
		return exitNotFound
	case authcore.Unavailable:
		return exitUnavailable
	}
	return exitRefused
}

// ends ends a command that has printed what it found with a code that says so.
func (p *cliEnv) ends(cmd *cobra.Command, code int) error {
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	return caddycmd.WrapCommandFuncForCobra(func(caddycmd.Flags) (int, error) { return code, nil })(cmd, nil)
}
