package testsmtp

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
)

// dialog is one connection.
type dialog struct {
	*process
	conn   net.Conn
	in     *bufio.Reader
	number int

	tls       bool
	hello     string
	user      string
	mechanism string
	mail      *Mail // since MAIL
}

var errOver = errors.New("the dialog is over")

// run speaks until one side has had enough.
func (d *dialog) run() {
	defer d.conn.Close()
	if d.setup.TLS == "implicit" {
		d.encrypt()
	}
	d.in = bufio.NewReader(d.conn)
	if d.reply(Greeting, "220 mail.example.test ESMTP") != nil {
		return
	}
	for {
		line, err := d.line(512) // RFC 5321 §4.5.3.1.4
		if err != nil {
			return
		}
		if d.command(line) != nil {
			return
		}
	}
}

func (d *dialog) encrypt() {
	d.conn, d.tls = tls.Server(d.conn, d.secure), true
	d.in = bufio.NewReader(d.conn)
}

// fault notes a breach of the protocol.
func (d *dialog) fault(format string, args ...any) {
	d.say(event{Fault: fmt.Sprintf(format, args...)})
}

// line reads one line without its end, which must be CRLF.
func (d *dialog) line(most int) (string, error) {
	line, err := d.in.ReadString('\n')
	if err != nil {
		return "", err
	}
	text, ok := strings.CutSuffix(line, "\r\n")
	if !ok || strings.Contains(text, "\r") {
		d.fault("a line does not end in CRLF: %q", line)
	}
	if len(line) > most {
		d.fault("a line of %d bytes", len(line))
	}
	return text, nil
}

// reply writes what the plan wants at a stage, or else text.
func (d *dialog) reply(stage, text string) error {
	switch planned := d.turn(stage); planned {
	case Good:
		return d.write(text)
	case Hang, TakeHang:
		_, _ = d.in.WriteTo(discard{}) // until the client hangs up
		return errOver
	case Close, TakeClose:
		return errOver
	case Chatter:
		for err := error(nil); err == nil; {
			_, err = d.conn.Write(bytes.Repeat([]byte("250-and so on "), 1000))
		}
		return errOver
	default:
		if err := d.write(planned); err != nil || strings.HasPrefix(planned, "421") {
			return errOver
		}
		return errReplied
	}
}

// errReplied says that the plan's reply was given in place of the good one; the dialog goes on.
var errReplied = errors.New("replied otherwise")

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

func (d *dialog) write(text string) error {
	if d.in != nil && d.in.Buffered() > 0 {
		d.fault("the client did not wait for a reply")
	}
	_, err := d.conn.Write([]byte(text + "\r\n"))
	return err
}

func (d *dialog) command(line string) error {
	verb, rest, _ := strings.Cut(line, " ")
	var err error
	switch strings.ToUpper(verb) {
	case "EHLO":
		err = d.onHello(rest)
	case "STARTTLS":
		err = d.onStartTLS()
	case "AUTH":
		err = d.onAuth(rest)
	case "MAIL":
		err = d.onMail(rest)
	case "RCPT":
		err = d.onRcpt(rest)
	case "DATA":
		err = d.onData()
	case "RSET":
		d.mail = nil
		err = d.write("250 2.0.0 forgotten")
	case "NOOP":
		err = d.write("250 2.0.0 done")
	case "QUIT":
		_ = d.write("221 2.0.0 bye")
		return errOver
	default:
		d.fault("an unknown command: %q", line)
		err = d.write("500 5.5.1 unknown")
	}
	if errors.Is(err, errReplied) {
		return nil
	}
	return err
}

var helloName = regexp.MustCompile(`^(\[[0-9.]+\]|\[IPv6:[0-9a-f:.]+\]|[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+)$`)

func (d *dialog) onHello(name string) error {
	if !helloName.MatchString(name) {
		d.fault("EHLO %q is neither a full name nor an address literal", name)
	}
	d.hello, d.mail = name, nil
	lines := []string{"mail.example.test greets", "SIZE 10485760", "ENHANCEDSTATUSCODES"}
	if !d.setup.SevenBit {
		lines = append(lines, "8BITMIME")
	}
	if d.setup.UTF8 {
		lines = append(lines, "SMTPUTF8")
	}
	if d.setup.TLS == "starttls" && !d.tls {
		lines = append(lines, "STARTTLS")
	}
	if d.tls && len(d.setup.Mechanisms) > 0 {
		lines = append(lines, "AUTH "+strings.Join(d.setup.Mechanisms, " "))
	}
	for i, l := range lines {
		lines[i] = "250-" + l
	}
	lines[len(lines)-1] = "250 " + lines[len(lines)-1][4:]
	return d.reply(Hello, strings.Join(lines, "\r\n"))
}

func (d *dialog) onStartTLS() error {
	if d.setup.TLS != "starttls" || d.tls {
		d.fault("STARTTLS out of place")
		return d.write("503 5.5.1 not now")
	}
	if err := d.write("220 2.0.0 go on"); err != nil {
		return err
	}
	d.encrypt()
	d.hello = "" // RFC 3207 §4.2: what was said before is forgotten
	return nil
}

var (
	pathFrom = regexp.MustCompile(`^FROM:<([^<>\s]+)>((?: [A-Z0-9]+(?:=\S+)?)*)$`)
	pathTo   = regexp.MustCompile(`^TO:<([^<>\s]+)>$`)
)

func (d *dialog) onMail(rest string) error {
	path := pathFrom.FindStringSubmatch(rest)
	switch {
	case path == nil || d.hello == "" || d.mail != nil:
		d.fault("MAIL out of place or malformed: %q", rest)
		return d.write("503 5.5.1 not so")
	case len(d.setup.Mechanisms) > 0 && d.user == "":
		return d.write("530 5.7.0 sign in first")
	}
	options := strings.Fields(path[2])
	m := &Mail{From: path[1], Hello: d.hello, User: d.user, Mechanism: d.mechanism, TLS: d.tls, Connection: d.number,
		EightBit: slices.Contains(options, "BODY=8BITMIME"), UTF8: slices.Contains(options, "SMTPUTF8")}
	if m.EightBit && d.setup.SevenBit || m.UTF8 && !d.setup.UTF8 {
		d.fault("MAIL asks for what was not offered: %q", rest)
	}
	d.checkPath(m, m.From)
	if err := d.reply(From, "250 2.1.0 fine"); err != nil {
		return err
	}
	d.mail = m
	return nil
}

func (d *dialog) checkPath(m *Mail, path string) {
	if !m.UTF8 && strings.ContainsFunc(path, func(r rune) bool { return r > 0x7e }) {
		d.fault("an address beyond ASCII without SMTPUTF8")
	}
}

func (d *dialog) onRcpt(rest string) error {
	path := pathTo.FindStringSubmatch(rest)
	if path == nil || d.mail == nil || d.mail.To != "" {
		d.fault("RCPT out of place or malformed: %q", rest)
		return d.write("503 5.5.1 not so")
	}
	d.checkPath(d.mail, path[1])
	if err := d.reply(To, "250 2.1.5 fine"); err != nil {
		return err
	}
	d.mail.To = path[1]
	return nil
}

func (d *dialog) onData() error {
	if d.mail == nil || d.mail.To == "" {
		d.fault("DATA without sender and recipient")
		return d.write("503 5.5.1 not so")
	}
	if err := d.reply(Data, "354 go on"); err != nil {
		return err
	}
	for first := true; ; first = false {
		line, err := d.line(1000) // RFC 5321 §4.5.3.1.6
		if err != nil {
			return err
		}
		if first {
			switch d.turn(Content) {
			case Hang:
				_, _ = d.in.WriteTo(discard{})
				return errOver
			case Close:
				return errOver
			}
		}
		if line == "." {
			return d.onEnd()
		}
		if !d.mail.EightBit && strings.ContainsFunc(line, func(r rune) bool { return r > 0x7e }) {
			d.fault("8-bit content without BODY=8BITMIME: %q", line)
		}
		d.mail.Content = append(d.mail.Content, strings.TrimPrefix(line, ".")+"\r\n"...)
	}
}

func (d *dialog) onEnd() error {
	m := d.mail
	d.mail = nil
	d.mu.Lock()
	next, always := d.plan.Next[End], d.plan.Always[End]
	d.mu.Unlock()
	planned := always
	if len(next) > 0 {
		planned = next[0]
	}
	if planned == Good || planned == TakeClose || planned == TakeHang {
		d.say(event{Mail: m})
	}
	return d.reply(End, "250 2.0.0 taken")
}
