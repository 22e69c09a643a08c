// Package chaos runs the platform's services as processes on PostgreSQL and
// Kafka, disturbs everything at once, and holds what is left against the
// promises: nothing lost, nothing twice, in order. See TestChaos.
package chaos
