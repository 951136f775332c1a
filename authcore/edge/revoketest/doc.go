// Package revoketest is the conformance suite of [Revoker] and
// [authcore.Revocations], and of feeds that carry revocations between nodes: every implementation runs it, so that all keep the same
// promises. Only tests import it.
package revoketest
