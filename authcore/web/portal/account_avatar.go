package portal

import (
	"bytes"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/avatar"
	"github.com/gatehouse-auth/gatehouse/authcore/account/profile"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// avatarPage is where people set their picture.
type avatarPage struct {
	profile *profile.Profiles
	avatars *avatar.Avatars
}

func (p *avatarPage) routes() []page.Route {
	return []page.Route{
		{Path: "/account/avatar", For: page.SignedIn, Upload: avatar.MaxBytes, Show: p.show, Submit: p.set, Limit: authcore.LimitAvatar},
		{Path: "/account/avatar/remove", For: page.SignedIn, Show: p.show, Submit: p.remove},
	}
}

func avatarState(q *page.Request, owner authcore.Account) string {
	if owner.AvatarURL == "" {
		return q.T("avatar.state.none")
	}
	return q.T("avatar.state.set")
}

// pictureOf is the picture of an account; nil for none.
func pictureOf(q *page.Request, owner authcore.Account) *page.Picture {
	if owner.AvatarURL == "" {
		return nil
	}
	return &page.Picture{From: q.Path("/avatars/"+owner.AvatarURL) + "?s=128", Text: q.T("avatar.alt")}
}

func (p *avatarPage) show(q *page.Request) error {
	if q.Form == nil && !q.At("/account/avatar") {
		return q.Redirect(q.Path("/account/avatar"))
	}
	owner, err := p.profile.Get(q.R.Context(), q.User.AccountID)
	if err != nil {
		return err
	}
	v := page.View{Title: q.T("avatar.title"), Back: backToAccount(q), Picture: pictureOf(q, owner), Intro: []string{q.T("avatar.intro")}}
	v.Forms = []page.Form{{ID: "avatar-form", Action: q.Path("/account/avatar"), Upload: true, Button: q.T("avatar.button"), Fields: []page.Field{
		{ID: "avatar", Name: "avatar", Label: q.T("field.avatar"), Hint: q.T("field.avatar.hint"), Type: "file", Accept: "image/png,image/jpeg,image/webp,image/gif"},
	}}}
	if v.Picture != nil {
		v.Forms = append(v.Forms, page.Form{ID: "remove-form", Action: q.Path("/account/avatar/remove"), Button: q.T("avatar.remove"), Quiet: true})
	}
	return q.Show(v)
}

func (p *avatarPage) set(q *page.Request) error {
	if len(q.File) == 0 {
		return authcore.RefuseField("avatar", authcore.Required)
	}
	if _, err := p.avatars.Set(q.R.Context(), q.User.AccountID, bytes.NewReader(q.File), q.Info.Client); err != nil {
		return err
	}
	return q.Done("/account/avatar", "avatar")
}

func (p *avatarPage) remove(q *page.Request) error {
	if _, err := p.avatars.Remove(q.R.Context(), q.User.AccountID, q.Info.Client); err != nil {
		return err
	}
	return q.Done("/account/avatar", "avatar_removed")
}
