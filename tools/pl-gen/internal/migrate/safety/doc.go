// Package safety says what migrations do to rows that exist and to programs
// that use the tables meanwhile: what is lost, what fails on real data, what
// keeps everybody waiting, and what is wrong with the history itself.
package safety
