package gatehousetest

import (
	"os/exec"
	"runtime"
	"sync"
)

// Spawn starts a command from one thread that never ends: Linux signals a child when the *thread* that started it has died
// (Pdeathsig), and so no process outlives the tests, however they end.
func Spawn(cmd *exec.Cmd) error {
	done := make(chan error, 1)
	spawner() <- job{cmd, done}
	return <-done
}

type job struct {
	cmd  *exec.Cmd
	done chan error
}

var spawner = sync.OnceValue(func() chan<- job {
	jobs := make(chan job)
	go func() {
		runtime.LockOSThread()
		for j := range jobs {
			j.done <- j.cmd.Start()
		}
	}()
	return jobs
})
