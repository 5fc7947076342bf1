#!/usr/bin/env bash
# A `return` inside a for-in, in a function that is called from inside another for-in, ends the caller's loop in Filebeat's
# script processor: the fields that come after it are lost without an error. In which order an event's fields come is
# random (a Go map), so the same line keeps all of them once and loses some the next time: a processor that copies fields
# and asks of each whether it is too deep lost one in six of a line with five fields. A loop without a return is right.
#
# Seen with the interpreter that Filebeat 7.17.29 is built with (its go.mod replaces github.com/dop251/goja by
# github.com/andrewkroh/goja v0.0.0-20190128172624-dd2ac4456e20); goja of 2025-06-30 has it mended.
#   for-in with a return in the callee:   "a"
#   for-in without:                       "a,b,c"
# Fails if that changes. Needs Go.
set -euo pipefail
folder=$(mktemp -d)
trap 'chmod -R u+w "$folder"; rm -rf "$folder"' EXIT
cd "$folder"
cat >main.go <<'GO'
package main

import (
	"fmt"

	"github.com/dop251/goja"
)

const script = `
function returns(value) { for (var name in value) { return true; } return false; }
function goesOn(value) { var found = false; for (var name in value) { found = true; } return found; }
function names(event, asks) { var seen = [], name; for (name in event) { seen.push(name); asks(event[name]); } return seen.join(); }
var event = {a: {deep: 1}, b: 2, c: 3};
names(event, returns) + " " + names(event, goesOn);
`

func main() {
	value, err := goja.New().RunString(script)
	if err != nil {
		panic(err)
	}
	fmt.Println(value)
}
GO
export GOFLAGS=-mod=mod
seen() {
    rm -f go.mod go.sum
    go mod init look >/dev/null 2>&1
    go mod edit "$@"
    go run .
}
filebeats=$(seen -replace=github.com/dop251/goja=github.com/andrewkroh/goja@v0.0.0-20190128172624-dd2ac4456e20 \
    -require=github.com/dlclark/regexp2@v1.11.4 -require=github.com/go-sourcemap/sourcemap@v2.1.3+incompatible \
    -require=golang.org/x/text@v0.3.8)
later=$(seen -require=github.com/dop251/goja@v0.0.0-20250630131328-58d95d85e994)
printf 'Filebeat 7.17.29: %s\nlater goja:       %s\n' "$filebeats" "$later"
[ "$filebeats" = "a a,b,c" ] && [ "$later" = "a,b,c a,b,c" ]
