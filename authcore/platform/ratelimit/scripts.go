package ratelimit

import (
	_ "embed" // the scripts

	"github.com/gatehouse-auth/gatehouse/authcore/platform/redislink"
)

var (
	//go:embed lua/clock.lua
	clockText string
	//go:embed lua/read.lua
	readText string
	//go:embed lua/take.lua
	takeText string
	//go:embed lua/giveback.lua
	giveBackText string
	//go:embed lua/beat.lua
	beatText string

	takeScript     = redislink.NewScript(clockText + readText + takeText)
	giveBackScript = redislink.NewScript(clockText + readText + giveBackText)
	beatScript     = redislink.NewScript(clockText + readText + beatText)
)
