// Package cursor makes the opaque text by which the next page of a list is asked for. It is signed, and good for one list of one account
// alone: who makes one up, or brings another's, learns nothing and costs no look into the database.
package cursor
