#!/bin/sh
# Install packages of the system: system.sh PURPOSE PACKAGE...
# Where that cannot be done from here, say in one line what to install; the exit status is then 1.
set -eu
purpose=$1
shift

missing=
for package; do
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
	echo "$purpose. To install it on Debian or Ubuntu: apt-get install$missing (as root)" >&2
	exit 1
fi

say() { "${PYTHON:-python3}" "$(dirname "$0")/say.py" "$@"; }

# A package may bring a daemon. It is wanted for its programs: it must start neither now ...
policy=/usr/sbin/policy-rc.d
if ! [ -e $policy ]; then
	trap 'rm -f $policy' EXIT
	trap 'exit 1' HUP INT TERM
	printf '#!/bin/sh\nexit 101\n' >$policy
	chmod +x $policy
fi
echo "Installing$missing ..."
export DEBIAN_FRONTEND=noninteractive
say apt-get -o Dpkg::Use-Pty=0 update
# shellcheck disable=SC2086 # names of packages
say apt-get -o Dpkg::Use-Pty=0 install -y --no-install-recommends $missing

# ... nor with the machine.
if [ -d /run/systemd/system ]; then
	# shellcheck disable=SC2086
	for unit in $(dpkg-query -L $missing | sed -n 's#.*/systemd/system/\([^/@]*\.service\)$#\1#p'); do
		systemctl --quiet disable "$unit" || true # "static" ones cannot be
	done
fi
