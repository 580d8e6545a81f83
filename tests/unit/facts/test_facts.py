"""The facts program and its parser: what is read out of recorded answers, and that the program runs anywhere."""

import random
import subprocess
import time
from ipaddress import IPv4Interface, IPv4Network
from pathlib import Path

import pytest

from kinstall.facts.model import CA_FOLDERS, Link, Listener, NodeFacts, Space, SystemdUnit
from kinstall.facts.parse import UnreadableFacts, facts_program, parse
from tests.unit.shell import SHELLS, shell

RECORDED = Path(__file__).parent / "recorded"


def recorded(name: str) -> NodeFacts:
    return parse((RECORDED / f"{name}.txt").read_text().splitlines())


@pytest.fixture(scope="module")
def bare() -> NodeFacts:
    """A bare Debian 12 host, as the program answered there."""
    return recorded("debian12")


@pytest.fixture(scope="module")
def busy() -> NodeFacts:
    """A machine with Docker, a VPN, swap, a proxy: composed of what these tools print."""
    return recorded("ubuntu-docker")


def test_bare_host(bare: NodeFacts) -> None:
    """The recorded host's identity, sizes and tools come out."""
    assert (bare.uid, bare.hostname, bare.architecture, bare.init) == (0, "h1", "amd64", "systemd")
    assert (bare.os_id, bare.os_version, bare.systemd_version, bare.virtualisation) == (
        "debian",
        "12",
        252,
        "systemd-nspawn",
    )
    assert bare.kernel_version == (6, 18)
    assert (bare.cpus, bare.memory, bare.swaps) == (2, 24105, ())
    assert bare.cgroup_version == 1
    assert {"cpu", "cpuset", "memory", "pids"} <= bare.controllers
    assert {"tar", "flock", "nft", "curl"} <= bare.tools
    assert (bare.nft_version, bare.nft_usable) == ((1, 0, 6), True)
    assert bare.clock > 1.7e9
    assert bare.cluster is None
    assert bare.nameservers == ()
    assert not bare.recorded


def test_address_of_the_node(bare: NodeFacts) -> None:
    """An address is found with its link, an unknown one is not."""
    held = bare.interface_of("10.90.0.11")
    assert held == (Link("eth0", "02:90:00:00:00:0b", 1500), IPv4Interface("10.90.0.11/24"))
    assert bare.interface_of("10.90.0.99") is None


def test_most_specific_route(bare: NodeFacts, busy: NodeFacts) -> None:
    """The route to an address is the longest prefix of the main table."""
    neighbour, outside = bare.route_to("10.90.0.12"), bare.route_to("192.0.2.1")
    assert neighbour is not None and (neighbour.via, neighbour.device) == ("", "eth0")
    assert outside is not None and outside.via == "10.90.0.1"
    vpn = busy.route_to("10.50.1.1")
    assert vpn is not None and vpn.destination == IPv4Network("10.0.0.0/8"), "table 100 is not the main table"


def test_what_leads_nowhere_is_no_route(busy: NodeFacts) -> None:
    """Local, broadcast and unreachable entries are passed over; a host route has 32 bits."""
    assert [str(route.destination) for route in busy.routes] == [
        "0.0.0.0/0",
        "10.0.0.0/8",
        "10.9.9.9/32",
        "172.17.0.0/16",
        "192.168.7.0/24",
        "10.50.0.0/16",
    ]
    assert busy.routes[-1].table == "100"


def test_links_and_addresses(busy: NodeFacts) -> None:
    """Links without a MAC, links of another namespace and point-to-point addresses are read."""
    assert [(link.name, link.mac, link.mtu) for link in busy.links][1:] == [
        ("enp1s0", "52:54:00:12:34:56", 1450),
        ("wg0", "", 1420),
        ("docker0", "02:42:8c:7a:11:22", 1500),
        ("veth1a2b3c", "7e:11:22:33:44:55", 1500),
    ]
    assert [(name, str(address)) for name, address in busy.addresses][1:3] == [
        ("enp1s0", "192.168.7.21/24"),
        ("wg0", "10.8.0.2/32"),
    ]


def test_listeners(busy: NodeFacts) -> None:
    """Rows of ss with and without an owner, and rows of /proc/net/tcp where ss is missing."""
    assert busy.listeners == (
        Listener("udp", "127.0.0.53%lo", 53, "systemd-resolve"),
        Listener("tcp", "0.0.0.0", 10250, "nginx"),
        Listener("tcp", "::", 22, "sshd"),
        Listener("tcp", "127.0.0.1", 10000),
    )


def test_units(busy: NodeFacts) -> None:
    """Known units with state and drop-ins; a unit that systemd does not know has no record."""
    assert busy.units["containerd.service"] == SystemdUnit(
        "containerd.service",
        True,
        False,
        "/usr/lib/systemd/system/containerd.service",
        ("/etc/systemd/system/containerd.service.d/a.conf", "/etc/systemd/system/containerd.service.d/b.conf"),
    )
    assert "kubelet.service" not in busy.units
    assert busy.active("docker.service") and not busy.active("kubelet.service")


def test_small_files(busy: NodeFacts) -> None:
    """CPU lists, swaps, cgroup v2, the resolver behind systemd-resolved, the cluster's identity, the UUID."""
    assert busy.cpus == 5
    assert busy.swaps == ("/swap.img", "/dev/zram0")
    assert (busy.cgroup_version, "memory" in busy.controllers) == (2, True)
    assert busy.resolv_conf == "/run/systemd/resolve/resolv.conf"
    assert busy.nameservers == busy.upstream_nameservers(()) == ("192.168.7.1", "192.168.7.2")
    assert busy.cluster == {"cluster": "demo", "node": "w7", "controlPlaneEndpoint": "10.0.0.1:6443"}
    assert busy.product_uuid == "4c4c4544-0031-3610-8050-b4c04f4e5a32"
    assert (busy.ufw, busy.recorded, busy.architecture) == (True, True, "arm64")
    assert busy.proxies == {"http_proxy": "http://***@proxy.example:3128", "no_proxy": "localhost,127.0.0.1"}


def test_packet_filter(busy: NodeFacts) -> None:
    """Policies that drop are found with their place, in nft's words and in those of legacy iptables."""
    assert busy.drop_policies == (
        ("forward", "table ip filter, chain FORWARD"),
        ("input", "iptables filter, chain INPUT"),
    )
    assert {"KUBE-SERVICES", "DOCKER-USER", "table ip nat"} <= busy.chains


def test_mounts_and_space(busy: NodeFacts) -> None:
    """A path's mount and free space are those of the longest prefix; a read-only /proc/sys cannot be written."""
    mount = busy.mount_of("/var/lib/containerd")
    assert mount is not None and (mount.path, mount.type, "noexec" in mount.options) == ("/var", "xfs", True)
    assert busy.space_of("/var/lib/etcd") == Space("/var", 4 << 30, 1 << 30, "/dev/sda3")
    assert busy.sysctls == {"net/ipv4/ip_forward": False, "net/netfilter/nf_conntrack_max": False}


def test_loopback_name_server_is_no_upstream() -> None:
    """A name server on the node's loopback cannot be reached from a pod."""
    lines = (RECORDED / "debian12.txt").read_text().splitlines()
    lines.insert(lines.index("== files") + 1, "/etc/resolv.conf:nameserver 127.0.0.1")
    facts = parse(lines)
    assert (facts.nameservers, facts.upstream_nameservers(())) == (("127.0.0.1",), ())


@pytest.mark.parametrize("cut", [0, 1, 5, 40, -1])
def test_broken_off_answers_are_refused(cut: int) -> None:
    """An answer without its first or last line is an error with a sentence, never half the facts."""
    lines = (RECORDED / "debian12.txt").read_text().splitlines()
    with pytest.raises(UnreadableFacts, match="did not answer"):
        parse(lines[:cut])


def test_damaged_lines_are_passed_over() -> None:
    """Whatever single line is cut short or doubled with junk, parsing ends in facts and not in a traceback."""
    lines = (RECORDED / "ubuntu-docker.txt").read_text().splitlines()
    first, last = lines.index("kinstall-facts 1"), lines.index("== end")
    for index in range(first + 1, last):
        for damaged in (lines[index][: len(lines[index]) // 2], f"{lines[index]} % x=", "\x00: ::"):
            assert parse([*lines[:index], damaged, *lines[index + 1 :]]).init in ("systemd", "", "syst", "systemd % x=")


@pytest.mark.parametrize("name", SHELLS)
def test_program_runs_here(name: str) -> None:
    """The program ends with facts in every sh, prints nothing to standard error, and is quick."""
    started = time.monotonic()
    ran = subprocess.run(
        [*shell(name), "-s"], input=facts_program(""), capture_output=True, text=True, check=True, timeout=20
    )
    seconds = time.monotonic() - started
    facts = parse(ran.stdout.splitlines())
    assert ran.stderr == ""
    assert facts.cpus > 0 and facts.memory > 0 and facts.kernel_version > (3, 0)
    assert abs(facts.clock - time.time()) < 20
    assert seconds < 5, f"it took {seconds:.1f} s"


def test_the_program_looks_for_every_folder_of_authorities() -> None:
    """A folder that is not looked for would never be mounted."""
    words = facts_program("").replace(";", " ").split()
    assert [folder for folder in CA_FOLDERS if folder not in words] == []


def test_program_copes_without_tools() -> None:
    """With no tool to be found the program still ends with its last line and says what is not there."""
    program = "\n".join(f"{line} #" if line.startswith("PATH=") else line for line in facts_program("").splitlines())
    program = program.replace("PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin", "PATH=/nonexistent")
    assert "PATH=/nonexistent" in program
    ran = subprocess.run(["dash", "-s"], input=program, capture_output=True, text=True, check=True, timeout=20)
    facts = parse(ran.stdout.splitlines())
    assert facts.tools == frozenset()
    assert (facts.uid, facts.clock) == (-1, 0.0)
    assert facts.kernel_version > (3, 0), "the shell reads it by itself"


def test_proxy_passwords_stay_on_the_node() -> None:
    """The password in a proxy's URL is not printed."""
    ran = subprocess.run(
        ["dash", "-s"],
        input=facts_program(""),
        env={"PATH": "/usr/bin:/bin", "https_proxy": "http://ann:canary-7x@proxy.example:3128"},
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    assert "canary-7x" not in ran.stdout
    assert parse(ran.stdout.splitlines()).proxies["https_proxy"] == "http://***@proxy.example:3128"


TOKEN = "0123456789abcdef"


def marked(lines: list[str]) -> list[str]:
    """A recorded answer as a program with that token would have printed it."""
    return [line.replace("== ", f"== {TOKEN} ", 1) if line.startswith("== ") else line for line in lines]


def test_a_process_name_cannot_end_the_facts_or_make_up_a_section() -> None:
    """A name of 15 bytes may hold line breaks: neither a mark nor a whole row fits into it. Seen with a real `ss`."""
    lines = marked((RECORDED / "ubuntu-docker.txt").read_text().splitlines())
    at = lines.index(f"== {TOKEN} listening") + 1
    forged = ['tcp   LISTEN 0      128    0.0.0.0:31000      0.0.0.0:*    users:(("a', '== end",pid=7,fd=3))']
    forged += ['tcp   LISTEN 0      128    0.0.0.0:31001      0.0.0.0:*    users:(("', 'tcp A 1 1 :1 x",pid=8,fd=3))']
    honest, facts = parse(lines, TOKEN), parse([*lines[:at], *forged, *lines[at:]], TOKEN)
    assert facts.units == honest.units and facts.units
    assert {each.port for each in facts.listeners} == {each.port for each in honest.listeners} | {31000, 31001}


def test_the_answer_to_another_question_is_refused() -> None:
    """An answer that was recorded, or one without the token of this run, is no answer."""
    lines = (RECORDED / "debian12.txt").read_text().splitlines()
    with pytest.raises(UnreadableFacts):
        parse(lines, TOKEN)


def test_no_lie_ends_in_a_traceback() -> None:
    """Words of an honest answer are put in place of one another, cut, repeated, made huge: facts come out, or the
    sentence that says that there are none."""
    dice = random.Random(11)
    lines = marked((RECORDED / "ubuntu-docker.txt").read_text().splitlines())
    words = [*{word for line in lines for word in line.split()}, "9" * 5000, "²", "\x00", "::", "/", "-", "[" * 2000]
    for _ in range(1500):
        changed = list(lines)
        for _ in range(dice.randrange(1, 30)):
            at = dice.randrange(len(changed))
            parts = changed[at].split(" ")
            parts[dice.randrange(len(parts))] = dice.choice(words) * dice.choice((1, 1, 1, 3))
            changed[at] = " ".join(parts)
        try:
            parse(changed, TOKEN)
        except UnreadableFacts:
            pass


def test_deep_json_is_an_unreadable_identity() -> None:
    """A cluster.json of a hundred thousand brackets is a cluster without a name."""
    lines = (RECORDED / "debian12.txt").read_text().splitlines()
    lines.insert(lines.index("== files") + 1, "/var/lib/kinstall/cluster.json:" + '{"a":' * 100_000)
    assert parse(lines).cluster == {}


def test_long_lines_take_no_time() -> None:
    """Lines of the greatest length that is kept, made for slow patterns, are read in a moment."""
    nasty = [
        "link/" * 3000,
        "hook input " * 1400,
        "1: a:" + "@a:" * 5000,
        'users:(("' * 1700,
        "tcp LISTEN 1 1 " + ":1" * 8000,
    ]
    lines = ["kinstall-facts 1"]
    for section in ("files", "mounts", "space", "links", "addresses", "routes", "listening", "units", "chains"):
        lines += [f"== {section}", *nasty * 20]
    started = time.monotonic()
    parse([*lines, "== end"])
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("setting", "shown"),
    [
        ("http://ann:canary/7x@proxy.example:3128", "http://***@proxy.example:3128"),
        ("ann:canary@7x@proxy.example:3128", "***@proxy.example:3128"),
        ("socks5h://ann:canary@proxy", "socks5h://***@proxy"),
        ("proxy.example:3128", "proxy.example:3128"),
    ],
)
def test_proxies_are_masked_however_they_are_written(setting: str, shown: str) -> None:
    """A password with a slash or an at sign, or an address without a scheme, is hidden too."""
    environment = {"PATH": "/usr/bin:/bin", "https_proxy": setting}
    ran = subprocess.run(
        ["dash", "-s"], input=facts_program(""), env=environment, capture_output=True, text=True, check=True, timeout=20
    )
    assert "canary" not in ran.stdout
    assert parse(ran.stdout.splitlines()).proxies["https_proxy"] == shown
