#!/bin/sh
# Run a command in the clone of a fresh system: inside.sh FOLDER USER COMMAND...
# The mounts are made in a namespace of their own: they end with the command, whatever happens, and outside nobody ever
# sees them, so that removing the folder can never reach what is mounted there.
set -eu
if [ "${INSIDE:-}" != 1 ]; then
	INSIDE=1 exec unshare --mount --propagation private sh "$0" "$@"
fi
folder=$1
user=$2
shift 2
home=$(sed -n "s/^$user:.*:\(.*\):[^:]*$/\1/p" "$folder/etc/passwd")
project=/srv/ike-analyzer
mount -t proc proc "$folder/proc"
mount --rbind /dev "$folder/dev"
if [ -n "${CAPTURES:-}" ]; then
	mkdir -p "$folder/srv/shared/captures"
	mount --bind "$CAPTURES" "$folder/srv/shared/captures"
	mount -o remount,bind,ro "$folder/srv/shared/captures"
fi
exec sh tests/fresh/bare.sh "$home" chroot --userspec="$user:$user" "$folder" \
	sh -c "cd $project && exec \"\$@\"" sh "$@"
