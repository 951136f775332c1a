// Package redislink connects to the Redis that nodes share: one server, a master found through
// sentinels, or a cluster.
//
// It owns how connections are made (addresses, TLS, user, time-outs) and under which prefix keys
// stand. It owns no command: the adapters that speak to Redis do, and they are the only ones that
// import it, with caddymodule, which makes one [Link] for each set of settings.
package redislink
