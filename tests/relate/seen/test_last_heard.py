"""When each address was last heard, by columns: against a dictionary that is filled packet by packet."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from analyzer.formats.records import Interface
from analyzer.ike.collect import Collector
from analyzer.packets.sieve import Ports
from analyzer.relate.seen.last_heard import HeardFrom, LastHeard
from tests.ike.ike_messages import message
from tests.packets.test_slow_path import ipv4, udp
from tests.properties.frames import chunk_of

HOSTS = [bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2]), bytes([203, 0, 113, 7])]
#: What is sent: IKE behind the marker, ESP, a keepalive.
SENT = [bytes(4) + message(), b"\xc0\0\0\1" + bytes(60), b"\xff"]

packets = st.tuples(
    st.sampled_from(HOSTS), st.sampled_from([500, 4500, 1024]), st.sampled_from(SENT), st.integers(0, 20)
)


@given(st.lists(packets, max_size=12))
def test_the_last_time_of_each_address_and_port(some):
    raw = []
    for src, sport, body, _ in some:
        packet = bytearray(ipv4(udp(body, sport, 4500)))
        packet[12:16] = src
        raw.append((bytes(packet), len(packet)))
    chunk = chunk_of(raw)
    chunk.time[:] = sorted(moment for *_, moment in some)
    collector = Collector(Ports())
    collector.feed(chunk, [Interface(0, 101)])
    wire = collector.finish()
    expected = {}
    for (src, sport, body, _), moment in zip(some, chunk.time.tolist(), strict=True):
        # There is no ESP on port 500 (RFC 3948 section 2).
        if sport in (500, 4500) and not (body is SENT[1] and sport == 500):
            expected[".".join(map(str, src)), sport] = moment
    heard = LastHeard(wire)
    assert dict(heard.items()) == expected
    assert len(heard) == len(expected)
    assert all(heard[ends] == moment for ends, moment in expected.items())
    assert ("10.0.0.1", 1024) not in heard and ("192.0.2.1", 500) not in heard
    on_4500 = HeardFrom(heard, 4500)
    assert set(on_4500) == {address for address, port in expected if port == 4500}
    assert bool(on_4500) is any(port == 4500 for _, port in expected)
