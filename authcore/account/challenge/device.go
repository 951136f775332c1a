package challenge

import (
	"github.com/mileusna/useragent"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
)

// Only these names reach a mail: a user agent is whatever its sender likes, and mail is read by somebody else.
var (
	browsers = map[string]bool{
		useragent.Chrome: true, useragent.Edge: true, useragent.Firefox: true, useragent.Opera: true, useragent.OperaMini: true,
		useragent.Safari: true, useragent.Vivaldi: true, useragent.SamsungBrowser: true, useragent.InternetExplorer: true,
	}
	systems = map[string]bool{
		useragent.Android: true, useragent.ChromeOS: true, useragent.IOS: true, useragent.Linux: true, useragent.MacOS: true,
		useragent.Windows: true, useragent.FreeBSD: true,
	}
)

// Device returns the client's user agent in words that are the same in every language, as in "Firefox, Linux"; "" when it
// is no known browser.
func Device(c authcore.Client) string {
	ua := useragent.Parse(audit.UserAgent(c))
	browser, system := browsers[ua.Name], systems[ua.OS]
	switch {
	case browser && system:
		return ua.Name + ", " + ua.OS
	case browser:
		return ua.Name
	case system:
		return ua.OS
	}
	return ""
}
