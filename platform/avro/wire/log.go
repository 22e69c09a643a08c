package wire

import "log/slog"

// Redacted stands in logs where personal data would.
const Redacted = "[redacted]"

// LogPointer returns what p points at for a log, or nil; a pointer itself
// would be logged as an address.
func LogPointer[T any](p *T) slog.Value {
	if p == nil {
		return slog.AnyValue(nil)
	}
	return slog.AnyValue(*p)
}
