package notify

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// SMS is a rendered text message.
type SMS struct {
	ID   uuid.UUID // of the row of the outbox; the same each time this SMS is tried
	To   string    // E.164
	Text string    // lines end in \n
	// Again says that an earlier try may have got through although its result was lost.
	Again bool
}

// SMSSender brings text messages out of the house.
type SMSSender interface {
	// Send returns once somebody else answers for the message, with what that provider calls it, or where it lies; "" for
	// neither. It honours ctx, may be called concurrently, and is called again later after an error, unless that wraps
	// [ErrRefused]. An error that wraps [ErrAway] keeps the messages behind this one waiting.
	Send(ctx context.Context, m SMS) (receipt string, err error)
}

// bringSMS renders an SMS and hands it to the sender.
func (n *Notifier) bringSMS(ctx context.Context, m authcore.Mail, text authcore.Message) error {
	s, err := n.renderSMS(text)
	if err != nil {
		return fmt.Errorf("rendering: %w", err)
	}
	s.ID, s.Again = m.ID, m.Attempts > 0
	_, err = n.texts.Send(ctx, s)
	return err
}

// number is E.164: at most 15 digits, of which the first is not 0.
var number = regexp.MustCompile(`^\+[1-9][0-9]{5,14}$`)

// host is what may stand behind the '@' of a text: a name or address, without a port.
var host = regexp.MustCompile(`^(?:[a-zA-Z0-9._-]{1,253}|\[[0-9a-fA-F:.]{2,45}\])$`)

func checkSMS(m authcore.Message) error {
	shape := kinds[m.Kind]
	switch {
	case !number.MatchString(m.To):
		return errors.New("recipient: it is not an E.164 number")
	case shape.code && m.Code != "":
		if !host.MatchString(m.Host) {
			return errors.New("the host is not the name of one")
		}
	case shape.text() == silent:
		return errors.New("this kind has no words for an SMS")
	}
	return nil
}

// renderSMS makes the text of a message. With a code it is the same in every language, since phones fill in by it: the code
// bound to the host that asks for it (https://github.com/WICG/sms-one-time-codes), on which alone a browser offers it.
func (n *Notifier) renderSMS(m authcore.Message) (SMS, error) {
	if err := check(m); err != nil {
		return SMS{}, err
	}
	if kinds[m.Kind].code && m.Code != "" {
		return SMS{To: m.To, Text: fmt.Sprintf("%s is your %s code.\n\n@%s #%[1]s", m.Code, n.head.Brand, m.Host)}, nil
	}
	v := wordings.voice(m.Lang, facts{Brand: n.head.Brand})
	text := n.head.Brand + ": " + v.say(string(m.Kind)+".sms")
	switch kinds[m.Kind].text() {
	case alarming:
		text += " " + v.say("mail.sms_alarm")
	case linking:
		text += "\n\n" + m.Link
	}
	return SMS{To: m.To, Text: text}, v.err
}
