"""known_hosts files, as sshd(8) describes them."""

import base64
import subprocess
from pathlib import Path

import pytest

from kinstall.errors import HostKeyChanged, HostKeyUnknown
from kinstall.transport.host_keys import HostKey, HostKeys, parse_known_hosts, same_fingerprint
from kinstall.transport.target import SshTarget

KEY = HostKey("ssh-ed25519", b"\x00\x00\x00\x0bssh-ed25519" + b"\x00\x00\x00\x20" + b"k" * 32)
OTHER = HostKey("ssh-ed25519", b"\x00\x00\x00\x0bssh-ed25519" + b"\x00\x00\x00\x20" + b"o" * 32)


def keys(tmp_path: Path, text: str) -> HostKeys:
    file = tmp_path / "known_hosts"
    file.write_text(text)
    return HostKeys(file, None)


def trusts(tmp_path: Path, names: str, host: str, port: int = 22) -> bool:
    try:
        keys(tmp_path, f"{names} {KEY.type} {KEY.base64} comment\n").check("n", SshTarget(host=host, port=port), KEY)
    except HostKeyUnknown:
        return False
    return True


@pytest.mark.parametrize(
    ("names", "host", "port", "expected"),
    [
        ("10.0.0.1", "10.0.0.1", 22, True),
        ("10.0.0.1", "10.0.0.11", 22, False),
        ("10.0.0.1", "10.0.0.1", 2222, False),
        ("[10.0.0.1]:2222", "10.0.0.1", 2222, True),
        ("[10.0.0.1]:2222", "10.0.0.1", 22, False),
        ("a,b,node1.example", "node1.example", 22, True),
        ("NODE1.example", "node1.Example", 22, True),
        ("*.example", "node1.example", 22, True),
        ("node?.example", "node12.example", 22, False),
        ("*.example,!node1.example", "node1.example", 22, False),
        ("*.example,!node1.example", "node2.example", 22, True),
        ("[*.example]:2222", "node1.example", 2222, True),
        ("[abc]", "a", 22, False),
        ("2001:db8::1", "2001:db8::1", 22, True),
    ],
)
def test_names(tmp_path: Path, names: str, host: str, port: int, expected: bool) -> None:
    """Lists, wildcards, negations, ports; brackets are no character class."""
    assert trusts(tmp_path, names, host, port) is expected


def test_hashed_names(tmp_path: Path) -> None:
    """What ssh-keygen -H makes of a file is found, under the right name only."""
    file = tmp_path / "known_hosts"
    file.write_text(f"10.0.0.1 {KEY.type} {KEY.base64}\n[10.0.0.2]:2222 {KEY.type} {KEY.base64}\n")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(file)], check=True, capture_output=True)
    assert "10.0.0" not in file.read_text()
    known = HostKeys(file, None)
    known.check("n", SshTarget(host="10.0.0.1"), KEY)
    known.check("n", SshTarget(host="10.0.0.2", port=2222), KEY)
    with pytest.raises(HostKeyUnknown):
        known.check("n", SshTarget(host="10.0.0.2"), KEY)
    with pytest.raises(HostKeyChanged):
        known.check("n", SshTarget(host="10.0.0.1"), OTHER)


def test_lines_that_cannot_be_read_are_passed_over(tmp_path: Path) -> None:
    """Comments, cut lines, bad base64, unknown markers, other encodings: none of them hides the good line."""
    text = (
        f"# 10.0.0.1\n\n10.0.0.1\n10.0.0.1 ssh-ed25519 ???\n@other 10.0.0.1 {OTHER.type} {OTHER.base64}\n|1|x|y z w\n"
    )
    text += f"|1|{base64.b64encode(b's').decode()} a AAAA\n10.0.0.1\t{KEY.type}  {KEY.base64}\n"
    keys(tmp_path, text).check("n", SshTarget(host="10.0.0.1"), KEY)
    (tmp_path / "binary").write_bytes(bytes(range(256)))
    with pytest.raises(HostKeyUnknown):
        HostKeys(tmp_path / "binary", tmp_path / "missing").check("n", SshTarget(host="10.0.0.1"), KEY)
    assert [entry.source for entry in parse_known_hosts(text, "f")][-1] == "f:8"


def test_a_certificate_authority_is_no_host_key(tmp_path: Path) -> None:
    """A CA's key is not accepted as the host's; the sentence tells why that entry does not help."""
    known = keys(tmp_path, f"@cert-authority *.example {KEY.type} {KEY.base64}\n")
    with pytest.raises(HostKeyUnknown, match="trusts a certificate authority for it; kinstall checks keys"):
        known.check("n", SshTarget(host="a.example"), KEY)


def test_the_first_source_that_knows_the_host_decides(tmp_path: Path) -> None:
    """The state folder is not overruled by the user's file; where it knows nothing, the user's counts."""
    state, user = tmp_path / "state", tmp_path / "user"
    state.write_text(f"10.0.0.1 {OTHER.type} {OTHER.base64}\n")
    user.write_text(f"10.0.0.1 {KEY.type} {KEY.base64}\n10.0.0.2 {KEY.type} {KEY.base64}\n")
    known = HostKeys(state, user)
    with pytest.raises(HostKeyChanged):
        known.check("n", SshTarget(host="10.0.0.1"), KEY)
    known.check("n", SshTarget(host="10.0.0.2"), KEY)


def test_another_type_than_the_known_one_is_a_change(tmp_path: Path) -> None:
    """A host that was known by its RSA key cannot be replaced by one that shows a new ed25519 key."""
    rsa = HostKey("ssh-rsa", b"rsa")
    known = keys(tmp_path, f"10.0.0.1 {rsa.type} {rsa.base64}\n")
    assert known.known_types(SshTarget(host="10.0.0.1")) == ("ssh-rsa",)
    with pytest.raises(HostKeyChanged):
        known.check("n", SshTarget(host="10.0.0.1"), KEY)


def test_fingerprints(tmp_path: Path) -> None:
    """The same as ssh-keygen's; padding and spaces do not matter, an empty one is like no other."""
    line = tmp_path / "key.pub"
    line.write_text(f"{KEY.type} {KEY.base64}\n")
    said = subprocess.run(["ssh-keygen", "-lf", str(line)], check=True, capture_output=True, text=True).stdout.split()[
        1
    ]
    assert said == KEY.fingerprint
    assert same_fingerprint(KEY.fingerprint + "=", f" {KEY.fingerprint}")
    assert not same_fingerprint(KEY.fingerprint, OTHER.fingerprint)
    assert not same_fingerprint("", "")
