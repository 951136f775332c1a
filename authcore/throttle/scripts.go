package throttle

import (
	_ "embed" // the scripts

	"github.com/redis/go-redis/v9"
)

var (
	//go:embed lua/clock.lua
	clockText string
	//go:embed lua/take.lua
	takeText string
	//go:embed lua/giveback.lua
	giveBackText string
	//go:embed lua/beat.lua
	beatText string
	//go:embed lua/name.lua
	nameText string

	takeScript     = redis.NewScript(clockText + takeText)
	giveBackScript = redis.NewScript(clockText + giveBackText)
	beatScript     = redis.NewScript(clockText + beatText)
	nameScript     = redis.NewScript(clockText + nameText)
)
