"""What kinstall.pyz runs on: for each Python and platform a description as PEX's --complete-platform needs it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from packaging import tags

PYTHONS = ((3, 11), (3, 12), (3, 13), (3, 14))
OLDEST_GLIBC = (2, 28)  # RHEL 8, Debian 10, Ubuntu 20.04
OLDEST_MUSL = (1, 2)  # Alpine 3.13
OLDEST_MACOS = (11, 0)

# Name of a choice → (sys.platform, machine, libc), the last empty where there is but one.
DEFAULT = (("linux", "x86_64", "glibc"), ("linux", "aarch64", "glibc"))
ALL = (*DEFAULT, ("linux", "x86_64", "musl"), ("linux", "aarch64", "musl"), ("darwin", "arm64", ""))
CHOICES = {"default": DEFAULT, "all": ALL}

_LEGACY = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
"""glibc 2.N → the name that its wheels had before."""


def descriptions(choice: str) -> dict[str, dict[str, Any]]:
    """Name (`cp312-linux-x86_64-glibc`) → description, for every Python on every platform of the choice."""
    return {
        f"cp{major}{minor}-{'-'.join(filter(None, platform))}": _description((major, minor), *platform)
        for platform in CHOICES[choice]
        for major, minor in PYTHONS
    }


def _description(python: tuple[int, int], system: str, machine: str, libc: str) -> dict[str, Any]:
    version = f"{python[0]}.{python[1]}"
    platforms = list(_platform_tags(system, machine, libc))
    interpreter = f"cp{python[0]}{python[1]}"
    usable = [
        *tags.cpython_tags(python, platforms=platforms),
        *tags.compatible_tags(python, interpreter=interpreter, platforms=platforms),
    ]
    oldest = PYTHONS[0][1]
    return {
        # A wheel for the stable ABI of the oldest Python serves all of them: newer ones of it would only be ballast.
        "compatible_tags": [str(t) for t in usable if not (t.abi == "abi3" and int(t.interpreter[3:]) > oldest)],
        "marker_environment": {
            "implementation_name": "cpython",
            "implementation_version": f"{version}.0",
            "os_name": "posix",
            "platform_machine": machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": {"linux": "Linux", "darwin": "Darwin"}[system],
            "platform_version": "",
            "python_full_version": f"{version}.0",
            "python_version": version,
            "sys_platform": system,
        },
    }


def _platform_tags(system: str, machine: str, libc: str) -> Iterator[str]:
    """The best first."""
    if system == "darwin":
        yield from tags.mac_platforms(OLDEST_MACOS, machine)
        return
    if libc == "musl":
        yield from (f"musllinux_{OLDEST_MUSL[0]}_{minor}_{machine}" for minor in range(OLDEST_MUSL[1], -1, -1))
    else:
        for minor in range(OLDEST_GLIBC[1], 4 if machine == "x86_64" else 16, -1):
            yield f"manylinux_2_{minor}_{machine}"
            if minor in _LEGACY:
                yield f"{_LEGACY[minor]}_{machine}"
    yield f"linux_{machine}"
