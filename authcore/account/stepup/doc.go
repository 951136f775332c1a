// Package stepup owns step-ups: somebody who is signed in proves again who they are, and gets another session for it. It does not decide
// where that is asked for (access, fresh).
package stepup
