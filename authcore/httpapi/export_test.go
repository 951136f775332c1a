package httpapi

// Slowdown is slowdown for the tests from outside.
const Slowdown = slowdown
