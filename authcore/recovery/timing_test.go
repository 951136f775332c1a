package recovery_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/challenge"
	"github.com/gatehouse-auth/gatehouse/authcore/enrol"
	"github.com/gatehouse-auth/gatehouse/authcore/notify"
	"github.com/gatehouse-auth/gatehouse/authcore/recovery"
	"github.com/gatehouse-auth/gatehouse/authcore/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/throttle"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)
