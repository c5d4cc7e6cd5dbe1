"""Sizes of protected messages by cipher suite: docs/domain/encrypted-messages.md no. 2,
docs/domain/ike-fragmentation.md, RFC 7296 section 3.14.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.ike.payloads import SA
from analyzer.relate.inferred.cipher_suite import (
    COMMON_SUITES,
    SKF_HEADER,
    Algorithm,
    CipherSuite,
    agreed_suite,
    algorithms_of,
    suite_of,
)
from sample_pcaps.lab import payloads
from tests.relate.captures import HOSTS, capture, only_sa

GCM, SHA1, SHA256, SHA384, SHA512 = COMMON_SUITES
TRIPLE = CipherSuite("3DES/HMAC_SHA1_96", 8, 8, 12)

#: Suite -> IKE length when empty, with one and with two notifies of 8 bytes (docs/domain/encrypted-messages.md no. 2).
SHORT = {GCM: (57, 65, 73), SHA1: (76, 76, 92), SHA256: (80, 80, 96), SHA384: (88, 88, 104), SHA512: (96, 96, 112)}
#: Suite -> IKE length of a full fragment for IP packets of 576, 1200, 1280, 1400 bytes on port 4500
#: (docs/domain/ike-fragmentation.md).
FULL = {
    GCM: (544, 1168, 1248, 1368),
    SHA256: (532, 1156, 1236, 1364),
    SHA384: (540, 1164, 1244, 1356),
    SHA1: (544, 1168, 1248, 1360),
}

SUITES = st.builds(
    CipherSuite, st.just("any"), iv=st.sampled_from((8, 16)), block=st.sampled_from((1, 8, 16)), icv=st.integers(8, 32)
)


@pytest.mark.parametrize("suite, lengths", [*SHORT.items(), (TRIPLE, (60, 68, 76))], ids=str)
def test_short_messages(suite, lengths):
    assert tuple(suite.length(content) for content in (0, 8, 16)) == lengths


@pytest.mark.parametrize("suite, lengths", FULL.items(), ids=str)
def test_full_fragments(suite, lengths):
    limits = (576 - 32, 1200 - 32, 1280 - 32, 1400 - 32)
    assert tuple(suite.length(suite.room(limit), header=SKF_HEADER) for limit in limits) == lengths


@pytest.mark.parametrize(
    "whole, fragments", [(3575, (1248, 1248, 1205)), (3534, (535, 535, 535, 535, 535, 535, 535, 220))]
)
def test_what_real_daemons_split(whole, fragments):
    """Under AES-GCM-16, 3,575 bytes: strongSwan 5.9.8 logged "splitting IKE message (3575 bytes) into 3 fragments".

    3,534 bytes: Libreswan 4.10, sent whole where fragmentation was off, and in eight where it was on.
    """
    assert GCM.content(whole) == (whole - 57, whole - 57)
    assert sum(GCM.content(length, header=SKF_HEADER)[0] for length in fragments) == whole - 57


@given(SUITES, st.integers(0, 4000), st.sampled_from((4, 8)))
def test_the_length_is_that_of_the_rfc(suite, content, header):
    """RFC 7296 section 3.14: padding, then its length in one byte; both together fill the last block."""
    padding = next(p for p in range(256) if (content + p + 1) % suite.block == 0)
    length = 28 + header + suite.iv + content + padding + 1 + suite.icv
    assert suite.length(content, header=header) == length
    least, most = suite.content(length, header=header)
    assert least <= content <= most and most - least == min(suite.block - 1, most)


@given(SUITES, st.integers(0, 4000))
def test_a_fragment_holds_as_much_as_fits(suite, limit):
    room = suite.room(limit)
    assert room == 0 or suite.length(room, header=SKF_HEADER) <= limit
    assert suite.length(room + 1, header=SKF_HEADER) > limit


@pytest.mark.parametrize(
    "words, suite",
    [
        ("aes256-sha256-modp2048", CipherSuite("AES_CBC-256/HMAC_SHA2_256_128", 16, 16, 16)),
        ("aes128-sha1-modp1024", CipherSuite("AES_CBC-128/HMAC_SHA1_96", 16, 16, 12)),
        ("aes256-sha512-ecp384", CipherSuite("AES_CBC-256/HMAC_SHA2_512_256", 16, 16, 32)),
        ("aes256-sha384-ecp384", CipherSuite("AES_CBC-256/HMAC_SHA2_384_192", 16, 16, 24)),
        ("3des-sha1-modp1024", CipherSuite("3DES/HMAC_SHA1_96", 8, 8, 12)),
        ("aes256gcm16-prfsha384-ecp384", CipherSuite("AES_GCM_16-256", 8, 1, 16)),
        ("chacha20poly1305-prfsha256-curve25519", CipherSuite("CHACHA20_POLY1305", 8, 1, 16)),
    ],
)
def test_what_the_responder_chose(words, suite):
    steps = (
        f"+0 C:500 > S:500 IKE_SA_INIT request SA(aes192-sha384-modp3072 {words})\n",
        f"+0.03 C:500 < S:500 IKE_SA_INIT response SA({words})\n",
    )
    assert only_sa(*steps).cipher_suite == suite


@pytest.mark.parametrize(
    "steps, hosts",
    [
        (("+0 C:500 > S:500 IKE_SA_INIT request\n",), HOSTS),
        (("+0 C:500 > S:500 IKE_SA_INIT request\n+0.03 C:500 < S:500 IKE_SA_INIT response N(COOKIE)\n",), HOSTS),
        (("+0 C:500 > S:500 IKE_SA_INIT request\n+0.03 C:500 < S:500 IKE_SA_INIT response\n",), HOSTS + "snaplen 80\n"),
        (("+0 C:4500 > S:4500 IKE_AUTH request 600 SK\n",), HOSTS),
        (("+0 C:500 > S:500 IKEv1 Main Mode request\n+0.1 C:500 < S:500 IKEv1 Main Mode response\n",), HOSTS),
    ],
    ids=["request only", "cookie", "cut by the capture", "starts late", "ikev1"],
)
def test_what_the_trace_does_not_show(steps, hosts):
    assert agreed_suite(capture(*steps, hosts=hosts).analysis.sas[0].messages) is None


@pytest.mark.parametrize(
    "algorithms",
    [
        (),
        (Algorithm(1, 12, 256),),  # a block cipher without integrity
        (Algorithm(1, 12, 256), Algorithm(3, 99)),  # an unknown integrity
        (Algorithm(1, 99), Algorithm(3, 2)),  # an unknown cipher
        (Algorithm(1, 32),),  # a cipher whose sizes are not known here
        (Algorithm(1, 12, 128), Algorithm(1, 12, 256), Algorithm(3, 2)),  # no choice
        (Algorithm(1, 12, 128), Algorithm(3, 2), Algorithm(3, 12)),
    ],
)
def test_no_one_suite(algorithms):
    assert suite_of(algorithms) is None


def test_integrity_none_beside_aead():
    assert suite_of((Algorithm(1, 20, 128), Algorithm(3, 0))) == CipherSuite("AES_GCM_16-128", 8, 1, 16)


WORDS = st.sampled_from(["aes256-sha256-modp2048", "3des-sha1-modp1024", "aes128gcm16-prfsha256-ke1_mlkem768-ecp256"])


@given(WORDS)
def test_the_quick_reading_is_that_of_the_parser(words):
    body = payloads.sa([words]).data
    (proposal,) = SA(b"\0\0" + (4 + len(body)).to_bytes(2, "big") + body).proposals
    expected = tuple(Algorithm(t.type, t.id, t.key_length or 0) for t in proposal.transforms)
    assert algorithms_of(body) == expected


@given(st.binary(max_size=80) | st.tuples(WORDS, st.integers(0, 60), st.integers(0, 255)))
def test_whatever_the_bytes(data):
    """Any bytes give transforms or nothing; what is given is what the parser finds in a sound payload."""
    if isinstance(data, tuple):
        words, at, value = data
        changed = bytearray(payloads.sa([words]).data)
        changed[at % len(changed)] = value
        data = bytes(changed)
    found = algorithms_of(data)
    parsed = SA(b"\0\0" + (4 + len(data)).to_bytes(2, "big") + data)
    if found and not parsed.problem and len(parsed.proposals) == 1:
        assert [(a.type, a.id) for a in found] == [(t.type, t.id) for t in parsed.proposals[0].transforms]


def test_two_proposals_are_no_choice():
    assert algorithms_of(payloads.sa(["aes256-sha256-modp2048", "3des-sha1-modp1024"]).data) == ()
