#!/bin/sh
# Print the path of a Python: `python.sh 3.12` of that version, `python.sh` of the first that is new enough.
# A program on the path may be a stand-in that finds its Python by way of HOME: what it starts is what counts.
set -eu
accept='import sys
want = tuple(map(int, sys.argv[1].split("."))) if sys.argv[1:] else ()
if sys.version_info < (3, 11) or sys.version_info[:2] != (want or sys.version_info[:2]): sys.exit(1)
print(getattr(sys, "_base_executable", sys.executable))'

pyenv=${PYENV_ROOT:-${HOME:-}/.pyenv}
if [ $# -gt 0 ]; then
	set -- "$1" "python$1" python3 "$pyenv/versions/$1".*/bin/python
	version=$1
	shift
else
	set -- python3.13 python3.12 python3.11 python3 "$pyenv"/versions/3.1[1-9].*/bin/python
	version=
fi
for python; do
	# shellcheck disable=SC2086 # no version is no argument
	"$python" -c "$accept" $version 2>/dev/null && exit
done
exit 1
