"""Whatever text is written as TOML, a reader of TOML reads that text and nothing else."""

import random
import tomllib
from dataclasses import replace

from assets.container_runtime import containerd
from assets.inputs import MirrorAccess
from assets.toml_writer import string
from kinstall.cluster import Images, Mirror
from tests.unit.assets.cluster import SPEC

PIECES = (
    *map(chr, range(0x180)),
    '"""',
    "'''",
    "\\u0022",
    "\\",
    "\r\n",
    "[x]",
    "= 1",
    "# x",
    "\u2028",
    "\ufeff",
    "😀",
    "é",
)


def texts() -> list[str]:
    """Every character up to U+017F, and mixtures of what has a meaning in TOML."""
    dice = random.Random(4711)
    return [*PIECES, *("".join(dice.choices(PIECES, k=dice.randrange(12))) for _ in range(2000))]


def test_every_text_is_read_as_itself() -> None:
    """As a value and as a key, with another value behind it."""
    for text in texts():
        assert tomllib.loads(f"{string(text)} = {string(text)}\nnext = 1\n") == {text: text, "next": 1}, repr(text)


def test_no_value_changes_the_structure_of_the_runtimes_files() -> None:
    """An image's name and a mirror's address and login, which rules keep clean, could not add a line to the files."""
    for text in texts()[: len(PIECES)]:
        evil = f"https://m.example.com/{text}"
        mirror = Mirror(endpoint=evil, user="x", password="env:X")
        spec = replace(SPEC, images=Images(mirrors={"registry.k8s.io": mirror}))
        access = {"registry.k8s.io": MirrorAccess(authorization=text)}
        (hosts,) = containerd.mirrors(spec, access)
        read = tomllib.loads(hosts.content.decode())
        assert read.pop("override_path", True) is True
        assert read == {
            "server": evil.rstrip("/"),
            "capabilities": ["pull", "resolve"],
            "header": {"Authorization": text},
        }
        config = containerd.containerd_config(SPEC, SPEC.nodes[0], text).content.decode()
        images = tomllib.loads(config)["plugins"]["io.containerd.cri.v1.images"]
        assert images["pinned_images"] == {"sandbox": text}
