// Package house holds the rules of this repository as tests: what packages may import, what every package must say about
// itself, what no tracked file may contain, and that the files around the code (make targets, linters' exceptions,
// deployment) keep what they promise.
//
// A rule that fails names the file and what to do. A rule that is wrong is changed here, in the same commit as what it
// stood against, so that the reason is found in one place. The package has tests only.
package house
