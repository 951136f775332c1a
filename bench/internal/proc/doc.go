// Package proc owns the processes of a run and what the kernel tells of them: it starts and ends them, and reads processor time
// and memory from /proc. It knows Linux only, and not what the processes do.
package proc
