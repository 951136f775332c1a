package redisfeed

import (
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// message is what one entry of the stream says: revocations, or none for a heartbeat.
type message struct {
	node        uuid.UUID // who sent it: another one after each start
	number      uint64    // counts the sender's messages from 1 on
	at          time.Time // when it was handed in, by the clock of all nodes
	revocations []authcore.Revocation
	// last says that the sender stops, and that the others need not wait to hear from it. It is a heartbeat
	// without a time, which nodes that do not know it take for a heartbeat.
	last bool
}

const (
	version = 1
	// perMessage bounds the revocations of one message.
	perMessage = 100

	headSize = 1 + 16 + 8 + 8 + 2
	itemSize = 16 + 16 + 8 + 8 + 8
	macSize  = len(secret.Digest{})
)

var errMessage = errors.New("malformed message")

// seal writes a message out. The MAC covers the stream's name as well, so that a message is good in
// its own stream only.
func (m message) seal(key secret.MACKey, stream string) []byte {
	b := make([]byte, 0, headSize+len(m.revocations)*itemSize+macSize)
	b = append(b, version)
	b = append(b, m.node[:]...)
	b = binary.BigEndian.AppendUint64(b, m.number)
	at := m.at.UnixMicro()
	if m.last {
		at = 0
	}
	b = binary.BigEndian.AppendUint64(b, uint64(at))
	b = binary.BigEndian.AppendUint16(b, uint16(len(m.revocations)))
	for _, r := range m.revocations {
		b = append(b, r.SessionID[:]...)
		b = append(b, r.AccountID[:]...)
		b = binary.BigEndian.AppendUint64(b, uint64(r.Epoch))
		b = binary.BigEndian.AppendUint64(b, uint64(r.RolesVersion))
		b = binary.BigEndian.AppendUint64(b, uint64(r.Until.UnixMicro()))
	}
	mac := key.MAC([]byte(stream), b)
	return append(b, mac[:]...)
}

// open checks the MAC before anything else is looked at.
func open(key secret.MACKey, stream string, b []byte) (m message, err error) {
	if len(b) < headSize+macSize || len(b) > headSize+perMessage*itemSize+macSize {
		return m, errMessage
	}
	body, mac := b[:len(b)-macSize], b[len(b)-macSize:]
	if want := key.MAC([]byte(stream), body); subtle.ConstantTimeCompare(mac, want[:]) != 1 {
		return m, errMessage
	}
	count := int(binary.BigEndian.Uint16(body[headSize-2:]))
	if body[0] != version || len(body) != headSize+count*itemSize {
		return m, errMessage
	}
	copy(m.node[:], body[1:])
	m.number = binary.BigEndian.Uint64(body[17:])
	at := int64(binary.BigEndian.Uint64(body[25:]))
	m.at, m.last = time.UnixMicro(at), at == 0 && count == 0
	for item := body[headSize:]; len(item) > 0; item = item[itemSize:] {
		r := authcore.Revocation{
			Epoch:        int64(binary.BigEndian.Uint64(item[32:])),
			RolesVersion: int64(binary.BigEndian.Uint64(item[40:])),
			Until:        time.UnixMicro(int64(binary.BigEndian.Uint64(item[48:]))),
		}
		copy(r.SessionID[:], item)
		copy(r.AccountID[:], item[16:])
		m.revocations = append(m.revocations, r)
	}
	return m, nil
}
