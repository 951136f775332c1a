package httpauth

import (
	"strings"

	"github.com/mileusna/useragent"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// ParseUserAgent reads a user agent, of which it looks at the first [authcore.MaxUserAgent] bytes. Each part is "" when it is not
// known, and whatever the sender liked otherwise.
func ParseUserAgent(text string) (browser, system, device, agent string) {
	if agent = text; len(agent) > authcore.MaxUserAgent { // the parser's time grows with the text
		agent = strings.ToValidUTF8(agent[:authcore.MaxUserAgent], "")
	}
	ua := useragent.Parse(agent)
	return ua.Name, ua.OS, deviceOf(ua), agent
}

func deviceOf(ua useragent.UserAgent) string {
	switch {
	case ua.Device != "":
		return ua.Device
	case ua.Bot:
		return "bot"
	case ua.Tablet:
		return "tablet"
	case ua.Mobile:
		return "mobile"
	case ua.Desktop:
		return "desktop"
	}
	return ""
}
