// Package e2e tests the platform from outside: it builds the real binaries,
// runs them as processes, talks to them as clients do, and kills them.
//
// Every run prints its seed; PL_E2E_SEED=<seed> replays the choices of one.
package e2e
