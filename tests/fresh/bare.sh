#!/bin/sh
# Run a command with nothing of this machine but its way to the packages: bare.sh HOME COMMAND...
# What goes along unnamed: pip's settings, certificates, proxies, and that this is CI; pip's cache
# does not.
set -eu
home=$1
shift
kept='CI|PIP_[A-Z_]*|[A-Z_]*CA_BUNDLE|SSL_CERT_[A-Z]*|(http|https|ftp|all|no)_proxy|(HTTP|HTTPS|FTP|ALL|NO)_PROXY'
for name in $(env | sed -nE "s/^($kept)=.*/\1/p"); do
	case $name in
	PIP_CACHE_DIR | PIP_NO_CACHE_DIR) ;;
	*) eval "set -- \"$name=\${$name-}\" \"\$@\"" ;;
	esac
done
exec env -i HOME="$home" PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
	PIP_NO_CACHE_DIR=1 "$@"
