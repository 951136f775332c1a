package portal

import (
	"context"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

const keysPath = consolePath + "/keys"

// SigningKey is a signing key as it is shown: nothing of it signs.
type SigningKey struct {
	KID, Algorithm string
	Use            string // bearer or cookie
	State          string // next, active or retired
	CreatedAt      time.Time
	RemoveAt       time.Time // of a retired one; else zero
}

// SigningKeys lists and rotates the signing keys.
type SigningKeys interface {
	ListKeys(ctx context.Context) ([]SigningKey, error)
	// RotateKeys signs with the next keys from now on.
	RotateKeys(ctx context.Context) error
}

// keysPage lists the signing keys, and rotates them.
type keysPage struct {
	consoleGate
	keys SigningKeys
}

func (p *keysPage) routes() []page.Route {
	return []page.Route{{Path: keysPath, For: page.Readers, Show: p.show, Submit: p.rotate, Fresh: true}}
}

func (p *keysPage) show(q *page.Request) error {
	var keys []SigningKey
	err := p.reads(q, authcore.EventAdminKeysList, func(ctx context.Context) (err error) {
		keys, err = p.keys.ListKeys(ctx)
		return err
	})
	if err != nil {
		return err
	}
	table := consoleTable{ID: "keys", Title: q.T("console.keys"), Empty: q.T("console.keys.none"),
		Head: []string{q.T("console.key.state"), q.T("console.key.use"), q.T("console.key.algorithm"), q.T("console.key.created"),
			q.T("console.key.removed"), q.T("console.key.id")}}
	for _, k := range keys {
		removed := consoleCell{Text: "–"}
		if !k.RemoveAt.IsZero() {
			removed = consoleCell{At: k.RemoveAt}
		}
		table.Rows = append(table.Rows, consoleRow{Cells: []consoleCell{{Text: q.T("console.key.state." + k.State)}, {Text: q.T("console.key.use." + k.Use)},
			{Text: k.Algorithm}, {At: k.CreatedAt}, removed, {Text: k.KID}}})
	}
	v := consoleView{View: page.View{Title: q.T("console.keys"), Intro: []string{q.T("console.keys.intro")}}, Tables: []consoleTable{table}}
	v.Forms = []page.Form{dangerForm("rotate", q.T("console.keys.rotate"), q.T("console.keys.rotate.intro"), q.T("console.keys.rotate"))}
	return showConsole(q, &v)
}

func (p *keysPage) rotate(q *page.Request) error {
	err := p.changes(q, authcore.EventAdminKeysRotate, func(ctx context.Context) error {
		return p.keys.RotateKeys(ctx)
	})
	if err != nil {
		return err
	}
	return q.Done(keysPath, "keys_rotated")
}
