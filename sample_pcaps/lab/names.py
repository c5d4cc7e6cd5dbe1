"""Numbers behind the names in a ladder, typed in from the RFCs so that they can judge the analyzer's own tables.

Sources: RFC 7296 sections 3.1 to 3.10, RFC 7383, RFC 2408, docs/domain/numbers.md, docs/domain/vendor-ids.md.
"""

from __future__ import annotations

import hashlib

EXCHANGES = {
    "IKE_SA_INIT": 34,
    "IKE_AUTH": 35,
    "CREATE_CHILD_SA": 36,
    "INFORMATIONAL": 37,
    "IKE_SESSION_RESUME": 38,
    "GSA_AUTH": 39,
    "GSA_REGISTRATION": 40,
    "GSA_REKEY": 41,
    "IKE_INTERMEDIATE": 43,
    "IKE_FOLLOWUP_KE": 44,
    "IKEv1 Main Mode": 2,
    "IKEv1 Aggressive Mode": 4,
    "IKEv1 Informational": 5,
    "IKEv1 Transaction": 6,
    "IKEv1 Quick Mode": 32,
}

PAYLOADS = {
    "SA": 33,
    "KE": 34,
    "IDi": 35,
    "IDr": 36,
    "CERT": 37,
    "CERTREQ": 38,
    "AUTH": 39,
    "No": 40,
    "N": 41,
    "D": 42,
    "V": 43,
    "TSi": 44,
    "TSr": 45,
    "SK": 46,
    "CP": 47,
    "EAP": 48,
    "SKF": 53,
}

#: IKEv1 numbers of the payloads that a ladder can name (RFC 2408 section 3.1).
IKEV1_PAYLOADS = {"SA": 1, "KE": 4, "ID": 5, "CERTREQ": 7, "No": 10, "N": 11, "V": 13}

NOTIFIES = {
    "UNSUPPORTED_CRITICAL_PAYLOAD": 1,
    "INVALID_IKE_SPI": 4,
    "INVALID_MAJOR_VERSION": 5,
    "INVALID_SYNTAX": 7,
    "INVALID_MESSAGE_ID": 9,
    "INVALID_SPI": 11,
    "NO_PROPOSAL_CHOSEN": 14,
    "INVALID_KE_PAYLOAD": 17,
    "AUTHENTICATION_FAILED": 24,
    "SINGLE_PAIR_REQUIRED": 34,
    "NO_ADDITIONAL_SAS": 35,
    "INTERNAL_ADDRESS_FAILURE": 36,
    "FAILED_CP_REQUIRED": 37,
    "TS_UNACCEPTABLE": 38,
    "INVALID_SELECTORS": 39,
    "TEMPORARY_FAILURE": 43,
    "CHILD_SA_NOT_FOUND": 44,
    "STATE_NOT_FOUND": 47,
    "INITIAL_CONTACT": 16384,
    "NAT_DETECTION_SOURCE_IP": 16388,
    "NAT_DETECTION_DESTINATION_IP": 16389,
    "COOKIE": 16390,
    "HTTP_CERT_LOOKUP_SUPPORTED": 16392,
    "MOBIKE_SUPPORTED": 16396,
    "MULTIPLE_AUTH_SUPPORTED": 16404,
    "REDIRECT_SUPPORTED": 16406,
    "REDIRECT": 16407,
    "REDIRECTED_FROM": 16408,
    "TICKET_LT_OPAQUE": 16409,
    "TICKET_REQUEST": 16410,
    "TICKET_ACK": 16411,
    "TICKET_NACK": 16412,
    "TICKET_OPAQUE": 16413,
    "CHILDLESS_IKEV2_SUPPORTED": 16418,
    "QUICK_CRASH_DETECTION": 16419,
    "IKEV2_FRAGMENTATION_SUPPORTED": 16430,
    "SIGNATURE_HASH_ALGORITHMS": 16431,
    "USE_PPK": 16435,
    "INTERMEDIATE_EXCHANGE_SUPPORTED": 16438,
    "SUPPORTED_AUTH_METHODS": 16443,
}

#: Notifies below this are errors (RFC 7296 section 3.10.1).
FIRST_STATUS = 16384

#: Bytes of notify data where a ladder gives none: a cookie (1 to 64, RFC 7296 section 2.6), three hash algorithms.
DEFAULT_DATA = {16390: 20, 16413: 64, 16431: 6}

#: Vendor IDs by what they hash, or as they are; docs/domain/vendor-ids.md.
VENDOR_IDS = {
    "MS-NT5-ISAKMPOAKLEY-v9": hashlib.md5(b"MS NT5 ISAKMPOAKLEY").digest() + (9).to_bytes(4, "big"),
    "MS-Negotiation-Discovery-Capable": hashlib.md5(b"MS-Negotiation Discovery Capable").digest(),
    "Vid-Initial-Contact": hashlib.md5(b"Vid-Initial-Contact").digest(),
    "MS-KEY_MODS-2": bytes.fromhex("01528bbbc00696121849ab9a1c5b2a5100000002"),
    "FRAGMENTATION": hashlib.md5(b"FRAGMENTATION").digest(),
    "RFC-3947": hashlib.md5(b"RFC 3947").digest(),
    "strongSwan": hashlib.md5(b"strongSwan").digest(),
    "CISCO-DELETE-REASON": b"CISCO-DELETE-REASON",
    "FLEXVPN-SUPPORTED": b"FLEXVPN-SUPPORTED",
    "OpenIKED-7.4": b"OpenIKED-7.4",
}

ENCR, PRF, INTEG, KE, ADDKE1 = 1, 2, 3, 4, 6

#: Words of a proposal (strongSwan's keywords): transform type, transform ID, key length in bits (0: no attribute).
TRANSFORMS: dict[str, tuple[int, int, int]] = {
    "3des": (ENCR, 3, 0),
    **{f"aes{bits}": (ENCR, 12, bits) for bits in (128, 192, 256)},
    **{f"aes{bits}gcm16": (ENCR, 20, bits) for bits in (128, 192, 256)},
    "chacha20poly1305": (ENCR, 28, 0),
    "md5": (INTEG, 1, 0),
    "sha1": (INTEG, 2, 0),
    "aesxcbc": (INTEG, 5, 0),
    "aescmac": (INTEG, 8, 0),
    "sha256": (INTEG, 12, 0),
    "sha384": (INTEG, 13, 0),
    "sha512": (INTEG, 14, 0),
    "prfsha1": (PRF, 2, 0),
    "prfsha256": (PRF, 5, 0),
    "prfsha384": (PRF, 6, 0),
    "prfsha512": (PRF, 7, 0),
}

#: PRF that goes with an integrity algorithm when a proposal names none.
PRF_OF_INTEG = {1: 1, 2: 2, 5: 4, 8: 8, 12: 5, 13: 6, 14: 7}

#: Key exchange methods: number, bytes of key data (docs/domain/numbers.md).
GROUPS = {
    "modp768": (1, 96),
    "modp1024": (2, 128),
    "modp1536": (5, 192),
    "modp2048": (14, 256),
    "modp3072": (15, 384),
    "modp4096": (16, 512),
    "modp6144": (17, 768),
    "modp8192": (18, 1024),
    "ecp256": (19, 64),
    "ecp384": (20, 96),
    "ecp521": (21, 132),
    "curve25519": (31, 32),
    "curve448": (32, 56),
    "mlkem512": (35, 800),
    "mlkem768": (36, 1184),
    "mlkem1024": (37, 1568),
}
GROUP_LENGTHS = dict(GROUPS.values())

DEFAULT_PROPOSALS = ("aes256-sha256-modp2048",)
