"""Compiling the programs the hosts run, from the Go modules under go/ and one line of C."""

import os
from pathlib import Path

from tests.lab import cache
from tests.lab.paths import GO_MODULES
from tests.lab.shell import run
from tests.lab.toolchain import go_at_hand, go_program, go_version_text
from tests.lab.versions import GoModule

# The pause container: it holds a pod's namespaces, reaps what is orphaned in them, and ends when told to.
_PAUSE = """
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
static void stop(int signal) { _exit(0); }
static void reap(int signal) { while (waitpid(-1, 0, WNOHANG) > 0); }
int main(void) {
  signal(SIGINT, stop);
  signal(SIGTERM, stop);
  signal(SIGCHLD, reap);
  for (;;) pause();
}
"""

# Neither inlining nor debug information, which the linker drops anyway: a third less of the compiler's time. The
# standard library with the runtime stays as fast as it is.
_QUICK = ["-gcflags=all=-l -dwarf=false", "-gcflags=std=-dwarf=false"]


def compiled(module: GoModule) -> Path:
    """A directory with the module's programs."""
    go = go_program()

    def build(directory: Path) -> None:
        run(
            [go, "build", *_flags(module), "-o", f"{directory}/", *module.packages],
            cwd=GO_MODULES / module.folder,
            env={**os.environ, **_settings(module)},
            timeout=3600,
        )
        for old, new in module.rename.items():
            (directory / old).rename(directory / new)

    return cache.entry(module.name, _key(module, go), build)


def already_compiled(module: GoModule) -> Path | None:
    """The same where the cache has it; nothing is built."""
    go = go_at_hand()
    return cache.kept(module.name, _key(module, go)) if go else None


def _flags(module: GoModule) -> list[str]:
    flags = ["-trimpath", "-buildvcs=false", "-ldflags", f"-s -w {module.ldflags.format(version=module.version)}"]
    flags += [f"-modfile={module.modfile}"] + (["-tags", module.tags] if module.tags else [])
    return flags + (_QUICK if module.quick else [])


def _settings(module: GoModule) -> dict[str, str]:
    """The caller's Go settings must not decide what comes out; where modules come from stays the caller's matter."""
    settings = {"GOWORK": "off", "GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local"}
    return settings | {"CGO_ENABLED": "1" if module.cgo else "0", "GOOS": "linux", "GOARCH": "amd64"}


def _key(module: GoModule, go: str) -> str:
    folder = GO_MODULES / module.folder
    sums = Path(module.modfile).with_suffix(".sum").name
    sources = [module.modfile, sums, *sorted(str(each.relative_to(folder)) for each in folder.glob("**/*.go"))]
    texts = {name: (folder / name).read_text() for name in sources}
    inputs = (_flags(module), _settings(module), module.packages, module.rename, go_version_text(go))
    return cache.key_of(texts, *inputs)


def pause_program() -> Path:
    """The directory with `pause`, a static program of a few KiB."""
    flags = ["-static", "-Os", "-s"]

    def build(directory: Path) -> None:
        run(["gcc", *flags, "-x", "c", "-o", directory / "pause", "-"], stdin=_PAUSE)

    return cache.entry("pause", cache.key_of(_PAUSE, flags), build)
