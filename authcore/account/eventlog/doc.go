// Package eventlog shows administrators the events of everybody: in pages, as a file, and as they happen. It reads what package audit has
// written, and changes nothing. Who is meant by an id is looked up when it is shown.
package eventlog
