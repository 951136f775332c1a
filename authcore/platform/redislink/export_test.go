package redislink

// Bound makes a connection bounded.
var Bound = bound
