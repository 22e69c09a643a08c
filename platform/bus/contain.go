package bus

import (
	"fmt"
	"runtime/debug"
)

// A PanicError is a panic that was contained. Its text leaves out the stack,
// which the router logs.
type PanicError struct {
	// Value is what was passed to panic.
	Value any
	// Stack is the stack of the goroutine that panicked.
	Stack []byte
}

// Error returns the type of the value that was passed to panic. The value
// itself may quote an event, so only errors of the Go runtime are quoted.
func (e *PanicError) Error() string {
	if err, ok := e.Value.(interface{ RuntimeError() }); ok {
		return fmt.Sprintf("panic: %v", err)
	}
	return fmt.Sprintf("panic with a value of type %T", e.Value)
}

// Unwrap returns the value that was passed to panic when it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// Contain calls f and returns its error, or a *[PanicError] when it panics.
func Contain(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	return f()
}
