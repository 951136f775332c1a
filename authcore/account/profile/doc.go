// Package profile owns what people see and change of their own account: names, username and phone. Address, password,
// roles, id and what is verified are not here: each of those changes in a flow of its own with a proof of its own.
package profile
