#!/bin/sh
# prerequisites.sh [python]: checks the programs that Rootwatch cannot install by itself, all or
# only Python. Lists all that are missing or too old.
set -eu

here=$(dirname "$0")
problems=

problem() {
    problems="$problems
  $1
    install it: $2"
}

# at_least HAVE WANT: dotted numbers, compared part by part
at_least() {
    [ "$(printf '%s\n%s\n' "$2" "$1" | sort -t. -k1,1n -k2,2n -k3,3n | head -n 1)" = "$2" ]
}

# check NAME MINIMUM INSTALLED HOW, where INSTALLED is empty for a missing program
check() {
    if [ -z "$3" ]; then
        problem "$1: not installed, expected $2 or newer" "$4"
    elif ! at_least "$3" "$2"; then
        problem "$1: got $3, expected $2 or newer" "$4"
    fi
}

version_of() {
    command -v "$1" >/dev/null 2>&1 || return 0
    "$@" 2>/dev/null | sed -n 's/^[^0-9]*\([0-9][0-9]*\.[0-9][0-9.]*\).*/\1/p' | head -n 1
}

"$here/find-python.sh" 3.13 >/dev/null || problem \
    "Python 3.13: not installed" \
    "https://www.python.org/downloads/, or: pyenv install 3.13"
if [ "${1-}" != python ]; then
    check Node.js 20.0.0 "$(version_of node --version)" "https://nodejs.org/en/download"
    check npm 9.0.0 "$(version_of npm --version)" "it comes with Node.js"
    check Terraform 1.10.0 "$(version_of env TF_CLI_CONFIG_FILE=/dev/null terraform version)" \
        "https://developer.hashicorp.com/terraform/install"
fi

if [ -n "$problems" ]; then
    echo "Rootwatch needs programs that this machine does not have:$problems" >&2
    exit 1
fi
