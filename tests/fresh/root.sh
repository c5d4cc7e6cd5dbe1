#!/bin/sh
# The README's two commands in a fresh Debian 12, as root: make installs what is missing, and no test is skipped.
set -eu
system=$FRESH/debian-root
rm -rf "$system"
cp -a "$FRESH/debian" "$system"
git clone --quiet . "$system/srv/ike-analyzer"
sh tests/fresh/inside.sh "$system" root make run
sh tests/fresh/inside.sh "$system" root env ${CAPTURES:+IKE_ANALYZER_NO_SKIP=1} make test
rm -rf "$system"
