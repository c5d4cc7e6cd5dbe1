"""The contract of each frame: its columns, their dtype, unit and meaning. Documentation and check in one.

A value that the capture cannot show is missing (``<NA>``, or ``unknown`` in a three-valued text column), never false.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Column:
    """One column: pandas dtype (as text), what it means, and the unit where it has one."""

    name: str
    dtype: str
    meaning: str
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Contract:
    """One frame: its name, the columns that identify a row, and all columns in order."""

    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.columns)


TIME = "datetime64[ns, UTC]"

PACKETS = Contract(
    "packets",
    ("frame",),
    (
        Column("frame", "int64", "frame number, 1-based, as Wireshark counts"),
        Column("time", TIME, "capture time"),
        Column("interface", "int32", "index of the capture interface"),
        Column("direction", "string", "in, out or unknown, as recorded by the capturing host"),
        Column("src", "string", "source IP address"),
        Column("dst", "string", "destination IP address"),
        Column("ip_version", "int8", "4 or 6"),
        Column("ip_id", "Int64", "IP identification (IPv6: of the fragment header, missing without one)"),
        Column("df", "boolean", "don't-fragment bit (IPv6: missing)"),
        Column("mf", "boolean", "more-fragments bit"),
        Column("fragment_offset", "int64", "offset of this fragment's data in the datagram; 0 when whole", "bytes"),
        Column("ttl", "int16", "TTL or hop limit"),
        Column("ip_length", "int64", "length of the IP packet by its own header, IP header included", "bytes"),
        Column("captured_length", "int64", "bytes of the packet in the file, link header included", "bytes"),
        Column("wire_length", "int64", "length on the wire, link header included", "bytes"),
        Column("protocol", "int16", "IP protocol number of the payload (17 UDP, 6 TCP, 1 ICMP, 58 ICMPv6)"),
        Column("sport", "Int32", "source port; missing in later fragments"),
        Column("dport", "Int32", "destination port; missing in later fragments"),
        Column("datagram", "Int64", "datagram that this packet belongs to; missing for ICMP"),
        Column("duplicate_of", "Int64", "frame of which this one is a capture duplicate"),
        Column(
            "dropped_by_host",
            "boolean",
            "the capturing host dropped this packet itself; missing where it recorded no drops",
        ),
    ),
)

DATAGRAMS = Contract(
    "datagrams",
    ("datagram",),
    (
        Column("datagram", "int64", "number of the datagram"),
        Column("frames", "object", "tuple of frame numbers, in the order of arrival"),
        Column("fragments", "int32", "distinct IP fragments seen (1: not fragmented)"),
        Column(
            "missing",
            "object",
            "tuple of (from, to) byte ranges of the IP payload not seen; to is -1 when the end is unknown",
        ),
        Column("complete", "bool", "every byte of the datagram was in the capture's packets (by their headers)"),
        Column("overlap", "bool", "fragments overlap with other bytes: an anomaly or an attack"),
        Column("first_fragment_length", "Int64", "IP length of the fragment at offset 0", "bytes"),
        Column("mtu_lower", "Int64", "lowest MTU of the sender's link that explains the first fragment", "bytes"),
        Column("mtu_upper", "Int64", "highest MTU that explains it (fragment data is cut to multiples of 8)", "bytes"),
    ),
)

MESSAGES = Contract(
    "messages",
    ("message",),
    (
        Column("message", "int64", "number of the IKE message (each SKF fragment is one), in the order of completion"),
        Column("datagram", "Int64", "datagram that carried it; missing over TCP"),
        Column("frame", "int64", "frame that completes it"),
        Column("time", TIME, "time of its first packet"),
        Column("src", "string", "source IP address"),
        Column("dst", "string", "destination IP address"),
        Column("sport", "Int32", "source port"),
        Column("dport", "Int32", "destination port"),
        Column("nat_t", "bool", "behind the non-ESP marker"),
        Column("transport", "string", "udp or tcp"),
        Column("spi_i", "string", "initiator SPI, 16 hex digits"),
        Column("spi_r", "string", "responder SPI, 16 hex digits (zeros: not chosen yet)"),
        Column("version", "int16", "version octet: major in the high nibble (0x20 is IKEv2)"),
        Column("exchange", "int16", "exchange type (34 IKE_SA_INIT, 35 IKE_AUTH ...)"),
        Column("exchange_name", "string", "its RFC name, or 'exchange N'"),
        Column("is_response", "bool", "R flag"),
        Column("is_initiator", "bool", "I flag: sent by the original initiator"),
        Column("message_id", "int64", "message ID"),
        Column("length", "int64", "length field of the IKE header", "bytes"),
        Column("payloads", "object", "tuple of clear payload types, in order; 46/53 closes it when encrypted"),
        Column("notifies", "object", "tuple of clear notify types, in order"),
        Column("vendor_ids", "object", "tuple of clear vendor IDs, hex"),
        Column("skf_number", "Int32", "fragment number of an SKF message"),
        Column("skf_total", "Int32", "total fragments of an SKF message"),
        Column("inner_payload", "Int16", "clear next-payload byte of SK/SKF: type of the first inner payload"),
        Column("clear_complete", "bool", "all clear payloads were captured and could be read"),
        Column("complete", "bool", "all IP fragments of the message were seen"),
        Column("malformed", "string", "why the bytes do not add up; empty when they do"),
        Column("digest", "string", "BLAKE2b-64 of the captured IKE bytes, hex: equal digests, equal messages"),
    ),
)

EXCHANGES = Contract(
    "exchanges",
    ("sa", "sender", "message_id", "retry"),
    (
        Column("sa", "int64", "number of the IKE SA, from 1"),
        Column("sender", "string", "initiator or responder: who sent the request"),
        Column("message_id", "int64", "message ID"),
        Column("retry", "int32", "0, or the count of the changed request after COOKIE or INVALID_KE_PAYLOAD"),
        Column("exchange", "int16", "exchange type"),
        Column("exchange_name", "string", "its RFC name"),
        Column("attempts", "int32", "times that the request was sent, capture duplicates excluded"),
        Column("times", "object", "tuple of the times of the attempts, since the epoch", "ns"),
        Column("gaps", "object", "tuple of gaps between attempts", "s"),
        Column("request_length", "Int64", "IKE length of the request; an SKF set's sum", "bytes"),
        Column(
            "request_ip_fragments",
            "Int32",
            "IP packets that the request was cut into (1: one packet), missing ones included",
        ),
        Column("request_skf_total", "Int32", "SKF fragments of the request; 0 when not SKF"),
        Column("request_complete", "boolean", "the whole request was seen"),
        Column("response_length", "Int64", "as for the request", "bytes"),
        Column("response_ip_fragments", "Int32", "as for the request"),
        Column("response_skf_total", "Int32", "as for the request"),
        Column("response_complete", "boolean", "as for the request"),
        Column("outcome", "string", "answered, unanswered, superseded, response only, open at end of capture"),
        Column("retry_reason", "string", "cookie, invalid_ke, refragmented, or empty"),
        Column("rtt", "Float64", "time from the last request before the response to the response", "s"),
    ),
)

SAS = Contract(
    "sas",
    ("sa",),
    (
        Column(
            "sa",
            "int64",
            "number of the IKE SA, from 1 in the order of appearance, as texts and plots tell it",
        ),
        Column("spi_i", "string", "initiator SPI, 16 hex digits"),
        Column("spi_r", "string", "responder SPI, missing when never chosen"),
        Column("initiator", "string", "initiator's address"),
        Column("responder", "string", "responder's address"),
        Column("ike_version", "int16", "major version"),
        Column("start", TIME, "first message"),
        Column("end", TIME, "last message"),
        Column("fragmentation_i", "string", "initiator announced IKEV2_FRAGMENTATION_SUPPORTED: yes, no, unknown"),
        Column("fragmentation_r", "string", "responder announced it: yes, no, unknown"),
        Column("nat_i", "string", "initiator behind NAT: yes, no, unknown"),
        Column("nat_r", "string", "responder behind NAT: yes, no, unknown"),
        Column("proposals", "object", "tuple of proposals offered, as text"),
        Column("chosen", "string", "proposal chosen, as text; missing when none seen"),
        Column("reached", "string", "init-sent, init-answered, auth-sent, auth-answered, established, closed; unknown"),
        Column("retransmits", "int32", "repeats of requests, capture duplicates excluded"),
        Column("unanswered_exchanges", "int32", "exchanges whose request stayed unanswered"),
        Column("esp_i_to_r", "int64", "ESP packets from initiator to responder"),
        Column("esp_r_to_i", "int64", "ESP packets from responder to initiator"),
        Column("verdict", "string", "id of the verdict"),
    ),
)

PATH_MTU = Contract(
    "path_mtu",
    ("sa", "direction"),
    (
        Column("sa", "int64", "number of the IKE SA, from 1"),
        Column("direction", "string", "initiator_to_responder or responder_to_initiator"),
        Column("lower", "Int64", "lower bound of the sender's or path MTU", "bytes"),
        Column("upper", "Int64", "upper bound", "bytes"),
        Column("evidence", "string", "what the bounds rest on"),
    ),
)

FINDINGS = Contract(
    "findings",
    ("rule", "sa"),
    (
        Column("rule", "string", "code of the rule"),
        Column("id", "string", "kebab-case name, from the catalogue"),
        Column("sa", "Int64", "number of the IKE SA; missing for the capture as a whole"),
        Column("severity", "string", "blocking, degrading, information"),
        Column("confidence", "string", "proved, strong, probable, possible, cannot-tell"),
        Column("title", "string", "one sentence"),
        Column("detail", "string", "what was seen, with sizes and times"),
        Column("frames", "object", "tuple of frame numbers that show it"),
        Column("remedies", "object", "tuple of remedies, as text"),
    ),
)

#: Every contract by the frame's name.
CONTRACTS = {c.name: c for c in (PACKETS, DATAGRAMS, MESSAGES, EXCHANGES, SAS, PATH_MTU, FINDINGS)}
