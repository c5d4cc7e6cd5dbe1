"""What we print for strongSwan is taken by strongSwan: its files by its own parsers, and charon starts with them."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from analyzer.remedies import Step, catalogue
from tests.daemons.charon import Charon, environment, running, write
from tests.daemons.manuals import generic, names, settings
from tests.daemons.versions import knows
from tests.remedies.printed import Printed, of_program, of_syntax

each_setting = pytest.mark.parametrize("one", of_syntax("strongswan.conf"), ids=str)
each_connection = pytest.mark.parametrize("one", of_syntax("swanctl.conf"), ids=str)

#: Defaults that a remedy may restore: its words say that somebody set them otherwise.
RESTORED = {"connections.<>.fragmentation"}

#: What the tool printed once: charon stops at it.
DOTTED = ("charon.fragment_size = 576",)


def text(step: Step) -> str:
    """As it is pasted."""
    return "".join(f"{line}\n" for line in step.lines)


def parsed(folder: Path, written: str) -> subprocess.CompletedProcess[bytes]:
    """Any program of strongSwan reads strongswan.conf first: here one that ends by itself."""
    write(folder, written)
    command = ["pki", "--gen", "--type", "ecdsa", "--size", "256"]
    return subprocess.run(command, env=environment(folder), capture_output=True, timeout=60, check=False)


@each_setting
def test_settings_are_read(strongswan: tuple[int, ...], tmp_path: Path, one: Printed) -> None:
    told = parsed(tmp_path, text(one.step))
    assert told.returncode == 0, told.stderr
    assert b"syntax error" not in told.stderr


def test_a_dotted_name_is_refused(strongswan: tuple[int, ...], tmp_path: Path) -> None:
    """The parser that the others pass is not blind."""
    told = parsed(tmp_path, "".join(DOTTED) + "\n")
    assert told.returncode != 0
    assert b"syntax error" in told.stderr


@each_setting
def test_settings_have_a_name_that_strongswan_knows_and_a_value_that_changes_something(one: Printed) -> None:
    """strongSwan takes any name and says nothing; its manual page knows which there are, and their defaults."""
    known = {generic(name): default for name, default in settings("strongswan.conf").items()}
    for name, value in names(one.step.lines):
        assert name in known
        assert value != known[name], f"{name}: a default is no cure"


@each_setting
def test_charon_starts_with_it_and_stays(strongswan: tuple[int, ...], tmp_path: Path, one: Printed) -> None:
    with running(tmp_path, text(one.step)) as charon:
        assert charon.swanctl("--reload-settings").returncode == 0
        assert charon.process.poll() is None
        assert not re.search(r"syntax error|invalid config", charon.log)


def test_charon_starts_with_all_of_them_in_one_file(strongswan: tuple[int, ...], tmp_path: Path) -> None:
    """Sections of one name are merged, so that each block can be put at the end of the file."""
    with running(tmp_path, "".join(text(one.step) for one in of_syntax("strongswan.conf"))) as charon:
        assert charon.swanctl("--stats").returncode == 0


def test_charon_does_not_start_with_a_dotted_name(strongswan: tuple[int, ...], tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="syntax error"), running(tmp_path, "".join(DOTTED) + "\n"):
        pass


#: charon talks to itself; its IKE_AUTH request is some 2,300 bytes long, for all the traffic selectors.
_NETS = ",".join(f"10.{n}.0.0/16" for n in range(1, 61))
_ONE_SIDE = """\
connections {{
    {name} {{
        version = 2
        local_addrs = {here}
        remote_addrs = {there}
        local {{
            auth = psk
            id = {here}
        }}
        remote {{
            auth = psk
            id = {there}
        }}
        children {{
            net {{
                local_ts = {nets}
                remote_ts = {nets}
            }}
        }}
    }}
}}
"""
_ITSELF = (
    _ONE_SIDE.format(name="client", here="127.0.0.1", there="127.0.0.2", nets=_NETS)
    + _ONE_SIDE.format(name="gateway", here="127.0.0.2", there="127.0.0.1", nets=_NETS)
    + "secrets {\n    ike {\n        secret = test\n    }\n}\n"
)


def connect(charon: Charon) -> str:
    """Connect charon to itself anew; what it logs meanwhile."""
    before = len(charon.log)
    charon.swanctl("--initiate", "--child", "net", "--ike", "client", "--timeout", "3")
    charon.swanctl("--terminate", "--ike", "client", "--force")
    return charon.log[before:]


def test_the_fragment_size_is_taken_and_at_a_reload(strongswan: tuple[int, ...], tmp_path: Path) -> None:
    """The remedy says that no restart is needed."""
    block = catalogue()["strongswan-fragment-size"].steps[0]
    ((_, size),) = names(block.lines)
    with running(tmp_path) as charon:
        (tmp_path / "swanctl.conf").write_text(_ITSELF, encoding="utf-8")
        assert charon.swanctl("--load-all").returncode == 0
        assert "into 2 fragments" in connect(charon)
        charon.set(text(block))
        told = connect(charon)
    assert "into 5 fragments" in told
    # strongSwan tells the length of IKE; IP, UDP and the non-ESP marker are before it, and padding may shorten it.
    sent = [int(length) for length in re.findall(r"sending packet: from 127.0.0.1\[4500\].* \((\d+) bytes\)", told)]
    assert int(size) - 16 < max(sent) + 20 + 8 + 4 <= int(size)


def test_the_largest_message_is_taken_and_at_a_reload(strongswan: tuple[int, ...], tmp_path: Path) -> None:
    """The remedy raises a limit, and says that no restart is needed: a message above the limit is refused before."""
    low = "charon {\n  fragment_size = 576\n  max_packet = 1000\n}\n"
    with running(tmp_path) as charon:
        (tmp_path / "swanctl.conf").write_text(_ITSELF, encoding="utf-8")
        assert charon.swanctl("--load-all").returncode == 0
        charon.set(low)
        assert "fragmented IKE message is too large" in connect(charon)
        charon.set(low + text(catalogue()["strongswan-fragment-count"].steps[0]))
        told = connect(charon)
    assert "reassembled fragmented IKE message" in told
    assert "too large" not in told


@each_connection
def test_connections_are_loaded(charon: Charon, strongswan: tuple[int, ...], one: Printed) -> None:
    """As they stand; charon refuses a connection with a name or a value that it does not know."""
    (charon.folder / "swanctl.conf").write_text(text(one.step), encoding="utf-8")
    told = charon.swanctl("--load-conns")
    if knows(strongswan, one.step.versions):
        assert told.returncode == 0, told.stderr
        assert "loaded connection 'NAME'" in told.stdout
    else:
        assert "invalid value" in told.stderr, "an older version than the step says knows it"


@each_connection
def test_connections_are_well_formed(strongswan: tuple[int, ...], tmp_path: Path, one: Printed) -> None:
    """The files have one grammar; so also what only a newer release knows is parsed."""
    assert parsed(tmp_path, text(one.step)).returncode == 0


@each_connection
def test_connections_have_names_of_the_manual_and_no_default(one: Printed) -> None:
    known = {generic(name): default for name, default in settings("swanctl.conf").items()}
    for name, value in names(one.step.lines):
        assert name in known
        assert value != known[name] or name in RESTORED, f"{name}: a default is no cure"


def test_an_unknown_setting_of_a_connection_is_refused(charon: Charon) -> None:
    """The parser that the others pass is not blind."""
    (charon.folder / "swanctl.conf").write_text(
        "connections {\n  NAME {\n    fragment = yes\n  }\n}\n", encoding="utf-8"
    )
    told = charon.swanctl("--load-conns")
    assert told.returncode != 0
    assert "unknown option: fragment" in told.stderr


@pytest.mark.parametrize("command", [command for _, command, _ in of_program("swanctl")])
def test_swanctl_takes_its_options(charon: Charon, command: str) -> None:
    (charon.folder / "swanctl.conf").write_text("", encoding="utf-8")
    arguments = shlex.split(command)[1:]
    try:
        told = charon.swanctl(*arguments, timeout=2 if "--log" in arguments else 30)
    except subprocess.TimeoutExpired:
        assert "--log" in arguments  # it follows the log until it is stopped
    else:
        assert told.returncode == 0, told.stderr


def test_swanctl_refuses_an_option_that_it_does_not_know(charon: Charon) -> None:
    assert charon.swanctl("--list-connections").returncode != 0


@pytest.fixture
def authority(strongswan: tuple[int, ...], tmp_path: Path) -> Path:
    """A folder with a CA's key and certificate and a gateway's key, under the names that we print."""
    shell = (
        "pki --gen --type ecdsa --size 256 --outform pem > CA-KEY.pem && "
        "pki --self --ca --in CA-KEY.pem --type priv --dn CN=CA --outform pem > CA.pem && "
        "pki --gen --type rsa --size 2048 --outform pem > KEY.pem"
    )
    subprocess.run(["sh", "-ec", shell], cwd=tmp_path, check=True, capture_output=True, timeout=120)
    return tmp_path


@pytest.mark.parametrize("command", [command for _, command, _ in of_program("pki")])
def test_pki_makes_what_we_say(authority: Path, command: str) -> None:
    made = authority / command.rpartition("> ")[2]
    made.unlink(missing_ok=made.name == "CERT.pem")
    subprocess.run(["sh", "-ec", command], cwd=authority, check=True, capture_output=True, timeout=120)
    if "--issue" in command:
        told = subprocess.run(
            ["pki", "--print", "--in", made], check=True, capture_output=True, text=True, timeout=60
        ).stdout
        assert re.search(r"altNames: +GATEWAY", told)
        assert re.search(r"flags: .*serverAuth.*ikeIntermediate", told)
    else:
        assert "PRIVATE KEY" in made.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "command", [c for _, c, _ in (*of_program("systemctl"), *of_program("journalctl")) if "strongswan" in c]
)
def test_the_service_has_the_name_that_we_print(strongswan: tuple[int, ...], command: str) -> None:
    (unit,) = [word for word in shlex.split(command) if "strongswan" in word]
    assert Path(f"/lib/systemd/system/{unit}.service").exists()
