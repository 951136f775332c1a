package federated

// situation is all that decides what a provider's word leads to.
type situation struct {
	connecting bool  // somebody who is signed in asks for a connection
	known      whose // whose the person at the provider is
	former     bool  // they were disconnected before, by hand or by "This was not me"
	address    bool  // there is an address
	proven     proof // of the address
	owner      owner // of the address
	// eligible says that the owner may be connected without being asked: no other person of this provider, no administrator or auditor, and
	// no second factor.
	eligible bool
	asked    bool // the owner has said yes
	maySign  bool // somebody new may sign up by this provider
}

type whose int

const (
	nobodys whose = iota
	theirs        // of the account that asks for the connection; for a sign-in: of some account
	anothers
)

type proof int

const (
	unproven   proof = iota
	byProvider       // its word is taken
	byCode           // our own code came back
)

type owner int

const (
	noOwner    owner = iota // nobody, or who has only claimed it
	ownerOurs               // who has proven it to us
	ownerOther              // whose address a provider alone has proven
	ownerOff                // whose account is disabled
)

// verdict is what comes next.
type verdict int

const (
	signIn verdict = iota + 1
	connect
	already // it is connected with this account
	signUp
	askAddress  // a code goes to the address that they give
	sendCode    // a code goes to the address, whoever has it
	askConsent  // the account is named, and its owner asked
	conflict    // connected with another account
	refuse      // as a wrong password: the account cannot sign in
	signUpShut  // nobody new is taken
	sendNothing // as sendCode, and nobody gets one
)

// decide is the one place of the rules of contract §10.1. It knows no address and no account, so that every combination can be written down.
//
// An address never signs in, and nobody is connected by an address that the provider alone vouches for, unless the provider's word is taken
// and the account has proven that very address to us (C06, C08, C10). A connection that is asked for never signs in nor makes an account,
// and a sign-in never connects an account that is another's (C11).
func decide(s situation) verdict {
	switch {
	case s.connecting && s.known == nobodys:
		return connect
	case s.connecting && s.known == theirs:
		return already
	case s.connecting:
		return conflict
	case s.known != nobodys:
		return signIn
	case !s.address:
		return askAddress
	}
	if s.proven == byProvider && !s.former {
		switch {
		case s.owner == ownerOurs && s.eligible:
			return connect
		case s.owner == noOwner && s.maySign:
			return signUp
		case s.owner == noOwner:
			return signUpShut
		}
	}
	if s.proven == byCode {
		switch {
		case s.owner == ownerOff:
			return refuse
		case s.owner != noOwner && s.asked:
			return connect
		case s.owner != noOwner:
			return askConsent
		case s.maySign:
			return signUp
		}
		return signUpShut
	}
	if s.owner == noOwner && !s.maySign || s.owner == ownerOff {
		return sendNothing
	}
	return sendCode
}
