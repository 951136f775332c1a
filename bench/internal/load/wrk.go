package load

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Connections is how many keep-alive connections one thread of wrk holds.
const Connections = 32

// script makes wrk send one header with each request beside a browser's, and print what it counted as one line of JSON. %[1]q is
// the header's name, %[2]q its value or, with a pool, what stands before each, %[3]q the file of the pool, %[4]s the client's, %[5]q a
// body.
//
//go:embed script.lua
var script string

// Load is what one slice of wrk sends.
type Load struct {
	Host   string // host:port
	Path   string // "" is /
	Header string // name of the header that carries the credential; "" for none
	Value  string // its value; with a Pool what stands before each value of it
	Body   string // JSON to be posted; "" for a GET. Not with a Pool
	App    bool   // the client is an app: it sends what OkHttp does, in place of a browser's headers
	// Pool is a file of values, one a line, of which each request takes the next; "" sends Value alone.
	Pool string
	For  time.Duration // whole seconds
}

// Result is what wrk counted.
type Result struct {
	Requests int           `json:"requests"`
	Took     time.Duration `json:"took_ns"`
	Refused  int           `json:"refused"` // answers with a status above 399
	Broken   int           `json:"broken"`  // connections, reads and writes that failed, and answers that took over 2 s
	P50      time.Duration `json:"p50_ns"`  // corrected for coordinated omission, as wrk does
	P99      time.Duration `json:"p99_ns"`
	Wrapped  int           `json:"wrapped"` // how often the pool was used up and begun anew
}

// Rate is requests per second.
func (r Result) Rate() float64 {
	if r.Took <= 0 {
		return 0
	}
	return float64(r.Requests) / r.Took.Seconds()
}

// Wrk is an installed wrk.
type Wrk struct{ program, folder string }

// FindWrk looks for wrk in PATH. Its scripts go to folder.
func FindWrk(folder string) (*Wrk, error) {
	program, err := exec.LookPath("wrk")
	if err != nil {
		return nil, fmt.Errorf("find wrk: %w", err)
	}
	return &Wrk{program, folder}, nil
}

var release = regexp.MustCompile(`\d+\.\d+\.\d+`)

// Version is the release, such as "4.1.0".
func (w *Wrk) Version() string {
	out, _ := exec.Command(w.program, "-v").CombinedOutput() // wrk -v tells its usage as well and ends with 1
	if found := release.FindString(string(out)); found != "" {
		return found
	}
	return "unknown"
}

// Run sends a load and waits for its end.
func (w *Wrk) Run(ctx context.Context, l Load) (Result, error) {
	if l.For < time.Second || l.For%time.Second != 0 {
		return Result{}, errors.New("run wrk: a slice has to be of whole seconds")
	}
	file, headers := filepath.Join(w.folder, "load.lua"), browser
	if l.App {
		headers = app
	}
	if err := os.WriteFile(file, fmt.Appendf(nil, script, l.Header, l.Value, l.Pool, lua(headers), l.Body), 0o600); err != nil {
		return Result{}, fmt.Errorf("run wrk: %w", err)
	}
	cmd := exec.CommandContext(ctx, w.program, "-t1", fmt.Sprintf("-c%d", Connections), fmt.Sprintf("-d%ds", l.For/time.Second),
		"-s", file, "http://"+l.Host+cmp.Or(l.Path, "/"))
	cmd.Dir = w.folder
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return Result{}, ctx.Err()
	}
	if err != nil {
		return Result{}, fmt.Errorf("run wrk: %w: %s", err, out)
	}
	return parse(string(out))
}

// browser is what a browser sends with a call of a page's script. All of it is passed on: with two headers a request bare Caddy
// looks cheaper than it is.
var browser = map[string]string{
	"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
	"Accept":     "application/json, text/plain, */*", "Accept-Language": "en-GB,en;q=0.9,de;q=0.8", "Accept-Encoding": "gzip, deflate, br, zstd",
	"Referer": "https://app.example.com/items?page=2", "Cache-Control": "no-cache", "Priority": "u=1, i",
	"Sec-Ch-Ua": `"Chromium";v="142", "Not_A Brand";v="99"`, "Sec-Ch-Ua-Mobile": "?0", "Sec-Ch-Ua-Platform": `"Linux"`,
	"Sec-Fetch-Dest": "empty", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin",
}

// app is what OkHttp sends, of which most clients of dialects are made.
var app = map[string]string{"User-Agent": "okhttp/4.12.0", "Accept-Encoding": "gzip"}

// lua writes a table.
func lua(headers map[string]string) string {
	var b strings.Builder
	b.WriteString("{")
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		fmt.Fprintf(&b, "[%q] = %q, ", name, headers[name])
	}
	return b.String() + "}"
}

// mark begins the line that the script prints.
const mark = "figures: "

// parse finds the script's line in what wrk printed.
func parse(out string) (Result, error) {
	for line := range strings.Lines(out) {
		text, found := strings.CutPrefix(line, mark)
		if !found {
			continue
		}
		var counted struct {
			Requests, Refused, Broken, Wrapped *int
			Took, P50, P99                     *float64 // µs
		}
		if err := json.Unmarshal([]byte(text), &counted); err != nil {
			return Result{}, fmt.Errorf("read what wrk counted: %w", err)
		}
		c := counted
		if c.Requests == nil || c.Refused == nil || c.Broken == nil || c.Wrapped == nil || c.Took == nil || c.P50 == nil || c.P99 == nil {
			return Result{}, fmt.Errorf("read what wrk counted: something is missing in %q", line)
		}
		return Result{Requests: *c.Requests, Refused: *c.Refused, Broken: *c.Broken, Wrapped: *c.Wrapped,
			Took: micros(*c.Took), P50: micros(*c.P50), P99: micros(*c.P99)}, nil
	}
	return Result{}, fmt.Errorf("read what wrk counted: no line begins with %q: %s", mark, out)
}

func micros(n float64) time.Duration { return time.Duration(n * float64(time.Microsecond)) }
