// Package closure owns how people leave: their account is deleted with everything that is kept about them, at once or after a
// time in which a link takes it back.
//
// What belongs to an account says the store, which deletes it; who may ask for it says the caller (account/fresh).
package closure
