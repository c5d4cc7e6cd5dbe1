"""Numbers of the protocols around IKE and sizes of their headers in bytes, each in this one place."""

from __future__ import annotations

#: UDP ports: of IKE (RFC 7296 section 2), of IKE and ESP behind a NAT (RFC 3948; in TCP: RFC 9329), of DNS.
IKE_PORT, NAT_T_PORT, DNS_PORT = 500, 4500, 53

#: Protocol numbers of IP (https://www.iana.org/assignments/protocol-numbers).
ICMP, TCP, UDP, IPV6_FRAGMENT, ESP, AH, ICMPV6 = 1, 6, 17, 44, 50, 51, 58

#: Headers of IP without options (RFC 791 section 3.1, RFC 8200 sections 3 and 4.5).
IPV4_HEADER, IPV6_HEADER, IPV6_FRAGMENT_HEADER = 20, 40, 8
#: RFC 768, RFC 9293 section 3.1 (without options), RFC 792.
UDP_HEADER, TCP_HEADER, ICMP_HEADER = 8, 20, 8
#: SPI and sequence number (RFC 4303 section 2).
ESP_HEADER = 8
#: RFC 7296 section 3.1; the four zero bytes in front of it on UDP 4500 (RFC 3948 section 2.2).
IKE_HEADER, NON_ESP_MARKER = 28, 4
