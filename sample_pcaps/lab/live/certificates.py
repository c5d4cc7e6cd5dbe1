"""Keys and certificates, made on the fly with ``pki``: a root, and for each end an issuer and a certificate.

The issuer is sent along with the end's own certificate, so that an RSA-4096 chain makes IKE_AUTH larger than 3 kB. Each
end has its own issuer: strongSwan asks for every issuer that it knows, and a peer does not send what is known already.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sample_pcaps.lab.live.shell import LabError, run

CLIENT_ID, SERVER_ID = "client.example.com", "vpn.example.com"
#: key type -> bits; ``other`` is a second tree that the first one's ends do not trust, and the server's certificate in
#: ``listed`` names a revocation list.
KINDS = {
    "ecdsa": ("ecdsa", 256),
    "rsa2048": ("rsa", 2048),
    "rsa4096": ("rsa", 4096),
    "other": ("ecdsa", 256),
    "listed": ("ecdsa", 256),
}
#: Nobody is there.
REVOCATION_LIST = "http://203.0.113.80/revoked.crl"
_NAME = "C=CH, O=Example, CN={}"


@dataclass(frozen=True, slots=True)
class Tree:
    """Where the files of one tree are: ``root.pem``, ``client.pem``, ``client-issuer.pem``, ``client.key.pem`` ..."""

    folder: Path

    def certificate(self, owner: str) -> Path:
        """Path of the certificate of ``root``, ``client``, ``client-issuer``, ``server`` or ``server-issuer``.

        >>> Tree(Path("keys/ecdsa")).certificate("client").name
        'client.pem'
        """
        return self.folder / f"{owner}.pem"

    def key(self, owner: str) -> Path:
        """Path of the private key.

        >>> Tree(Path("keys/ecdsa")).key("client").name
        'client.key.pem'
        """
        return self.folder / f"{owner}.key.pem"


def make(kind: str, folder: Path) -> Tree:
    """Make a tree, unless it is there already.

    Parameters
    ----------
    kind : str
        One of :data:`KINDS`.
    folder : Path
        Folder that holds the trees, one folder each.

    Returns
    -------
    Tree
    """
    if kind not in KINDS:
        raise LabError(f"no such kind of keys: {kind}; there are {', '.join(KINDS)}")
    tree = Tree(folder / kind)
    if tree.certificate("server").exists():
        return tree
    tree.folder.mkdir(parents=True, exist_ok=True)
    key_type, bits = KINDS[kind]
    for owner in ("root", "client-issuer", "server-issuer", "client", "server"):
        _write(tree.key(owner), "--gen", "--type", key_type, "--size", str(bits))
    _write(
        tree.certificate("root"),
        *("--self", "--ca", "--in", str(tree.key("root")), "--dn", _NAME.format(f"Example {kind} root")),
    )
    _issue(tree, "client-issuer", "root", "Example devices", "--ca")
    _issue(tree, "server-issuer", "root", "Example servers", "--ca")
    _issue(tree, "client", "client-issuer", CLIENT_ID, "--san", CLIENT_ID, "--flag", "clientAuth")
    listed = ("--crl", REVOCATION_LIST) if kind == "listed" else ()
    _issue(tree, "server", "server-issuer", SERVER_ID, "--san", SERVER_ID, "--flag", "serverAuth", *listed)
    return tree


def _issue(tree: Tree, owner: str, issuer: str, name: str, *options: str) -> None:
    _write(
        tree.certificate(owner),
        *("--issue", "--type", "priv", "--in", str(tree.key(owner)), "--dn", _NAME.format(name)),
        *("--cacert", str(tree.certificate(issuer)), "--cakey", str(tree.key(issuer)), *options),
    )


def _write(path: Path, *arguments: str) -> None:
    path.write_text(run("pki", *arguments, "--outform", "pem", timeout=120))


def more_roots(count: int, folder: Path) -> list[Path]:
    """Make roots that nobody uses, unless they are there: a server names every root that it knows in CERTREQ."""
    there = folder / "keys" / "roots"
    paths = [there / f"root{n}.pem" for n in range(1, count + 1)]
    for n, path in enumerate(paths, 1):
        if not path.exists():
            there.mkdir(parents=True, exist_ok=True)
            key = there / f"root{n}.key.pem"
            _write(key, "--gen", "--type", "ecdsa", "--size", "256")
            _write(path, "--self", "--ca", "--in", str(key), "--dn", _NAME.format(f"Example root {n}"))
    return paths
