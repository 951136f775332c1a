package oidc

import "context"

// Refresh is one round of Run.
func (p *Provider) Refresh(ctx context.Context) { p.refresh(ctx) }
