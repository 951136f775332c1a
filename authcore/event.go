package authcore

import (
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// EventKind names what happened. The kinds are a closed set; pages and metrics may use them as labels.
type EventKind string

// The kinds of event.
const (
	EventRegistered        EventKind = "account.registered"
	EventVerified          EventKind = "account.verified"
	EventProfileChanged    EventKind = "account.profile_changed"
	EventDisabled          EventKind = "account.disabled"
	EventEnabled           EventKind = "account.enabled"
	EventRolesChanged      EventKind = "account.roles_changed"
	EventInvitationCreated EventKind = "invitation.created"
	EventInvitationUsed    EventKind = "invitation.used"
	EventInvitationRevoked EventKind = "invitation.revoked"
	EventSignedIn          EventKind = "session.signed_in"
	EventSignInFailed      EventKind = "session.sign_in_failed"
	EventHandedOver        EventKind = "session.handed_over"
	EventRefreshRepeated   EventKind = "session.refresh_repeated"
	EventRefreshReplayed   EventKind = "session.refresh_replayed"
	EventSignedOut         EventKind = "session.signed_out"
	EventSessionsRevoked   EventKind = "session.revoked"
	EventResetRequested    EventKind = "password.reset_requested"
	EventPasswordReset     EventKind = "password.reset"
	EventPasswordChanged   EventKind = "password.changed"
	EventPasswordBreached  EventKind = "password.breached"
	EventPasswordRemoved   EventKind = "account.password_removed"
	EventAccountLocked     EventKind = "account.locked"
	EventBlockHit          EventKind = "block.hit"
	EventBlockAdded        EventKind = "block.added"
	EventBlockRemoved      EventKind = "block.removed"
	EventTrapSprung        EventKind = "trap.sprung" // a honey trap keeps an address out
	EventAccountSecured    EventKind = "account.secured"
	EventRegistrationAgain EventKind = "account.registered_again"
	EventEmailChanged      EventKind = "account.email_changed"
	EventUsernameChanged   EventKind = "account.username_changed"
	EventPhoneChanged      EventKind = "account.phone_changed"
	EventSteppedUp         EventKind = "session.stepped_up"
	EventStepUpFailed      EventKind = "session.step_up_failed"
	EventDeletionRequested EventKind = "account.deletion_requested"
	EventCodeSent          EventKind = "code.sent"    // it went out
	EventCodeRefused       EventKind = "code.refused" // its recipient cannot be reached
	EventAccountDeleted    EventKind = "account.deleted"
	EventExported          EventKind = "account.exported"
	EventAccountRestored   EventKind = "account.restored"
	EventSessionRenamed    EventKind = "session.renamed"
	EventDeviceSeen        EventKind = "device.seen"
	EventDeviceForgotten   EventKind = "device.forgotten"
	EventConnectionAdded   EventKind = "connection.added"
	EventConnectionRemoved EventKind = "connection.removed"
	EventConnectionRefused EventKind = "connection.refused"
	EventProviderFailed    EventKind = "provider.failed"
	EventProviderLoggedOut EventKind = "provider.logged_out"
	EventFactorAdded       EventKind = "factor.added"
	EventFactorRemoved     EventKind = "factor.removed"
	EventFactorUsed        EventKind = "factor.used"
	EventFactorFailed      EventKind = "factor.failed"
	EventCloneSuspected    EventKind = "factor.clone_suspected"
	EventMFAEnabled        EventKind = "mfa.enabled"
	EventMFADisabled       EventKind = "mfa.disabled"
	EventMFARequired       EventKind = "mfa.required"
	EventMFAReleased       EventKind = "mfa.released"
	EventRecoveryCodesMade EventKind = "recovery_codes.made"
	EventRecoveryCodeUsed  EventKind = "recovery_codes.used"
	EventNotifications     EventKind = "account.notifications_changed"
	EventDeviceTrusted     EventKind = "device.trusted"
	EventCreatedByAdmin    EventKind = "account.created_by_admin"
	EventUnlocked          EventKind = "account.unlocked"
	EventEndedByAdmin      EventKind = "session.ended_by_admin"
	EventSettingChanged    EventKind = "settings.changed"
	EventSettingReset      EventKind = "settings.reset"
)

// The kinds of event that calls of the administration are: admin.<resource>.<verb>.
const (
	EventAdminBlocksList      EventKind = "admin.blocks.list"
	EventAdminBlocksGet       EventKind = "admin.blocks.get"
	EventAdminBlocksCreate    EventKind = "admin.blocks.create"
	EventAdminBlocksDelete    EventKind = "admin.blocks.delete"
	EventAdminBlocksTest      EventKind = "admin.blocks.test"
	EventAdminUsersList       EventKind = "admin.users.list"
	EventAdminUsersGet        EventKind = "admin.users.get"
	EventAdminUsersCreate     EventKind = "admin.users.create"
	EventAdminUsersSetupLink  EventKind = "admin.users.setup_link" // on the command line
	EventAdminUsersReplace    EventKind = "admin.users.replace"
	EventAdminUsersUpdate     EventKind = "admin.users.update"
	EventAdminUsersDelete     EventKind = "admin.users.delete"
	EventAdminUsersAddRole    EventKind = "admin.users.add_role"
	EventAdminUsersRemoveRole EventKind = "admin.users.remove_role"
	EventAdminUsersReset      EventKind = "admin.users.reset_password"
	EventAdminUsersVerify     EventKind = "admin.users.send_verification"
	EventAdminUsersUnlock     EventKind = "admin.users.unlock"
	EventAdminUsersRequireMFA EventKind = "admin.users.require_2fa"
	EventAdminUsersReleaseMFA EventKind = "admin.users.release_2fa"
	EventAdminSessionsList    EventKind = "admin.sessions.list"
	EventAdminSessionsDelete  EventKind = "admin.sessions.delete"
	EventAdminSessionsRevoke  EventKind = "admin.sessions.revoke"
	EventAdminFactorsList     EventKind = "admin.factors.list"
	EventAdminFactorsRemove   EventKind = "admin.factors.remove"
	EventAdminFactorsReset    EventKind = "admin.factors.reset" // of all, on the command line

	EventAdminInvitationsList   EventKind = "admin.invitations.list"
	EventAdminInvitationsGet    EventKind = "admin.invitations.get"
	EventAdminInvitationsCreate EventKind = "admin.invitations.create"
	EventAdminInvitationsResend EventKind = "admin.invitations.resend"
	EventAdminInvitationsRevoke EventKind = "admin.invitations.revoke"

	EventAdminStatsGet        EventKind = "admin.stats.get"
	EventAdminNodesList       EventKind = "admin.nodes.list"
	EventAdminEventsList      EventKind = "admin.events.list"
	EventAdminEventsExport    EventKind = "admin.events.export"
	EventAdminEventsStream    EventKind = "admin.events.stream"
	EventAdminSettingsList    EventKind = "admin.settings.list"
	EventAdminSettingsGet     EventKind = "admin.settings.get"
	EventAdminSettingsSet     EventKind = "admin.settings.set"
	EventAdminSettingsReset   EventKind = "admin.settings.reset"
	EventAdminSettingsHistory EventKind = "admin.settings.history"
	EventAdminKeysList        EventKind = "admin.signing_keys.list"
	EventAdminKeysRotate      EventKind = "admin.signing_keys.rotate"
	EventAdminExplain         EventKind = "admin.explain.ask"
	EventAdminHealthGet       EventKind = "admin.health.get"
)

// IsAdministration reports whether events of the kind are calls of the administration.
func (k EventKind) IsAdministration() bool { return strings.HasPrefix(string(k), "admin.") }

// EventKinds returns every kind of event, in the order of their names.
func EventKinds() []EventKind { return slices.Clone(eventKinds) }

var eventKinds = sortedKinds(
	EventRegistered, EventVerified, EventProfileChanged, EventDisabled, EventEnabled, EventRolesChanged,
	EventInvitationCreated, EventInvitationUsed, EventInvitationRevoked, EventSignedIn, EventSignInFailed, EventHandedOver,
	EventRefreshRepeated, EventRefreshReplayed, EventSignedOut, EventSessionsRevoked, EventResetRequested, EventPasswordReset,
	EventPasswordChanged, EventPasswordBreached, EventPasswordRemoved, EventAccountLocked, EventAccountSecured, EventRegistrationAgain, EventEmailChanged,
	EventUsernameChanged, EventPhoneChanged, EventSteppedUp, EventStepUpFailed, EventDeletionRequested, EventCodeSent, EventCodeRefused,
	EventAccountDeleted, EventExported, EventAccountRestored, EventSessionRenamed, EventDeviceSeen, EventDeviceForgotten, EventDeviceTrusted,
	EventFactorAdded, EventFactorRemoved, EventFactorUsed, EventFactorFailed, EventCloneSuspected, EventMFAEnabled, EventMFADisabled, EventRecoveryCodesMade,
	EventRecoveryCodeUsed, EventBlockHit, EventBlockAdded, EventBlockRemoved, EventTrapSprung, EventAdminBlocksList, EventAdminBlocksGet, EventAdminBlocksCreate, EventAdminBlocksDelete, EventAdminBlocksTest,
	EventNotifications, EventConnectionAdded, EventConnectionRemoved, EventConnectionRefused, EventProviderFailed, EventProviderLoggedOut,
	EventAdminStatsGet, EventAdminNodesList, EventAdminEventsList, EventAdminEventsExport, EventAdminEventsStream,
	EventSettingChanged, EventSettingReset, EventAdminSettingsList, EventAdminSettingsGet, EventAdminSettingsSet, EventAdminSettingsReset, EventAdminSettingsHistory,
	EventAdminKeysList, EventAdminKeysRotate, EventAdminUsersList, EventAdminUsersGet, EventAdminUsersCreate, EventAdminUsersSetupLink, EventAdminUsersReplace, EventAdminUsersUpdate, EventAdminUsersDelete,
	EventAdminUsersAddRole, EventAdminUsersRemoveRole, EventAdminUsersReset, EventAdminUsersVerify, EventAdminUsersUnlock,
	EventAdminUsersRequireMFA, EventAdminUsersReleaseMFA, EventMFARequired, EventMFAReleased,
	EventAdminSessionsList, EventAdminSessionsDelete, EventAdminSessionsRevoke, EventAdminFactorsList, EventAdminFactorsRemove, EventAdminFactorsReset, EventCreatedByAdmin, EventUnlocked, EventEndedByAdmin,
	EventAdminInvitationsList, EventAdminInvitationsGet, EventAdminInvitationsCreate, EventAdminInvitationsResend, EventAdminInvitationsRevoke,
	EventAdminExplain, EventAdminHealthGet,
)

func sortedKinds(kinds ...EventKind) []EventKind {
	slices.Sort(kinds)
	return kinds
}

// Event is one line of the append-only history: ids only, no names, addresses or secrets of people (what an administrator has
// changed stands in Details, and goes with the account).
type Event struct {
	ID        uuid.UUID // v7
	Kind      EventKind
	At        time.Time
	AccountID uuid.UUID // zero where unknown
	SessionID uuid.UUID // zero where there is none
	Result    string    // "success" or the failure's code
	Method    string    // how somebody signed in: "password", …
	Addr      string
	UserAgent string
	DeviceID  uuid.UUID // zero where none is known
	Host      string    // that the request came to; "" where it is not known
	// ActorID is who did it, where that is somebody else than the account's owner; Via says by what (ViaSession, ViaOperator), "" for the owner.
	ActorID uuid.UUID
	Via     string
	Details string // a JSON object; "" for none
}

// Mail is one row of the outbox. Its content is sealed, for it holds a person's address and often a live code.
type Mail struct {
	ID        uuid.UUID
	Kind      MailKind
	Channel   Channel
	AccountID uuid.UUID // whose it is: what waits for an account that is deleted is dropped; zero where there is none
	Sealed    []byte
	CreatedAt time.Time
	Attempts  int // how often sending was tried
	// Dummy is a mail to nobody, composed for the time it takes. It is stored without content and as done: it is never claimed.
	Dummy bool
}

// MailKind names a mail template.
type MailKind string

// The kinds of mail.
const (
	MailVerify            MailKind = "verify_email"
	MailAccountExists     MailKind = "account_exists"
	MailReset             MailKind = "reset_password"
	MailPasswordReset     MailKind = "password_changed"
	MailPasswordBreached  MailKind = "password_breached"
	MailPasswordRemoved   MailKind = "password_removed"
	MailSessionRevoked    MailKind = "session_revoked"
	MailNewDevice         MailKind = "new_device"
	MailAccountLocked     MailKind = "account_locked"
	MailInvitationUsed    MailKind = "invitation_used"
	MailAccountSecured    MailKind = "account_secured"
	MailConfirmEmail      MailKind = "confirm_email"
	MailEmailInUse        MailKind = "email_in_use"
	MailEmailChanged      MailKind = "email_changed"
	MailPhoneChanged      MailKind = "phone_changed"
	MailUsernameChanged   MailKind = "username_changed"
	MailNotifications     MailKind = "notifications_changed"
	MailAccountDeleted    MailKind = "account_deleted"
	MailInvitation        MailKind = "invitation"
	MailInvitationKnown   MailKind = "invitation_known"
	MailAccountCreated    MailKind = "account_created"
	MailTest              MailKind = "test" // sent by hand, never through the outbox
	MailDeletionScheduled MailKind = "deletion_scheduled"
	MailAccountRestored   MailKind = "account_restored"
	MailSignInCode        MailKind = "sign_in_code"
	MailSecondFactorCode  MailKind = "second_factor_code"
	MailFactorCode        MailKind = "factor_code"
	MailProviderCode      MailKind = "provider_code"
	MailConnectionAdded   MailKind = "connection_added"
	MailConnectionRemoved MailKind = "connection_removed"
	MailCodesGuessed      MailKind = "codes_guessed"
	MailFactorAdded       MailKind = "factor_added"
	MailFactorRemoved     MailKind = "factor_removed"
	MailMFAEnabled        MailKind = "mfa_enabled"
	MailMFADisabled       MailKind = "mfa_disabled"
	MailMFARequired       MailKind = "mfa_required"
	MailMFAReleased       MailKind = "mfa_released"
	MailRecoveryCodesMade MailKind = "recovery_codes_made"
	MailRecoveryCodeUsed  MailKind = "recovery_code_used"
	MailCloneSuspected    MailKind = "clone_suspected"
)

// Message is what a mail has to say, before it is sealed.
type Message struct {
	Kind       MailKind
	Channel    Channel   // "" is ByEmail
	AccountID  uuid.UUID // whose it is; zero where there is none
	To         string    // one normalised address, or an E.164 number
	Name       string    // how to greet; may be empty
	Code       string
	Link       string // in full
	NotMe      string // the link "This was not me" of a security mail whose Link leads elsewhere, in full
	Expiry     time.Duration
	LinkExpiry time.Duration // of the link; 0: as Expiry
	Host       string        // of the pages, without a port: phones offer the code of an SMS there alone
	Addr       string        // where the cause came from
	Device     string        // user agent in words
	At         time.Time
	Lang       string // BCP 47; "" means en
}

// Effects are the events, mails and links that belong to a change; the store writes them in the change's own transaction.
type Effects struct {
	Events        []Event
	Mails         []Mail
	SecurityLinks []SecurityLink
}

// And returns the effects of both.
func (fx Effects) And(more Effects) Effects {
	return Effects{
		Events: slices.Concat(fx.Events, more.Events), Mails: slices.Concat(fx.Mails, more.Mails),
		SecurityLinks: slices.Concat(fx.SecurityLinks, more.SecurityLinks),
	}
}
