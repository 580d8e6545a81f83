"""Builds dist/kinstall.pyz and what comes with it: pyz.py [--platforms default|all] [--output DIR]

Everything that goes in is named with its hash in requirements.txt, and everything that builds it in
requirements-pyz.txt, from which `make pyz` makes the Python that runs this. The same checkout gives the same bytes.
"""

from __future__ import annotations

import argparse
import email
import email.message
import hashlib
import importlib.metadata
import json
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import targets

ROOT = Path(__file__).resolve().parents[1]
HERE = ROOT / "packaging"
FIXED = {
    "SOURCE_DATE_EPOCH": "315532800",  # 1980, where the zip format's time begins
    "PYYAML_FORCE_LIBYAML": "0",
    "PYTHONHASHSEED": "0",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
}
UNPACKED = 1.6
"""What PEX needs on the disk for what its wheels hold: blocks, links and its own parts come on top."""

FROM_SOURCE = "pyyaml"
"""Built without its C part: one wheel of 50 kB instead of one per Python and platform."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="pyz.py", description=__doc__)
    parser.add_argument("--platforms", choices=tuple(targets.CHOICES), default="default")
    parser.add_argument("--output", type=Path, default=ROOT / "dist")
    chosen = parser.parse_args(arguments)
    os.umask(0o022)
    chosen.output.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix="kinstall-pyz-") as scratch:
            pyz = build(Path(scratch), chosen.output, chosen.platforms)
    except subprocess.CalledProcessError as error:
        print(
            f"pyz: {Path(error.cmd[0]).name} {error.cmd[1]} failed with exit code {error.returncode}", file=sys.stderr
        )
        return 1
    print(f"{pyz} ({pyz.stat().st_size / 1e6:.1f} MB)")
    return 0


def build(scratch: Path, output: Path, choice: str) -> Path:
    """Make everything in `scratch`, and put it into `output` when it is whole."""
    wheels = scratch / "wheels"
    wheels.mkdir()
    platforms: list[str] = []
    for name, description in targets.descriptions(choice).items():
        path = scratch / f"{name}.json"
        path.write_text(json.dumps(description))
        platforms += ["--complete-platform", str(path)]
    fetch(scratch, wheels, platforms)
    say("building kinstall's own wheel")
    own = scratch / "own"
    pip("wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(own), str(ROOT))
    preamble = scratch / "preamble.py"
    preamble.write_text(preamble_text([*wheels.iterdir(), *own.iterdir()], choice))
    say("putting kinstall.pyz together")
    made = scratch / "kinstall.pyz"
    run(
        *(tool("pex"), "--project", str(next(own.iterdir())), "--pre-resolved-dists", str(wheels), *platforms),
        *("--console-script", "kinstall", "--venv", "--no-emit-warnings", "--preamble-file", str(preamble)),
        *("--python-shebang", "/usr/bin/env python3", "--runtime-pex-root", "~/.cache/kinstall"),
        *("--output-file", str(made)),
    )
    say("listing what is inside")
    bill = scratch / "kinstall.cdx.json"
    bill_of_materials(scratch, made, bill)
    licences = scratch / "kinstall.licences.txt"
    licences.write_text(licence_texts(wheels.iterdir()))
    sums = scratch / "SHA256SUMS"
    say("making completion scripts and the manual page")
    files = (made, bill, licences, *for_shells(scratch))
    sums.write_text("".join(f"{digest(path)}  {path.name}\n" for path in files))
    for path in (*files, sums):
        target = output / path.name
        partial = target.with_name(f".{path.name}")
        partial.write_bytes(path.read_bytes())
        partial.chmod(0o755 if path == made else 0o644)
        partial.replace(target)
    return output / made.name


def fetch(scratch: Path, wheels: Path, platforms: Sequence[str]) -> None:
    """All libraries for all platforms, each checked against its hash."""
    blocks = re.split(r"(?m)^(?=[a-z])", (HERE / "requirements.txt").read_text())
    source = scratch / "source.txt"
    source.write_text("".join(block for block in blocks if block.startswith(f"{FROM_SOURCE}==")))
    ready = scratch / "ready.txt"
    ready.write_text("".join(block for block in blocks if not block.startswith(f"{FROM_SOURCE}==")))
    say("fetching the libraries for all platforms (about 20 MB)")
    pip(
        *("wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-binary", FROM_SOURCE),
        *("--require-hashes", "-r", str(source), "--wheel-dir", str(wheels)),
    )
    run(
        *(sys.executable, "-m", "pex.cli", "download", "--wheel", "--use-pip-config", "--requirement", str(ready)),
        *(*platforms, "--dest-dir", str(wheels), "--jobs", "2"),
    )


def preamble_text(wheels: Iterable[Path], choice: str) -> str:
    """preamble.py with what it has to know. Its key stands for the whole content: each build unpacks to its own."""
    text = (HERE / "preamble.py").read_text()
    content, unpacked = [], 0
    for path in sorted(wheels):
        content.append(f"{path.name} {digest(path)}")
        with zipfile.ZipFile(path) as wheel:
            unpacked += sum(info.file_size for info in wheel.infolist())
    built = {
        "key": hashlib.sha256("\n".join([text, *content]).encode()).hexdigest()[:16],
        "megabytes": round(unpacked * UNPACKED / 1e6),
        "pythons": (targets.PYTHONS[0], targets.PYTHONS[-1]),
        "systems": targets.CHOICES[choice],
        "glibc": targets.OLDEST_GLIBC,
    }
    line = re.search(r"(?m)^BUILT = \{\}.*$", text)
    if line is None:
        raise SystemExit("pyz: preamble.py has no line that begins with BUILT = {}")
    return text.replace(line[0], f"BUILT = {built!r}")


def bill_of_materials(scratch: Path, pyz: Path, target: Path) -> None:
    """CycloneDX, of an environment that the file itself makes; PEX's own part comes on top."""
    environment, root = scratch / "environment", str(scratch / "root")
    run(pyz, "venv", environment, PEX_TOOLS="1", PEX_ROOT=root, _KINSTALL_UNPACKED=root)
    run(
        *(tool("cyclonedx-py"), "environment", environment / "bin/python", "--pyproject", ROOT / "pyproject.toml"),
        *("--mc-type", "application", "--output-reproducible", "--output-file", target),
    )
    bill = json.loads(target.read_text())
    pex = importlib.metadata.metadata("pex")
    bill["components"].append(
        {
            "type": "library",
            "bom-ref": f"pex=={pex['Version']}",
            "name": "pex",
            "version": pex["Version"],
            "description": "unpacks the file at its first start",
            "licenses": [{"license": {"id": "Apache-2.0"}}],
            "purl": f"pkg:pypi/pex@{pex['Version']}",
        }
    )
    target.write_text(json.dumps(bill, indent=2) + "\n")


def for_shells(scratch: Path) -> list[Path]:
    """The manual page and the completion scripts, under the names that they have where they are installed."""
    folder = scratch / "shells"
    folder.mkdir()
    run(scratch / "environment/bin/python", "-m", "kinstall.cli.completion", folder)
    return sorted(folder.iterdir())


def licence_texts(wheels: Iterable[Path]) -> str:
    """Name, version and licence of each library, with the texts that it comes with."""
    found: dict[str, str] = {}
    for path in sorted(wheels):
        with zipfile.ZipFile(path) as wheel:
            names = wheel.namelist()
            metadata = email.message_from_bytes(wheel.read(next(n for n in names if n.endswith(".dist-info/METADATA"))))
            texts = [wheel.read(name).decode("utf-8", "replace") for name in names if _LICENCE.search(name)]
        title, text = _licensed(metadata, texts)
        found[title] = text
    pex = importlib.metadata.distribution("pex")
    title, text = _licensed(pex.metadata, [each.read_text() for each in pex.files or () if _LICENCE.search(str(each))])
    found[title] = text
    head = "What kinstall.pyz holds besides kinstall itself.\n\n"
    return head + "\n\n".join(found[title] for title in sorted(found)) + "\n"


def _licensed(
    metadata: email.message.Message | importlib.metadata.PackageMetadata, texts: Sequence[str]
) -> tuple[str, str]:
    title = f"{metadata['Name']} {metadata['Version']}"
    if not texts:
        raise SystemExit(f"pyz: {title} comes without its licence")
    kinds = [
        each.rpartition(" :: ")[2] for each in metadata.get_all("Classifier") or () if each.startswith("License ::")
    ]
    licence = metadata["License-Expression"] or metadata["License"] or ", ".join(kinds) or "see below"
    line = "=" * 80
    return title, f"{line}\n{title}: {licence.splitlines()[0]}\n{line}\n" + "\n\n".join(texts)


_LICENCE = re.compile(r"\.dist-info/(licenses/.*|(LICEN[CS]E|COPYING|NOTICE)[^/]*)$", re.IGNORECASE)


def say(text: str) -> None:
    print(f"pyz: {text} …", file=sys.stderr, flush=True)


def tool(name: str) -> Path:
    return Path(sys.executable).with_name(name)


def pip(*words: str) -> None:
    run(sys.executable, "-m", "pip", *words)


def run(*words: str | Path, **environment: str) -> None:
    """Run a program; CalledProcessError where it fails. Its words go to standard error."""
    # PEX keeps what it fetched there: a second build needs the network for less.
    kept = {"PEX_ROOT": str(Path(sys.prefix) / "pex-root")}
    command = [str(word) for word in words]
    subprocess.run(command, check=True, stdout=sys.stderr, env={**os.environ, **FIXED, **kept, **environment})


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
