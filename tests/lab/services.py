"""The mirror and the registry: two processes on the bridge's address, in a cgroup of their own."""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

from tests.lab import cache, cgroups, mirror_server, programs
from tests.lab.network import BRIDGE_ADDRESS
from tests.lab.paths import SOURCES
from tests.lab.progress import waiting_for
from tests.lab.shell import LabError
from tests.lab.versions import versions

MIRROR_URL = f"http://{BRIDGE_ADDRESS}:8000"
REGISTRY_URL = f"http://{BRIDGE_ADDRESS}:5000"

_CGROUP = "services"
_LOCAL = urllib.request.build_opener(urllib.request.ProxyHandler({}))

_REGISTRY_CONFIG = """\
version: 0.1
log: {{level: warn}}
storage:
  filesystem: {{rootdirectory: {storage}}}
  maintenance: {{readonly: {{enabled: true}}}}
http: {{addr: "{address}:5000"}}
"""


def start(logs: Path, site: Path, storage: Path) -> None:
    """Start both, unless they already run and serve exactly this."""
    logs.mkdir(parents=True, exist_ok=True)
    config = logs / "registry.yml"
    config.write_text(_REGISTRY_CONFIG.format(storage=storage, address=BRIDGE_ADDRESS))
    registry = programs.compiled(versions().module("registry")) / "registry"
    mirror = [sys.executable, "-m", "tests.lab.mirror_server", str(site), BRIDGE_ADDRESS, "8000"]
    mirror.append(str(logs / "mirror-access.log"))
    code = cache.key_of(Path(mirror_server.__file__).read_text())
    _ensure("mirror", mirror, f"{MIRROR_URL}/dl.k8s.io/", logs, identity=f"{site} {code}")
    identity = f"{registry} {storage}"
    _ensure("registry", [str(registry), "serve", str(config)], f"{REGISTRY_URL}/v2/", logs, identity=identity)


def running() -> dict[str, int]:
    """Process ids by the service's name."""
    found = {}
    for pid in cgroups.pids(_CGROUP):
        words = _environment(pid)
        if "KINSTALL_LAB_SERVICE" in words:
            found[words["KINSTALL_LAB_SERVICE"]] = pid
    return found


def _ensure(name: str, command: list[str], url: str, logs: Path, *, identity: str) -> None:
    """Leave a service alone that was started with this identity: others may be downloading from it."""
    if (pid := running().get(name)) is not None:
        if _environment(pid).get("KINSTALL_LAB_IDENTITY") == identity:
            return
        with suppress(ProcessLookupError):
            os.kill(pid, 9)
    joins = " ".join(f"{path}/cgroup.procs" for path in cgroups.create(_CGROUP))
    shell = f'for each in {joins}; do echo $$ > "$each"; done; exec "$@"'
    environment = {**os.environ, "KINSTALL_LAB_SERVICE": name, "KINSTALL_LAB_IDENTITY": identity}
    environment |= {"OTEL_TRACES_EXPORTER": "none"}
    with (logs / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(
            ["/bin/sh", "-c", shell, name, *command],
            cwd=SOURCES.parent.parent,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    with waiting_for(f"the {name} to answer at {url}", quiet_under=2):
        for _ in range(200):
            if process.poll() is not None:
                words = (logs / f"{name}.log").read_text(errors="replace")[-2000:]
                raise LabError(f"the {name} ended at once with {process.returncode}: {words}")
            if _answers(url):
                return
            time.sleep(0.05)
    raise LabError(f"the {name} does not answer at {url}; its words are in {logs / f'{name}.log'}")


def _answers(url: str) -> bool:
    try:
        _LOCAL.open(url, timeout=2).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def _environment(pid: int) -> dict[str, str]:
    with suppress(OSError):
        text = Path(f"/proc/{pid}/environ").read_text(errors="replace")
        return dict(line.split("=", 1) for line in text.split("\0") if "=" in line)
    return {}
