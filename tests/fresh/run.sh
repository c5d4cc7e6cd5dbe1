#!/bin/sh
# make test-fresh: what the README promises, where nothing has been installed before. All of it, or the parts named:
#   run.sh [python-3.11] [python-3.12] [python-3.13] [debian-root] [debian-user]
# What is tested is what is committed.
set -eu
cd "$(dirname "$0")/../.."
FRESH=$PWD/build/fresh
export FRESH
CAPTURES=${IKE_ANALYZER_CAPTURES:-$(dirname "$PWD")/shared/captures}
[ -d "$CAPTURES/dev" ] || CAPTURES=
export CAPTURES
rm -rf "$FRESH"
mkdir -p "$FRESH"
[ -z "$(git status --porcelain)" ] || echo "Not committed, so not tested: $(git status --porcelain | sed 's/^...//' | tr '\n' ' ')"

summary=
passed=0
failed=0
part() { # part NAME COMMAND...
	name=$1
	shift
	echo "== $name"
	begin=$(date +%s)
	if "$@"; then
		passed=$((passed + 1)) word=passed
	else
		failed=$((failed + 1)) word=FAILED
	fi
	summary="$summary$name: $word in $(($(date +%s) - begin)) s
"
}

[ $# -gt 0 ] || set -- python-3.11 python-3.12 python-3.13 debian-root debian-user
for wanted; do
	case $wanted in
	python-*) part "$wanted" sh tests/fresh/python.sh "${wanted#python-}" ;;
	debian-*)
		[ -d "$FRESH/debian" ] || part debian sh tests/fresh/debian.sh "$FRESH/debian"
		part "$wanted" sh "tests/fresh/${wanted#debian-}.sh"
		;;
	*) echo "no such part: $wanted" >&2 && exit 2 ;;
	esac
done
rm -rf "$FRESH"
printf '%s%s passed, %s failed\n' "$summary" $passed $failed
[ $failed = 0 ]
