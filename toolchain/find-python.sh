#!/bin/sh
# Prints a Python of the version named (as 3.13): on the PATH, or one of pyenv's that is not chosen.
set -eu

version=$1

is_it() {
    found=$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || return 1
    [ "$found" = "$version" ]
}

for candidate in "python$version" python3 python \
    "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$version"*/bin/python; do
    if is_it "$candidate"; then
        "$candidate" -c 'import sys; print(sys.executable)'
        exit 0
    fi
done
exit 1
