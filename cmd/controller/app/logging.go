package app

import (
	"fmt"
	"io"
	"strconv"

	"github.com/go-logr/logr"
	"github.com/go-logr/zapr"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// newLogger writes to w, which may be nil to check the settings only. A level
// that is a number n shows messages of verbosity n and below.
func newLogger(level, format string, w io.Writer) (logr.Logger, error) {
	var threshold zapcore.Level
	switch level {
	case "error":
		threshold = zapcore.ErrorLevel
	case "info":
		threshold = zapcore.InfoLevel
	case "debug":
		threshold = zapcore.DebugLevel
	default:
		n, err := strconv.ParseInt(level, 10, 8)
		if err != nil || n < 0 {
			return logr.Logger{}, fmt.Errorf("--log-level %q: must be error, info, debug or a number", level)
		}
		threshold = zapcore.Level(-n)
	}
	config := zap.NewProductionEncoderConfig()
	config.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	var encoder zapcore.Encoder
	switch format {
	case "json":
		encoder = zapcore.NewJSONEncoder(config)
	case "console":
		encoder = zapcore.NewConsoleEncoder(config)
	default:
		return logr.Logger{}, fmt.Errorf("--log-format %q: must be json or console", format)
	}
	if w == nil {
		return logr.Discard(), nil
	}
	core := zapcore.NewCore(encoder, zapcore.Lock(zapcore.AddSync(w)), threshold)
	return zapr.NewLogger(zap.New(core)), nil
}
