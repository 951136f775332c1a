// Package redislink connects to the Redis that nodes share: one server, a master found through
// sentinels, or a cluster.
//
// It owns how connections are made (addresses, TLS, user, time-outs), under which prefix keys stand,
// and which commands are sent: commands.go has them all, so that what a user of Redis needs to be
// allowed can be read in one file. A script that is run there names further ones. It owns no meaning:
// what a stream says and what a script counts is its users' affair, the adapters that speak to Redis
// and caddymodule, which makes one [Link] for each set of settings. Nobody else imports it, and nobody
// but it knows the client library.
package redislink
