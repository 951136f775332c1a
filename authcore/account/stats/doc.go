// Package stats tells administrators how the gateway fares: figures of this moment, and of the hours before.
package stats
