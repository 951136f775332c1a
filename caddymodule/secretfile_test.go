package caddymodule

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/soak"
)

// TestMakeSecrets_AtOnce: of many that make the file at once one does, and all have its secret; nothing else is left.
func TestMakeSecrets_AtOnce(t *testing.T) {
	t.Parallel()
	for range soak.N(20, 500) {
		path := filepath.Join(t.TempDir(), "data", secretFile)
		held := make([]string, 20)
		var wg sync.WaitGroup
		start := make(chan struct{})
		for i := range held {
			wg.Go(func() {
				<-start
				made, err := makeSecrets(path)
				if err != nil || len(made) != 1 {
					t.Errorf("%d secrets: %v", len(made), err)
					return
				}
				held[i] = made[0].RevealString()
			})
		}
		close(start)
		wg.Wait()
		there, err := readSecrets(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, got := range held {
			if got != there[0].RevealString() {
				t.Fatal("somebody holds a secret that the file does not")
			}
		}
		files, err := os.ReadDir(filepath.Dir(path))
		if err != nil || len(files) != 1 {
			t.Fatalf("the folder has %d files: %v", len(files), err)
		}
		if info, err := files[0].Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the file's mode is %v (%v)", info.Mode(), err)
		}
	}
}
