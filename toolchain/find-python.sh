#!/bin/sh
# find-python.sh VERSION: prints the path of a Python of this version (as 3.13), from the PATH or
# from pyenv, whether pyenv selects it or not.
set -eu

version=$1

has_version() {
    found=$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || return 1
    [ "$found" = "$version" ]
}

for candidate in "python$version" python3 python \
    "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$version"*/bin/python; do
    if has_version "$candidate"; then
        "$candidate" -c 'import sys; print(sys.executable)'
        exit 0
    fi
done
exit 1
