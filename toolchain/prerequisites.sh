#!/bin/sh
# Checks that this machine has what Rootwatch cannot install by itself; says all that is missing.
set -eu

here=$(dirname "$0")
problems=

missing() {
    problems="$problems
  $1
    get it: $2"
}

# at_least HAVE WANT: dotted numbers, compared part by part
at_least() {
    [ "$(printf '%s\n%s\n' "$2" "$1" | sort -t. -k1,1n -k2,2n -k3,3n | head -n 1)" = "$2" ]
}

# check NAME MINIMUM INSTALLED HOW, where INSTALLED is empty for a missing program
check() {
    if [ -z "$3" ]; then
        missing "$1 is not installed; $2 or newer is needed" "$4"
    elif ! at_least "$3" "$2"; then
        missing "$1 is $3; $2 or newer is needed" "$4"
    fi
}

version_of() {
    command -v "$1" >/dev/null 2>&1 || return 0
    "$@" 2>/dev/null | sed -n 's/^[^0-9]*\([0-9][0-9]*\.[0-9][0-9.]*\).*/\1/p' | head -n 1
}

"$here/find-python.sh" 3.13 >/dev/null || missing \
    "Python 3.13 is not installed" \
    "https://www.python.org/downloads/, or: pyenv install 3.13"
check Node.js 20.0.0 "$(version_of node --version)" "https://nodejs.org/en/download"
check npm 9.0.0 "$(version_of npm --version)" "it comes with Node.js"
check Terraform 1.10.0 "$(version_of env TF_CLI_CONFIG_FILE=/dev/null terraform version)" \
    "https://developer.hashicorp.com/terraform/install"

if [ -n "$problems" ]; then
    echo "Rootwatch needs programs that it does not find here:$problems" >&2
    exit 1
fi
