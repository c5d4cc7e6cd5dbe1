#!/bin/sh
# Takes what a support engineer needs of one failed VPN connection: a trace, pings of growing size, the daemon's log.
#
#   sudo sh trace.sh GATEWAY [SECONDS] [INTERFACE]
#
# GATEWAY is the name or address that the client dials. It captures for SECONDS (120 unless said otherwise) and stops
# by itself; Ctrl-C stops it earlier. All is written into one new folder below this one; nothing else is changed, and
# nothing is sent anywhere. In the folder: what went to and from the gateway, DNS and ICMP, and the log of these minutes.
set -u

gateway=${1:-}
seconds=${2:-120}
interface=${3:-}

say() { printf '%s\n' "$*"; }
fail() { printf 'trace.sh: %s\n' "$*" >&2; exit 1; }

case $gateway in
'' | -*) fail "name the gateway: sudo sh trace.sh GATEWAY [SECONDS] [INTERFACE]" ;;
esac
case $seconds in
'' | *[!0-9]*) fail "SECONDS is a number, not $seconds" ;;
esac
[ "$(id -u)" -eq 0 ] || fail "only root may capture: sudo sh trace.sh $gateway"
command -v tcpdump >/dev/null || fail "tcpdump is not installed"

address=$(getent ahosts "$gateway" 2>/dev/null | awk 'NR == 1 { print $1 }')
[ -n "$address" ] || fail "$gateway has no address: the name is wrong, or DNS does not answer"
if [ -z "$interface" ]; then
    interface=$(ip route get "$address" 2>/dev/null |
        awk '{ for (i = 1; i < NF; i++) if ($i == "dev") { print $(i + 1); exit } }')
fi
[ -n "$interface" ] || fail "which interface leads to $address? Name it: sudo sh trace.sh $gateway $seconds eth0"

folder=ike-trace-$(date +%Y%m%d-%H%M%S)
mkdir -m 700 "$folder" || fail "cannot write here"
began=$(date +%s)

# The address, never the port: later IP fragments carry no port (RFC 791).
tcpdump -ni "$interface" -s 0 -U -w - "host $address or icmp or icmp6 or (ip6 proto 44) or port 53" \
    >"$folder/trace.pcap" 2>"$folder/tcpdump.txt" &
capture=$!
stopped=
trap 'stopped=yes' INT TERM
sleep 1
kill -0 "$capture" 2>/dev/null || fail "tcpdump ended: $(cat "$folder/tcpdump.txt")"

say "Capturing on $interface. Dial now; after the error wait 10 seconds (Ctrl-C stops earlier than $seconds s)."

{
    date -u
    uname -a
    ip address show
    ip route get "$address"
} >"$folder/system.txt" 2>&1

# Pings that no router may cut: the largest that is answered tells the path MTU. Two of each, since one may be lost.
case $address in
*:*) version=-6 headers=48 ;;
*) version=-4 headers=28 ;;
esac
for size in 1500 1492 1480 1460 1440 1420 1400 1360 1280 576; do
    [ -z "$stopped" ] || break
    say "IP packets of $size bytes:"
    ping "$version" -n -c 2 -i 0.5 -W 1 -M "do" -s $((size - headers)) "$address"
done >"$folder/pings.txt" 2>&1
if [ -z "$stopped" ] && command -v tracepath >/dev/null && command -v timeout >/dev/null; then
    timeout 20 tracepath "$version" -n "$address" >"$folder/tracepath.txt" 2>&1
fi

while [ -z "$stopped" ] && [ $(($(date +%s) - began)) -lt "$seconds" ]; do
    sleep 1
done

kill -TERM "$capture" 2>/dev/null
wait "$capture"
trap - INT TERM

if command -v journalctl >/dev/null; then
    journalctl --no-pager --since "@$began" -u strongswan -u strongswan-starter -u ipsec -u NetworkManager \
        >"$folder/log.txt" 2>&1
fi

say "Done. Send the folder $folder as it is:"
say "  tar czf $folder.tar.gz $folder"
say "Or look yourself:"
say "  ike-analyzer analyze $folder/trace.pcap"
