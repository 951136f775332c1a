// Package storetest holds the promises of Store as tests. Every implementation runs them by one call of [Run].
//
// It owns no implementation and no fault that is particular to one (a full disk, a killed server): those are in the
// implementation's own tests. Only tests import it.
package storetest
