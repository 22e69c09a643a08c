package telemetry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/metric"
)

// A watch shows what stats returns whenever metrics are asked for: one look for
// all instruments.
type watch[T any] struct {
	meter       metric.Meter
	stats       func() T
	instruments []metric.Observable
	observe     []func(o metric.Observer, now *T)
	errs        []error
}

func (w *watch[T]) gauge(name, help string, value func(*T) int64) {
	g, err := w.meter.Int64ObservableGauge(name, metric.WithDescription(help))
	w.add(g, err, func(o metric.Observer, now *T) { o.ObserveInt64(g, value(now)) })
}

func (w *watch[T]) counter(name, help string, value func(*T) int64) {
	c, err := w.meter.Int64ObservableCounter(name, metric.WithDescription(help))
	w.add(c, err, func(o metric.Observer, now *T) { o.ObserveInt64(c, value(now)) })
}

func (w *watch[T]) gaugeSeconds(name, help string, value func(*T) time.Duration) {
	g, err := w.meter.Float64ObservableGauge(name, metric.WithUnit("s"), metric.WithDescription(help))
	w.add(g, err, func(o metric.Observer, now *T) { o.ObserveFloat64(g, value(now).Seconds()) })
}

func (w *watch[T]) add(i metric.Observable, err error, observe func(metric.Observer, *T)) {
	w.instruments, w.observe, w.errs = append(w.instruments, i), append(w.observe, observe), append(w.errs, err)
}

// start begins to watch, once all instruments are there.
func (w *watch[T]) start() error {
	if err := errors.Join(w.errs...); err != nil {
		return fmt.Errorf("create metrics: %w", err)
	}
	_, err := w.meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		now := w.stats()
		for _, observe := range w.observe {
			observe(o, &now)
		}
		return nil
	}, w.instruments...)
	return err
}
