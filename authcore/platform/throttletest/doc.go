// Package throttletest is the conformance suite of [authcore.Limiter] and
// [authcore.Lockouts]: every form of them runs it, so that all count alike. Only tests
// import it.
package throttletest
