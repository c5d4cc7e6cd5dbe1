#!/bin/sh
# The README's two commands in a fresh Debian 12, as an ordinary user: without python3-venv one line that says what to
# install; with it both succeed, and the tests that need tshark are skipped.
set -eu
system=$FRESH/debian-user
rm -rf "$system"
cp -a "$FRESH/debian" "$system"
chroot "$system" useradd --create-home user
git clone --quiet . "$system/srv/ike-analyzer"
chroot "$system" chown -R user:user /srv/ike-analyzer

for target in run test; do
	status=0
	said=$(sh tests/fresh/inside.sh "$system" user make $target 2>&1) || status=$?
	echo "$said"
	if [ "$status" = 0 ] || [ "$(echo "$said" | grep -vc '^make: ')" != 1 ] ||
		! echo "$said" | grep -q 'apt-get install python.*-venv'; then
		echo "make $target without python3-venv: expected one line that says what to install, and a failure" >&2
		exit 1
	fi
done

sh tests/fresh/inside.sh "$system" root sh make/system.sh "" python3-venv
sh tests/fresh/inside.sh "$system" user make run
sh tests/fresh/inside.sh "$system" user make "${SUITE:-test}"
rm -rf "$system"
