package door

// Buckets returns how many callers a limiter remembers.
func Buckets(l *Limiter) int { return len(l.buckets) }
