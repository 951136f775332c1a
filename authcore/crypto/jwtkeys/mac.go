package jwtkeys

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"sync"
)

// macs computes the MACs of one HS256 key. What that takes is used again: a cookie that is seen for the first time costs no
// more than its hash.
type macs struct{ pool sync.Pool }

type mac struct {
	hash    hash.Hash
	sum     []byte
	text    []byte // what is MACed; a string would be copied at each call
	encoded []byte
}

func newMACs(key []byte) *macs {
	return &macs{pool: sync.Pool{New: func() any { return &mac{hash: hmac.New(sha256.New, key)} }}}
}

// of returns the MAC of signed as it stands in a token.
func (m *macs) of(signed string) string {
	c := m.pool.Get().(*mac)
	defer m.pool.Put(c)
	return string(c.encode(signed))
}

// matches reports, in a time that does not tell how much of it is right, whether segment is the MAC of signed in its one
// spelling.
func (m *macs) matches(signed, segment string) bool {
	c := m.pool.Get().(*mac)
	defer m.pool.Put(c)
	right := c.encode(signed)
	c.text = append(c.text[:0], segment...)
	return hmac.Equal(right, c.text)
}

func (c *mac) encode(signed string) []byte {
	c.hash.Reset()
	c.text = append(c.text[:0], signed...)
	c.hash.Write(c.text)
	c.sum = c.hash.Sum(c.sum[:0])
	c.encoded = base64.RawURLEncoding.AppendEncode(c.encoded[:0], c.sum)
	return c.encoded
}
