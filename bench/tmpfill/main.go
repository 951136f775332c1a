package main

import (
	"context"
	"fmt"
	"os"
	"strconv"

	"github.com/gatehouse-auth/gatehouse/bench/internal/rig"
)

func must(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func main() {
	if len(os.Args) == 4 && os.Args[1] == rig.RoleArgument {
		must(rig.Play(os.Args[2], os.Args[3]))
		return
	}
	folder, binary, store := os.Args[1], os.Args[2], os.Args[3]
	n, _ := strconv.Atoi(os.Args[4])
	must(os.MkdirAll(folder, 0o755))
	r, err := rig.New(folder, binary)
	must(err)
	defer r.Close()
	var c *rig.Cluster
	if store == "postgres" {
		c, err = r.Cluster()
		must(err)
	}
	s, err := r.Administered(c)
	must(err)
	ctx := context.Background()
	_, err = r.Register(ctx, s, rig.Email)
	must(err)
	cookie, err := r.SignInCookie(ctx, s, rig.Email)
	must(err)
	t, err := r.SignIn(ctx, s, rig.Email)
	must(err)
	must(r.Stop(s))
	must(rig.Fill(ctx, s, c, n))
	must(os.WriteFile(folder+"/env", []byte(fmt.Sprintf("COOKIE='%s'\nBEARER='%s'\nADDR=%s\nDIR=%s\n", cookie, t.Access, s.Addr, s.Dir)), 0o600))
	fmt.Println("filled", s.Dir)
	os.Stdin.Read(make([]byte, 1))
}
