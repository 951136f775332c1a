package notice

import (
	"fmt"
	"slices"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// rule is what holds for a kind of security mail. All of them carry the link "This was not me".
type rule struct {
	tells    []authcore.EventKind // the events that it tells of
	optional bool                 // the owner may switch it off
}

// rules is the one table of security mails: which kind tells of which events, and which the owner may switch off.
var rules = map[authcore.MailKind]rule{
	authcore.MailPasswordReset:     {tells: []authcore.EventKind{authcore.EventPasswordChanged, authcore.EventPasswordReset}},
	authcore.MailPasswordRemoved:   {tells: []authcore.EventKind{authcore.EventPasswordRemoved}},
	authcore.MailEmailChanged:      {tells: []authcore.EventKind{authcore.EventEmailChanged}},
	authcore.MailUsernameChanged:   {tells: []authcore.EventKind{authcore.EventUsernameChanged}},
	authcore.MailNotifications:     {tells: []authcore.EventKind{authcore.EventNotifications}},
	authcore.MailPhoneChanged:      {tells: []authcore.EventKind{authcore.EventPhoneChanged}},
	authcore.MailNewDevice:         {tells: []authcore.EventKind{authcore.EventSignedIn}, optional: true},
	authcore.MailAccountLocked:     {tells: []authcore.EventKind{authcore.EventAccountLocked}, optional: true},
	authcore.MailInvitationUsed:    {tells: []authcore.EventKind{authcore.EventInvitationUsed}, optional: true},
	authcore.MailSessionRevoked:    {tells: []authcore.EventKind{authcore.EventRefreshReplayed}},
	authcore.MailConnectionAdded:   {tells: []authcore.EventKind{authcore.EventConnectionAdded}},
	authcore.MailConnectionRemoved: {tells: []authcore.EventKind{authcore.EventConnectionRemoved}},
	authcore.MailFactorAdded:       {tells: []authcore.EventKind{authcore.EventFactorAdded}},
	authcore.MailFactorRemoved:     {tells: []authcore.EventKind{authcore.EventFactorRemoved}},
	authcore.MailCodesGuessed:      {tells: []authcore.EventKind{authcore.EventFactorFailed}},
	authcore.MailMFAEnabled:        {tells: []authcore.EventKind{authcore.EventMFAEnabled}},
	authcore.MailMFADisabled:       {tells: []authcore.EventKind{authcore.EventMFADisabled}},
	authcore.MailMFARequired:       {tells: []authcore.EventKind{authcore.EventMFARequired}},
	authcore.MailMFAReleased:       {tells: []authcore.EventKind{authcore.EventMFAReleased}},
	authcore.MailRecoveryCodesMade: {tells: []authcore.EventKind{authcore.EventRecoveryCodesMade}},
	authcore.MailRecoveryCodeUsed:  {tells: []authcore.EventKind{authcore.EventRecoveryCodeUsed}},
	authcore.MailCloneSuspected:    {tells: []authcore.EventKind{authcore.EventCloneSuspected}},
	authcore.MailDeletionScheduled: {tells: []authcore.EventKind{authcore.EventDeletionRequested}},
}

// Always returns the kinds of security mail that cannot be switched off, in the order of their names.
func Always() []authcore.MailKind { return kinds(false) }

// Optional returns the kinds of security mail that the owner may switch off (Account.Muted), in the order of their names.
func Optional() []authcore.MailKind { return kinds(true) }

func kinds(optional bool) (list []authcore.MailKind) {
	for kind, r := range rules {
		if r.optional == optional {
			list = append(list, kind)
		}
	}
	slices.Sort(list)
	return list
}

// muted reports whether the owner has switched the kind off. A kind that cannot be is not, whatever stands in the account.
func (r rule) muted(n Notice) bool {
	return r.optional && slices.Contains(n.Account.Muted, string(n.Kind))
}

func ruleOf(n Notice) (rule, error) {
	r, ok := rules[n.Kind]
	if !ok || !slices.Contains(r.tells, n.Event.Kind) {
		return r, fmt.Errorf("notice: no security mail %s tells of %s", n.Kind, n.Event.Kind)
	}
	return r, nil
}
