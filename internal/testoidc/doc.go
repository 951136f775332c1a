// Package testoidc gives tests a real OpenID provider that is not ours: the npm package oidc-provider, as a process on loopback.
// Its version is pinned by testdata/package-lock.json, and tools/test-npm.sh brings it. Who signs in there names themselves:
// [Provider.SignIn] fills in its form. The process ends with the test binary, however that goes.
//
// Only tests import this package.
package testoidc
