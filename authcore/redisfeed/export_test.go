package redisfeed

import (
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/secret"
)

// Handle does what an entry of the stream says, as if it had been read.
func (f *Feed) Handle(entry []byte) { f.handle(entry) }

// Seal writes out a message of a node.
func Seal(key secret.MACKey, stream string, node uuid.UUID, number uint64, at time.Time, rs ...authcore.Revocation) []byte {
	return message{node: node, number: number, at: at, revocations: rs}.seal(key, stream)
}

// Reseal opens an entry and writes out what it says.
func Reseal(key secret.MACKey, stream string, entry []byte) (again []byte, revocations int, ok bool) {
	m, err := open(key, stream, entry)
	if err != nil {
		return nil, len(m.revocations), false
	}
	return m.seal(key, stream), len(m.revocations), true
}
