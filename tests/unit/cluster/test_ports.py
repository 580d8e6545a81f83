"""The ports of a cluster are each written once."""

import ast
import re
from pathlib import Path

from kinstall.cluster import ports

ROOT = Path(__file__).parents[3]
NUMBERS = {value for name, value in vars(ports).items() if name.isupper() and isinstance(value, int)}
IN_TEXT = re.compile(rf"(?<![\w.])(?:{'|'.join(str(number) for number in sorted(NUMBERS - {ports.GATEWAY}))})(?![\w.])")

# Patterns of log lines, the help of answers and what a screen shows: texts, not ports that anything uses.
TEXTS = {
    "kinstall/cluster/cluster.py",
    "kinstall/diagnosis/known_causes.py",
    "screens/networking/address_map.py",
}
# Ports of others that have the same number: of CoreDNS's and of verify's own pods.
OTHERS = {"assets/addons/coredns.py", "kinstall/verify/manifest.py"}


def test_no_other_module_writes_a_port() -> None:
    """A number of `ports`, alone or within a text, is in no other source file."""
    found: dict[str, set[object]] = {}
    for path in (path for folder in ("kinstall", "assets", "screens") for path in (ROOT / folder).rglob("*.py")):
        name = str(path.relative_to(ROOT))
        if path == Path(ports.__file__) or name in OTHERS:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Constant):
                continue
            number = isinstance(node.value, int) and node.value in NUMBERS
            text = isinstance(node.value, str) and name not in TEXTS and IN_TEXT.search(node.value)
            if number or text:
                found.setdefault(name, set()).add(node.value)
    assert found == {}
    assert len(NUMBERS) > 10


def test_the_overlays_script_uses_the_port_that_is_checked() -> None:
    """The script on the nodes is a plain file: its port is compared with the one that preflight tries."""
    script = (ROOT / "assets/pod_network/overlay.sh").read_text(encoding="utf-8")
    assert f"\nport={ports.VXLAN}\n" in script
