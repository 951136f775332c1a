// Package ratelimittest is the conformance suite of [authcore.Limiter]: every form of one runs it, so that all count alike. Only
// tests import it.
package ratelimittest
