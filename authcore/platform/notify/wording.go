package notify

import (
	"embed"
	"fmt"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// Every word of a mail is in these files, in each language the same messages: a table for each kind of mail, and two for
// what all of them share. The strings are text templates over [facts]; what users have written is never part of one.
//
//go:embed wording/active.en.toml wording/active.de.toml
var wordingFiles embed.FS

var wordings = mustLoad("wording/active.en.toml", "wording/active.de.toml")

// shape is what a kind of mail shows besides its words.
type shape struct {
	code  bool // the message's code; other kinds have no use for one and show none
	cause bool // when, from where and with what device
	// security is for what package notice tells of: the link, where there is one, is "This was not me", in the same words for all.
	security bool
	link     bool // of a security mail that has a link of its own: it comes first
	sms      text // what an SMS of the kind says that carries no code; of security ones nothing need be said here
}

// text returns what an SMS of the kind says that carries no code.
func (s shape) text() text {
	if s.security {
		return alarming
	}
	return s.sms
}

// text is what an SMS without a code says. Its words are <kind>.sms.
type text int

const (
	silent   text = iota // there is none
	telling              // its words alone
	alarming             // and what to do if it was somebody else
	linking              // and the link
)

var kinds = map[authcore.MailKind]shape{
	authcore.MailVerify:            {code: true},
	authcore.MailAccountExists:     {sms: telling},
	authcore.MailReset:             {code: true, cause: true},
	authcore.MailConfirmEmail:      {code: true, cause: true},
	authcore.MailEmailInUse:        {},
	authcore.MailEmailChanged:      {cause: true, security: true},
	authcore.MailPhoneChanged:      {cause: true, security: true},
	authcore.MailUsernameChanged:   {cause: true, security: true},
	authcore.MailNotifications:     {cause: true, security: true},
	authcore.MailPasswordReset:     {cause: true, security: true},
	authcore.MailPasswordBreached:  {cause: true},
	authcore.MailPasswordRemoved:   {cause: true, security: true},
	authcore.MailNewDevice:         {cause: true, security: true},
	authcore.MailAccountLocked:     {cause: true, security: true},
	authcore.MailInvitationUsed:    {security: true},
	authcore.MailSessionRevoked:    {cause: true, security: true},
	authcore.MailAccountSecured:    {cause: true},
	authcore.MailAccountDeleted:    {cause: true},
	authcore.MailInvitation:        {sms: linking},
	authcore.MailInvitationKnown:   {sms: telling},
	authcore.MailAccountCreated:    {},
	authcore.MailTest:              {sms: telling},
	authcore.MailSignInCode:        {code: true, cause: true},
	authcore.MailSecondFactorCode:  {code: true, cause: true},
	authcore.MailFactorCode:        {code: true, cause: true},
	authcore.MailCodesGuessed:      {cause: true, security: true},
	authcore.MailProviderCode:      {code: true, cause: true},
	authcore.MailConnectionAdded:   {cause: true, security: true},
	authcore.MailConnectionRemoved: {cause: true, security: true},
	authcore.MailFactorAdded:       {cause: true, security: true},
	authcore.MailFactorRemoved:     {cause: true, security: true},
	authcore.MailMFAEnabled:        {cause: true, security: true},
	authcore.MailMFADisabled:       {cause: true, security: true},
	authcore.MailMFARequired:       {security: true},
	authcore.MailMFAReleased:       {security: true},
	authcore.MailRecoveryCodesMade: {cause: true, security: true},
	authcore.MailRecoveryCodeUsed:  {cause: true, security: true},
	authcore.MailCloneSuspected:    {cause: true, security: true},
	authcore.MailDeletionScheduled: {cause: true, security: true, link: true},
	authcore.MailAccountRestored:   {cause: true},
}

// facts is what the wording may mention.
type facts struct {
	Brand  string
	Name   string
	Expiry string
	// LinkExpiry is of the link, where the code has another.
	LinkExpiry string
}

// library holds the languages. The first is that of everybody else.
type library struct {
	bundle  *i18n.Bundle
	matcher language.Matcher
	tags    []language.Tag
}

func mustLoad(files ...string) *library {
	l := &library{bundle: i18n.NewBundle(language.English)}
	l.bundle.RegisterUnmarshalFunc("toml", toml.Unmarshal)
	for _, file := range files {
		if _, err := l.bundle.LoadMessageFileFS(wordingFiles, file); err != nil {
			panic(fmt.Errorf("reading %s: %w", file, err)) // unreachable: the files are part of the program
		}
	}
	l.tags = l.bundle.LanguageTags()
	l.matcher = language.NewMatcher(l.tags)
	return l
}

// has reports whether there is a message, in the first language and so in all.
func (l *library) has(id string) bool {
	_, err := i18n.NewLocalizer(l.bundle, l.tags[0].String()).Localize(&i18n.LocalizeConfig{MessageID: id})
	return err == nil
}

// voice speaks one language to one reader. It keeps the first error, so that a page can be filled without asking each
// time.
type voice struct {
	lang  string // BCP 47
	words *i18n.Localizer
	facts facts
	err   error
}

// voice returns the one that suits a BCP 47 tag best.
func (l *library) voice(lang string, f facts) *voice {
	_, best, _ := l.matcher.Match(language.Make(lang))
	tag := l.tags[best].String()
	return &voice{lang: tag, words: i18n.NewLocalizer(l.bundle, tag), facts: f}
}

// say returns the message with the reader's facts in it.
func (v *voice) say(id string) string {
	return v.localize(&i18n.LocalizeConfig{MessageID: id, TemplateData: v.facts})
}

// duration returns a duration in words: whole days from two on, else whole hours, else minutes, rounded down, so that no
// mail promises more than holds.
func (v *voice) duration(d time.Duration) string {
	unit, count := "minute", int(d/time.Minute)
	switch {
	case d < time.Minute:
		unit, count = "second", int(d/time.Second)
	case d%time.Hour == 0 && d >= 48*time.Hour:
		unit, count = "day", int(d/(24*time.Hour))
	case d%time.Hour == 0:
		unit, count = "hour", int(d/time.Hour)
	}
	return v.localize(&i18n.LocalizeConfig{MessageID: "duration." + unit, PluralCount: count})
}

func (v *voice) localize(c *i18n.LocalizeConfig) string {
	text, err := v.words.Localize(c)
	if err != nil && v.err == nil {
		v.err = fmt.Errorf("wording: %w", err)
	}
	return text
}
