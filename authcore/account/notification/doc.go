// Package notification lets people choose which security mails they get. Those that a thief would want to be silent about cannot be
// switched off, and whoever switches off another must have shown just now who they are; its owner is told by one that always goes out,
// which takes the choice back. Which mails there are says package notice.
package notification
