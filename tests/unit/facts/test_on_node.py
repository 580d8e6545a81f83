"""The facts program where folders are links and mounts, and files set things up, in every shell."""

import shutil
import subprocess
from collections.abc import Iterator

import pytest

from kinstall.facts.boot_sysctls import BootSysctl, boot_sysctls
from kinstall.facts.model import NodeFacts
from kinstall.facts.parse import facts_program, parse
from tests.unit import local_node
from tests.unit.local_node import LocalNode
from tests.unit.shell import SHELLS, shell


@pytest.fixture(params=SHELLS)
def node(request: pytest.FixtureRequest) -> Iterator[LocalNode]:
    """With name servers of nobody, so that nothing is asked elsewhere."""
    node = local_node.start(shell=shell(request.param), alone=True)
    node.write("/etc/nsswitch.conf", "hosts: files\n")
    yield node
    node.close()


def facts_of(node: LocalNode, endpoint: str = "") -> NodeFacts:
    lines: list[str] = []
    assert node.execute(facts_program("", endpoint), on_line=lines.append) == 0
    return parse(lines)


def test_folders_are_looked_at_behind_links_and_mounts(node: LocalNode) -> None:
    """A linked folder, one below a linked parent that is not made yet, a bind mount, and a link to nowhere."""
    node.inside("mkdir", "/mnt/disk")
    node.inside("mount", "-t", "tmpfs", "-o", "size=64m,noexec", "none", "/mnt/disk")
    node.inside("mkdir", "-p", "/mnt/disk/kubelet", "/mnt/disk/images", "/mnt/disk/opt", "/var/lib/containerd")
    node.inside("mount", "--bind", "/mnt/disk/images", "/var/lib/containerd")
    node.inside("ln", "-s", "/mnt/disk/kubelet", "/var/lib/kubelet")
    node.inside("ln", "-s", "/mnt/gone/etcd", "/var/lib/etcd")
    node.inside("ln", "-s", "/mnt/disk/opt", "/opt/cni")
    facts = facts_of(node)
    assert facts.real_paths["/var/lib/kubelet"] == "/mnt/disk/kubelet"
    assert facts.real_paths["/opt/cni/bin"] == "/mnt/disk/opt/bin"
    assert facts.real_paths["/etc/kubernetes"] == "/etc/kubernetes"
    assert facts.lines["dangling"] == ("/var/lib/etcd /var/lib/etcd",)
    for path in ("/var/lib/kubelet", "/opt/cni/bin", "/var/lib/containerd"):
        space, mount = facts.space_of(path), facts.mount_of(path)
        assert space is not None and space.size == 64 << 20, path
        assert mount is not None and (mount.type, "noexec" in mount.options) == ("tmpfs", True), path
    elsewhere = facts.mount_of("/usr/local/bin")
    assert elsewhere is not None and elsewhere.path == "/usr/local"


def test_files_that_set_the_kernel_up_at_boot(node: LocalNode) -> None:
    """Their order is systemd's own: by name, of the same name only the first folder's, links and masks included."""
    for folder in ("/etc/sysctl.d", "/run/sysctl.d"):
        node.inside("mkdir", "-p", folder)
    node.write("/etc/sysctl.conf", "# net.ipv4.ip_forward = 7\n\n  net.ipv4.ip_forward=0\n")
    node.inside("ln", "-sf", "../sysctl.conf", "/etc/sysctl.d/99-sysctl.conf")
    node.write("/etc/sysctl.d/90-kinstall.conf", "net.ipv4.ip_forward = 1\n")
    node.write("/run/sysctl.d/90-kinstall.conf", "net.ipv4.ip_forward = 5\n")
    node.write("/run/sysctl.d/95-x.conf", "-net/bridge/bridge-nf-call-iptables = 0\nnet.ipv4.conf.*.forwarding = 0\n")
    node.write("/run/sysctl.d/98-masked.conf", "net.ipv4.ip_forward = 8\n")
    node.inside("ln", "-sf", "/dev/null", "/etc/sysctl.d/98-masked.conf")
    facts = facts_of(node)
    ours = [each for each in facts.boot_sysctls if each.path.startswith(("/etc", "/run"))]
    assert ours == [
        BootSysctl("/etc/sysctl.d/90-kinstall.conf", 1, "net/ipv4/ip_forward", "1"),
        BootSysctl("/run/sysctl.d/95-x.conf", 1, "net/bridge/bridge-nf-call-iptables", "0"),
        BootSysctl("/etc/sysctl.d/99-sysctl.conf", 3, "net/ipv4/ip_forward", "0"),
    ]
    if shutil.which("systemd-analyze"):
        ran = subprocess.run(
            ["nsenter", "-t", str(node.pid), "-m", "systemd-analyze", "cat-config", "sysctl.d"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        read = [line[2:] for line in ran.stdout.splitlines() if line.startswith("# /")]
        assert [path for path in read if path in {each.path for each in ours}] == [each.path for each in ours]


def test_the_name_of_the_api(node: LocalNode) -> None:
    """What /etc/hosts says of it, each address once; a name that nobody knows; and none where none is asked for."""
    node.write("/etc/hosts", "127.0.1.1 api.example.com\n2001:db8::7 api.example.com\n10.9.9.9 api.example.com other\n")
    known = facts_of(node, "api.example.com")
    assert known.value("endpoint-lookup") == "0"
    assert set(known.lines["endpoint-address"]) == {"127.0.1.1", "10.9.9.9", "2001:db8::7"}
    unknown = facts_of(node, "api2.example.com")
    assert unknown.value("endpoint-lookup") == "2" and "endpoint-address" not in unknown.lines
    assert "endpoint-lookup" not in facts_of(node).lines


def test_files_that_name_a_proxy(node: LocalNode) -> None:
    """Their names, and nothing of what is in them; a comment, an empty setting and a direct way are none."""
    canary = "http://ann:canary 7x@proxy.example:3128/"
    named = {
        "/etc/systemd/system.conf": f'[Manager]\nDefaultEnvironment="A=b" "HTTPS_PROXY={canary}"\n',
        "/etc/systemd/system/containerd.service.d/p.conf": f'[Service]\nEnvironment="http_proxy={canary}"\n',
        "/etc/profile.d/proxy.sh": f"export all_proxy='{canary}'\n",
        "/etc/apt/apt.conf.d/95proxy": f'Acquire::http::Proxy "{canary}";\n',
        "/etc/yum.conf": f"[main]\nproxy = {canary}\n",
    }
    for path, text in named.items():
        node.write(path, text)
    node.write("/etc/profile.d/none.sh", "# http_proxy=http://x\nhttp_proxy=\nexport no_proxy=10.0.0.1\n")
    node.write("/etc/apt/apt.conf.d/96none", '// Acquire::http::Proxy "http://x";\nAcquire::http::Proxy "";\n')
    lines: list[str] = []
    node.execute(facts_program(""), on_line=lines.append)
    assert set(parse(lines).lines["proxy-file"]) == set(named)
    assert "canary" not in "".join(lines)


def test_which_etcd_runs(node: LocalNode) -> None:
    """The image of the static pod's manifest, with quotes or without."""
    node.write(
        "/etc/kubernetes/manifests/etcd.yaml", 'spec:\n  containers:\n  - image: "registry.k8s.io/etcd:3.6.8-0"\n'
    )
    assert facts_of(node).value("etcd-image") == '"registry.k8s.io/etcd:3.6.8-0"'


@pytest.mark.parametrize("name", ["$(touch /tmp/x)", "a'b", "-x", "UP", "a b", "10.0.0.1", "a\nb", "", "x" * 300])
def test_no_other_name_gets_into_the_program(name: str) -> None:
    """Whatever is no DNS name in lower case is not looked up."""
    assert "\nendpoint=''\n" in facts_program("", name)


def test_strange_lines_about_the_boot_are_passed_over() -> None:
    """Lines of another form, other folders, and ufw's file where ufw is not in use."""
    lines = [
        "/etc/sysctl.d/a.conf",
        "/tmp/b.conf",
        "/run/sysctl.d/*.conf",
        "/etc/sysctl.d/a.conf:1:net.ipv4.ip_forward=0",
    ]
    odd = [
        "/etc/sysctl.d/a.conf:x:a=1",
        "/etc/sysctl.d/a.conf",
        ":",
        "/tmp/b.conf:1:net.ipv4.ip_forward=1",
        "a=1" * 999,
    ]
    ufw = "/etc/ufw/sysctl.conf:9:net/ipv4/conf/all/forwarding=0"
    first = BootSysctl("/etc/sysctl.d/a.conf", 1, "net/ipv4/ip_forward", "0")
    assert boot_sysctls([*lines, *odd, ufw], ufw=False) == (first,)
    last = BootSysctl("/etc/ufw/sysctl.conf", 9, "net/ipv4/ip_forward", "0")
    assert boot_sysctls([*lines, *odd, ufw], ufw=True) == (first, last)
