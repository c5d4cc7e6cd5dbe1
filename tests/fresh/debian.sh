#!/bin/sh
# Make a minimal Debian 12: debian.sh FOLDER. It holds python3 and make, and knows this machine's way to the packages.
set -eu
folder=$1.new
release=bookworm
sh make/system.sh "A fresh Debian 12 is made as root, with debootstrap" debootstrap debian-archive-keyring
rm -rf "$folder"
mkdir -p "$folder"

# Where this machine gets Debian's packages from, if it is a Debian 12 itself; else debootstrap knows a place.
apt-get -qq update
# shellcheck disable=SC2016 # apt-get fills these in
sources=$(apt-get indextargets --format 'deb $(REPO_URI) $(CODENAME) $(COMPONENT)' 'Created-By: Packages' 'Origin: Debian' |
	grep -E " $release(-updates|-security)? " | sort -u) || true
mirror=$(echo "$sources" | sed -n "s/^deb \([^ ]*\) $release main$/\1/p" | head -n 1)
eval "$(apt-config shell http_proxy Acquire::http::Proxy https_proxy Acquire::https::Proxy)"
[ -z "${http_proxy:-}" ] || export http_proxy
[ -z "${https_proxy:-}" ] || export https_proxy

echo "Making a minimal Debian 12 ..."
log=$folder.log
unshare --mount debootstrap --variant=minbase --include=python3,make $release "$folder" ${mirror:+"$mirror"} >"$log" 2>&1 || {
	cat "$log" >&2
	exit 1
}
[ -z "$sources" ] || echo "$sources" >"$folder/etc/apt/sources.list"
apt-config dump | sed -n '/^Acquire::/{/IndexTargets/!p}' >"$folder/etc/apt/apt.conf.d/90machine"
for settings in /etc/apt/auth.conf /etc/apt/auth.conf.d /etc/pip.conf /etc/xdg/pip /etc/resolv.conf /etc/hosts \
	/usr/local/share/ca-certificates /etc/ssl/certs/ca-certificates.crt \
	"${PIP_CERT:-}" "${SSL_CERT_FILE:-}" "${REQUESTS_CA_BUNDLE:-}" "${CURL_CA_BUNDLE:-}" "${PIP_CONFIG_FILE:-}"; do
	[ ! -e "$settings" ] || cp -rL --parents "$settings" "$folder"
done
mv "$folder" "$1"
