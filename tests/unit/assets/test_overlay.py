"""The overlay's script on a real kernel: two namespaces with nothing but an address towards each other."""

import os
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

from assets.inputs import NodeInputs
from assets.pod_network import overlay
from kinstall.cluster.release_files import image_refs
from tests.unit.assets.cluster import CIDRS, SPEC

NAMESPACE = ["unshare", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"]), "--net", "--mount"]

# Two ends: "here" in this namespace, "there" in one of its own, with different subnets and a router's worth of routes.
SETUP = """
there() { nsenter --net="/proc/$FAR/ns/net" "$@"; }
unshare --net sleep 60 & FAR=$!
mine=$(readlink /proc/self/ns/net); i=0
until [ "$(readlink /proc/$FAR/ns/net)" != "$mine" ] || [ $((i += 1)) = 100 ]; do sleep 0.02; done
ip link add eth0 type veth peer name eth0 netns $FAR || exit 99
ip addr add 192.0.2.11/32 dev eth0; ip link set eth0 up; ip route add 198.51.100.12 dev eth0
there ip addr add 198.51.100.12/32 dev eth0; there ip link set eth0 up; there ip route add 192.0.2.11 dev eth0
trap 'kill $FAR' EXIT
overlay() { KINSTALL_OVERLAY=$HERE sh "$SCRIPT" "$@"; }
far() { there env KINSTALL_OVERLAY="$THERE" sh "$SCRIPT" "$@"; }
"""

# A datagram that fills a packet of the overlay (1450 bytes with its headers) must come back in one piece.
ECHO = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("10.244.1.9", 7)); s.settimeout(30)
s.sendto(*s.recvfrom(2000))
"""
ASK = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("10.244.0.9", 0)); s.settimeout(0.3)
s.setsockopt(socket.IPPROTO_IP, 10, 2)  # IP_MTU_DISCOVER: never a fragment
for _ in range(90):  # until the other end listens
    s.sendto(b"x" * 1422, ("10.244.1.9", 7))
    try:
        assert len(s.recv(2000)) == 1422
        break
    except TimeoutError:
        continue
else:
    raise SystemExit("no answer")
"""

HERE = "# comment\nown 10.244.0.0/24 192.0.2.11 02:6b:c0:00:02:0b 1450\n10.244.1.0/24 198.51.100.12 02:6b:c6:33:64:0c\n"
THERE = "own 10.244.1.0/24 198.51.100.12 02:6b:c6:33:64:0c 1450\n10.244.0.0/24 192.0.2.11 02:6b:c0:00:02:0b\n"


def possible() -> bool:
    add = ["ip", "link", "add", "v", "type", "vxlan", "id", "1", "dstport", "8472", "local", "127.0.0.1"]
    return subprocess.run([*NAMESPACE, *add], capture_output=True, check=False).returncode == 0


needs_vxlan = pytest.mark.skipif(not possible(), reason="no network namespaces, no ip, or no VXLAN here")


def run(tmp_path: Path, program: str, here: str = HERE) -> subprocess.CompletedProcess[str]:
    (tmp_path / "here").write_text(here)
    (tmp_path / "there").write_text(THERE)
    script = str(files("assets.pod_network").joinpath("overlay.sh"))
    environment = {**os.environ, "SCRIPT": script, "HERE": f"{tmp_path}/here", "THERE": f"{tmp_path}/there"}
    environment |= {"PYTHON": sys.executable, "ECHO": ECHO, "ASK": ASK}
    command = [*NAMESPACE, "sh", "-c", SETUP + program]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=30)


def test_every_peer_and_not_oneself() -> None:
    """The list names this node's own end first, then each peer with the MAC that follows from its address."""
    inputs = NodeInputs(
        images=image_refs(SPEC), pod_cidr=CIDRS["w1"], peers={n: c for n, c in CIDRS.items() if n != "w1"}, mtu=1350
    )
    listed = overlay.overlay_files(SPEC, SPEC.node("w1"), inputs)[0].content.decode().splitlines()[1:]
    assert listed == [
        "own 10.244.1.0/24 192.0.2.12 02:6b:c0:00:02:0c 1350",
        "10.244.0.0/24 192.0.2.11 02:6b:c0:00:02:0b",
        "10.244.2.0/24 192.0.2.13 02:6b:c0:00:02:0d",
    ]


@needs_vxlan
def test_two_ends_reach_each_other(tmp_path: Path) -> None:
    """Before, check says the device is missing; after up on both ends, packets of the overlay's full size pass between
    nodes of different subnets; up again changes nothing, down leaves nothing."""
    program = """
overlay check; echo "before $?"
overlay up && far up; echo "up $?"
there ip addr add 10.244.1.9/32 dev lo; there ip link set lo up
ip addr add 10.244.0.9/32 dev lo; ip link set lo up
there "$PYTHON" -c "$ECHO" &
"$PYTHON" -c "$ASK"; echo "answer $?"
before=$(ip -o link show kinstall-vxlan)
overlay check && overlay up && [ "$before" = "$(ip -o link show kinstall-vxlan)" ]; echo "again $?"
overlay down; ip link show kinstall-vxlan >/dev/null 2>&1; echo "after $?"; ip -4 route show proto 57
"""
    done = run(tmp_path, program)
    told = ["the device kinstall-vxlan is not as planned", "before 1", "up 0", "answer 0", "again 0", "after 1"]
    assert done.stdout.splitlines() == told, done.stderr


@needs_vxlan
@pytest.mark.parametrize(
    ("breaks", "told"),
    [
        ("bridge fdb del 02:6b:c6:33:64:0c dev kinstall-vxlan dst 198.51.100.12", "missing: fdb 02:6b:c6:33:64:0c"),
        ("ip neigh del 10.244.1.0 dev kinstall-vxlan", "missing: neigh 10.244.1.0"),
        ("ip route del 10.244.1.0/24", "missing: route 10.244.1.0/24 10.244.1.0"),
        ("ip route add 10.244.7.0/24 via 10.244.7.0 dev kinstall-vxlan onlink proto 57", "of no peer: route 10.244.7"),
        ("ip link set kinstall-vxlan down", "not as planned"),
        ("ip link set kinstall-vxlan mtu 1400", "not as planned"),
        ("ip addr flush dev kinstall-vxlan", "not as planned"),
        ("ip link del kinstall-vxlan", "not as planned"),
    ],
)
def test_what_somebody_changed_is_told_and_mended(tmp_path: Path, breaks: str, told: str) -> None:
    """check names each difference, up brings it back in line."""
    done = run(
        tmp_path, f'overlay up; {breaks}; overlay check; echo "checked $?"; overlay up && overlay check; echo $?'
    )
    said, _, after = done.stdout.partition("checked 1\n")
    assert told in said, done.stdout + done.stderr
    assert after == "0\n"


@needs_vxlan
def test_a_changed_list_moves_and_removes(tmp_path: Path) -> None:
    """A peer with another address, one that left and one that came: entries follow, the device is not made anew."""
    program = """
overlay up; before=$(ip -o link show kinstall-vxlan)
echo "own 10.244.0.0/24 192.0.2.11 02:6b:c0:00:02:0b 1450" >$HERE
echo "10.244.3.0/24 198.51.100.13 02:6b:c6:33:64:0d" >>$HERE
overlay up && overlay check; echo "$?"
[ "$before" = "$(ip -o link show kinstall-vxlan)" ]; echo "same device $?"
bridge fdb show dev kinstall-vxlan | grep dst; ip -4 route show proto 57
"""
    done = run(tmp_path, program)
    assert done.stdout.splitlines()[:2] == ["0", "same device 0"], done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()[2:]] == ["02:6b:c6:33:64:0d", "10.244.3.0/24"]


def test_a_list_without_this_node_is_an_error(tmp_path: Path) -> None:
    """The script says so and touches nothing."""
    done = run(tmp_path, "overlay up; echo $?", here="10.244.1.0/24 198.51.100.12 02:6b:c6:33:64:0c\n")
    assert done.stdout == "1\n"
    assert "has no line for this node" in done.stderr
