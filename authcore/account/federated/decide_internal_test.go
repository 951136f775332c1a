package federated

import "testing"

// Every combination of what the decision knows, against the rules of contract §10.1 as they are written there.
func TestDecide_EveryCombination(t *testing.T) {
	t.Parallel()
	bools := []bool{false, true}
	n := 0
	for _, connecting := range bools {
		for _, known := range []whose{nobodys, theirs, anothers} {
			for _, former := range bools {
				for _, address := range bools {
					for _, proven := range []proof{unproven, byProvider, byCode} {
						for _, own := range []owner{noOwner, ownerOurs, ownerOther, ownerOff} {
							for _, eligible := range bools {
								for _, asked := range bools {
									for _, maySign := range bools {
										s := situation{connecting, known, former, address, proven, own, eligible, asked, maySign}
										n++
										if got, want := decide(s), written(s); got != want {
											t.Errorf("%+v: %d, want %d", s, got, want)
										}
									}
								}
							}
						}
					}
				}
			}
		}
	}
	if n != 2*3*2*2*3*4*2*2*2 {
		t.Errorf("%d combinations", n)
	}
}

// written is §10.1 in its own order and words, apart from the code.
func written(s situation) verdict {
	if s.connecting { // "connecting never signs in or makes an account"
		return map[whose]verdict{nobodys: connect, theirs: already, anothers: conflict}[s.known]
	}
	if s.known != nobodys { // (i) known: that account
		return signIn
	}
	if !s.address { // No address: `email` is `missing`
		return askAddress
	}
	// §10.7: a subject that was disconnected goes by (iii).
	provenByProvider := s.proven == byProvider && !s.former
	verified := s.owner == ownerOurs // an account whose address Gatehouse itself verified has it
	if provenByProvider && verified && s.eligible {
		return connect // (ii)
	}
	if provenByProvider && s.owner == noOwner { // (iv) nobody has it: signed up as `signup` says
		if s.maySign {
			return signUp
		}
		return signUpShut
	}
	if s.proven == byCode { // (iii) proven so, (ii) or (iv), where (ii) names the account and asks
		switch s.owner {
		case ownerOurs, ownerOther:
			if s.asked {
				return connect
			}
			return askConsent
		case ownerOff:
			return refuse
		}
		if s.maySign {
			return signUp
		}
		return signUpShut
	}
	// (iii) a code goes to it, whoever has it or not; where `signup` forbids a new account nothing is sent and the answer is the same.
	if s.owner == ownerOff || s.owner == noOwner && !s.maySign {
		return sendNothing
	}
	return sendCode
}
