// Package caddymodule makes Gatehouse a set of Caddy v2 modules. It is the only package that imports Caddy (with
// cmd/gatehouse) and the only one that names the concrete stores, limiters and senders it wires together.
//
// The configuration half: [Settings] (the app `gatehouse`, global option `gatehouse`), [PortalSettings] (the handler
// and directive `gatehouse`) and [GuardSettings] (`gatehouse_guard`). Their field comments are the manual of the JSON
// form; docs/configuration.md is the manual of the Caddyfile. One table of options (option in settings_option.go)
// serves the Caddyfile parser, the checks of JSON configurations, the error texts and the tests. Checking a
// configuration creates, opens and locks nothing.
//
// Guest modules extend it: mail senders live in the namespace gatehouse.mail and implement [MailSender].
//
// It owns no rule of signing in: those are authcore's. Nothing but cmd/gatehouse and other Caddy builds imports it.
package caddymodule
