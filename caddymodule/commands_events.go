package caddymodule

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"text/tabwriter"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/spf13/cobra"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/cursor"
	"github.com/gatehouse-auth/gatehouse/authcore/web/httpapi"
)

func eventsCommand() *cobra.Command {
	p := &cliEnv{}
	events := &cobra.Command{Use: "events", Short: "Lists, follows and exports what has happened"}
	p.flags(events)
	family(events)
	events.AddCommand(listEventsCommand(p), tailEventsCommand(p), exportEventsCommand(p))
	return events
}

// eventFlags are the filters as they are typed.
type eventFlags struct {
	filter eventFilter
	since  string
}

func (f *eventFlags) on(cmd *cobra.Command) {
	cmd.Flags().StringSliceVar(&f.filter.Kinds, "kind", nil, "kinds, with commas between them; session.* is all that begin so")
	cmd.Flags().StringVar(&f.filter.User, "user", "", "about this account: its id, number, e-mail address or username")
	cmd.Flags().StringVar(&f.filter.Result, "result", "", "success, failure, or the code of a failure")
	cmd.Flags().StringVar(&f.since, "since", "", "from then on: a time such as 2026-01-31T08:00:00Z, or how long ago, such as 90m or 7d")
}

// read returns the filter. Its error is one of the command line.
func (f *eventFlags) read() (eventFilter, error) {
	filter := f.filter
	if f.since == "" {
		return filter, nil
	}
	at, err := time.Parse(time.RFC3339, f.since)
	if err != nil {
		ago, bad := caddy.ParseDuration(f.since)
		if bad != nil {
			return filter, fmt.Errorf("--since is a time such as 2026-01-31T08:00:00Z, or how long ago, such as 90m or 7d")
		}
		at = time.Now().Add(-ago)
	}
	filter.Since = at
	return filter, nil
}

const eventFilterUse = "[--kind <kinds>] [--user <user>] [--result …] [--since <time>]"

func listEventsCommand(p *cliEnv) *cobra.Command {
	f, l := &eventFlags{}, eventList{}
	cmd := &cobra.Command{
		Use: "list " + eventFilterUse, Short: "Lists events, the latest first", Args: cobra.NoArgs,
		Long: "Lists events, the latest first. If there are more, the last line says how to go on. " + whichNumbered,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if l.eventFilter, err = f.read(); err != nil {
				return usageError(cmd, err)
			}
			return run(p, cmd, request[httpapi.AllEvents]{method: http.MethodPost, path: adminEventList, body: l, limit: shortLimit, do: l.read}, printEvents)
		},
	}
	f.on(cmd)
	cmd.Flags().IntVar(&l.Limit, "limit", cursor.DefaultLimit, "how many at most, 1 to 200")
	cmd.Flags().StringVar(&l.Cursor, "cursor", "", "where the list before ended")
	return cmd
}

const eventColumns = "at\tkind\tresult\taccount\tactor\taddress\n"

func printEvents(w io.Writer, list httpapi.AllEvents) {
	fmt.Fprint(w, eventColumns)
	for _, e := range list.Events {
		printEvent(w, e)
	}
	if list.Next != nil {
		fmt.Fprintf(w, "more: --cursor %s\n", *list.Next)
	}
}

func printEvent(w io.Writer, e httpapi.LoggedEvent) {
	text := func(all ...*string) string {
		for _, s := range all {
			if s != nil {
				return *s
			}
		}
		return "-"
	}
	fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", e.At.Format(time.RFC3339), e.Kind, e.Result, text(e.Account.Label, e.Account.ID), text(e.Actor.Label, e.Actor.ID, e.Actor.Via), orDash(e.IP))
}

// tailEvery is how often a running gateway is asked what has happened.
const tailEvery = time.Second

func tailEventsCommand(p *cliEnv) *cobra.Command {
	f := &eventFlags{}
	cmd := &cobra.Command{
		Use: "tail " + eventFilterUse, Short: "Prints events as they happen, on every node", Args: cobra.NoArgs,
		Long: "Prints events as they happen, on every node, until it is interrupted or the gateway ends, which is exit code 5. With --json each is an object on a line of its " +
			"own. --since does not go back: list what has happened before. " + whichNumbered,
		RunE: func(cmd *cobra.Command, _ []string) error {
			filter, err := f.read()
			if err != nil {
				return usageError(cmd, err)
			}
			cmd.SilenceUsage = true
			err = p.tail(cmd.Context(), filter, cmd.OutOrStdout())
			if errors.Is(err, errNotRunning) {
				err = authcore.Refuse(authcore.Unavailable, "No gateway runs, so nothing happens. Start it, or see what has happened by `events list`.")
			}
			return p.fail(cmd, err)
		},
	}
	f.on(cmd)
	return cmd
}

// tail prints what happens until something goes wrong.
func (p *cliEnv) tail(ctx context.Context, filter eventFilter, w io.Writer) error {
	columns, one := tabwriter.NewWriter(w, 24, 0, 2, ' ', 0), json.NewEncoder(w)
	for t := (eventTail{eventFilter: filter}); ; {
		soon, cancel := context.WithTimeout(ctx, shortLimit)
		var out followedEvents
		err := p.ask(soon, http.MethodPost, adminEventTail, t, &out)
		cancel()
		if err != nil {
			return err
		}
		for _, e := range out.Events {
			if p.asJSON {
				err = errors.Join(err, one.Encode(e))
			} else {
				printEvent(columns, e)
			}
		}
		if err = errors.Join(err, columns.Flush()); err != nil {
			return err
		}
		if t.Mark = out.Mark; out.More {
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(tailEvery):
		}
	}
}

func exportEventsCommand(p *cliEnv) *cobra.Command {
	f, asCSV := &eventFlags{}, false
	cmd := &cobra.Command{
		Use: "export [--csv] " + eventFilterUse, Short: "Writes all events that fit to the standard output", Args: cobra.NoArgs,
		Long: "Writes all events that fit to the standard output, the latest first: as one JSON object, or with --csv as a table (RFC 4180), in which a field that a spreadsheet would " +
			"take for a formula begins with an apostrophe. At most a million. " + whichNumbered,
		RunE: func(cmd *cobra.Command, _ []string) error {
			filter, err := f.read()
			if err != nil {
				return usageError(cmd, err)
			}
			cmd.SilenceUsage = true
			out := bufio.NewWriter(cmd.OutOrStdout())
			table := newEventTable(out, asCSV)
			if err = p.export(cmd.Context(), filter, table); err == nil {
				err = errors.Join(table.end(), out.Flush())
			}
			if err != nil {
				return p.fail(cmd, err)
			}
			return nil
		},
	}
	f.on(cmd)
	cmd.Flags().BoolVar(&asCSV, "csv", false, "as a table")
	return cmd
}

// export writes every page. One that the running gateway has begun is not gone on with at the database, nor the other way round.
func (p *cliEnv) export(ctx context.Context, filter eventFilter, table *eventTable) error {
	ctx, cancel := context.WithTimeout(ctx, longLimit)
	defer cancel()
	l := eventList{eventFilter: filter}
	pages := func(next func() (httpapi.AllEvents, error)) error {
		for {
			page, err := next()
			if err != nil {
				return err
			}
			if err := table.add(page.Events); err != nil || page.Next == nil {
				return err
			}
			l.Cursor = *page.Next
		}
	}
	err := pages(func() (page httpapi.AllEvents, err error) {
		return page, p.ask(ctx, http.MethodPost, adminEventExport, l, &page)
	})
	if l.Cursor != "" && errors.Is(err, errNotRunning) {
		return fmt.Errorf("the gateway has ended meanwhile: %w", authcore.ErrUnavailable)
	}
	if !errors.Is(err, errNotRunning) {
		return err
	}
	_, err = open(ctx, p, func(ctx context.Context, d *adminOps) (struct{}, error) {
		return struct{}{}, pages(func() (httpapi.AllEvents, error) { return l.export(ctx, d) })
	})
	return err
}

// eventTable writes events as one JSON object or as a table.
type eventTable struct {
	w    io.Writer
	rows *csv.Writer // nil: JSON
	n    int         // how many events are written
	head bool        // what comes before them is
}

func newEventTable(w io.Writer, asCSV bool) *eventTable {
	t := &eventTable{w: w}
	if asCSV {
		t.rows = csv.NewWriter(w)
		t.rows.UseCRLF = true
	}
	return t
}

func (t *eventTable) add(events []httpapi.LoggedEvent) (err error) {
	write := func(text string) { _, failed := io.WriteString(t.w, text); err = errors.Join(err, failed) }
	if !t.head {
		t.head = true
		if t.rows != nil {
			err = t.rows.Write(httpapi.EventTableHead())
		} else {
			write(`{"events":[`)
		}
	}
	for _, e := range events {
		if t.n++; t.rows != nil {
			err = errors.Join(err, t.rows.Write(e.TableRow()))
			continue
		}
		text, failed := json.Marshal(e)
		if err = errors.Join(err, failed); t.n > 1 {
			write(",")
		}
		write("\n" + string(text))
	}
	return err
}

// end writes what follows the last page.
func (t *eventTable) end() error {
	if t.rows != nil {
		t.rows.Flush()
		return t.rows.Error()
	}
	_, err := io.WriteString(t.w, "\n],\"next\":null}\n")
	return err
}
