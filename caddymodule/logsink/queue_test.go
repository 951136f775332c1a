package logsink

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// stuckSink takes nothing until it is let go.
type stuckSink struct {
	free chan struct{}
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *stuckSink) Write(b []byte) (int, error) {
	<-s.free
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *stuckSink) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// TestLines_StuckLog: whoever writes a line to a log that takes none goes on at once. The lines that there is room for come in
// their order when it takes them, and then a word on the others.
func TestLines_StuckLog(t *testing.T) {
	t.Parallel()
	sink, q := &stuckSink{free: make(chan struct{})}, newLineQueue(10)
	log := zap.New(queuedCore{zapcore.NewCore(zapcore.NewJSONEncoder(zapcore.EncoderConfig{MessageKey: "msg", LevelKey: "level", EncodeLevel: zapcore.LowercaseLevelEncoder}),
		zapcore.AddSync(sink), zapcore.InfoLevel), q}).With(zap.String("component", "x"))
	began := time.Now()
	for i := range 100 {
		log.Info(fmt.Sprintf("line %02d", i), zap.Int("n", i))
		log.Debug("not at this level")
	}
	q.flush(10 * time.Millisecond)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("whoever writes waits: %s", took)
	}
	close(sink.free)
	q.flush(10 * time.Second)
	log.Info("line after")
	q.flush(10 * time.Second)
	lines := strings.Split(strings.TrimSpace(sink.String()), "\n")
	for i, line := range lines[:10] {
		if want := fmt.Sprintf(`{"level":"info","msg":"line %02d","component":"x","n":%d}`, i, i); line != want {
			t.Errorf("line %d is %s", i, line)
		}
	}
	if n := strings.Count(sink.String(), "some are lost"); n != 1 || strings.Contains(sink.String(), "not at this level") || lines[len(lines)-1] != `{"level":"info","msg":"line after","component":"x"}` {
		t.Errorf("the log is\n%s", sink.String())
	}
}
