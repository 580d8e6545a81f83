"""The mirror and the registries: processes on the bridge's address, in a cgroup of their own."""

import os
import secrets
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

import bcrypt

from tests.lab import cache, cgroups, mirror_server, programs
from tests.lab.network import BRIDGE_ADDRESS
from tests.lab.paths import SOURCES
from tests.lab.progress import waiting_for
from tests.lab.shell import LabError, run
from tests.lab.versions import versions

MIRROR_URL = f"http://{BRIDGE_ADDRESS}:8000"
REGISTRY_URL = f"http://{BRIDGE_ADDRESS}:5000"

_CGROUP = "services"
# It only asks whether a server of ours answers at all.
_UNVERIFIED = urllib.request.HTTPSHandler(context=ssl._create_unverified_context())  # noqa: S323
_LOCAL = urllib.request.build_opener(urllib.request.ProxyHandler({}), _UNVERIFIED)

PRIVATE_URL = f"https://{BRIDGE_ADDRESS}:5443"
PRIVATE_USER = "lab-puller"
# Files in the private registry's folder.
CA = "ca.pem"
PASSWORD = "password"

_REGISTRY_CONFIG = """\
version: 0.1
log: {{level: warn}}
storage:
  filesystem: {{rootdirectory: {storage}}}
  maintenance: {{readonly: {{enabled: true}}}}
"""
_PLAIN = """\
http: {{addr: "{address}:5000"}}
"""
_PRIVATE = """\
http: {{addr: "{address}:5443", tls: {{certificate: {home}/server.pem, key: {home}/server.key}}}}
auth: {{htpasswd: {{realm: lab, path: {home}/htpasswd}}}}
"""
_CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "3650")


def start(logs: Path, sites: Path, storage: Path) -> None:
    """Start the mirror and the registry, unless they already run. What they serve may grow meanwhile."""
    logs.mkdir(parents=True, exist_ok=True)
    mirror = [sys.executable, "-m", "tests.lab.mirror_server", str(sites), BRIDGE_ADDRESS, "8000"]
    mirror.append(str(logs / "mirror-access.log"))
    code = cache.key_of(Path(mirror_server.__file__).read_text())
    _ensure("mirror", mirror, f"{MIRROR_URL}/dl.k8s.io/", logs, identity=f"{sites} {code}")
    _registry("registry", REGISTRY_URL, _REGISTRY_CONFIG + _PLAIN, logs, storage=storage)


def start_private(logs: Path, home: Path, storage: Path) -> None:
    """Start the registry a second time with the same images, but with TLS and a password, unless it already runs."""
    if not (home / PASSWORD).exists():
        _make_private(home)
    _registry("private-registry", PRIVATE_URL, _REGISTRY_CONFIG + _PRIVATE, logs, storage=storage, home=home)


def _registry(name: str, url: str, template: str, logs: Path, **values: Path) -> None:
    config = logs / f"{name}.yml"
    config.write_text(template.format(address=BRIDGE_ADDRESS, **values))
    program = programs.compiled(versions().module("registry")) / "registry"
    # By its key and not by its path: two checkouts with caches of their own share one lab.
    identity = f"{program.parent.name} {cache.key_of(config.read_text())}"
    _ensure(name, [str(program), "serve", str(config)], f"{url}/v2/", logs, identity=identity)


def _make_private(home: Path) -> None:
    """A certificate authority, the server's certificate, and the user's password, which is written last."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    own = [*_CURVE, "-subj", "/CN=the lab's private registry"]
    run(["openssl", "req", "-x509", *own, "-keyout", f"{home}/ca.key", "-out", f"{home}/{CA}"])
    names = ["-addext", f"subjectAltName=IP:{BRIDGE_ADDRESS}", "-addext", "basicConstraints=critical,CA:FALSE"]
    signed = ["-subj", f"/CN={BRIDGE_ADDRESS}", *names, "-CA", f"{home}/{CA}", "-CAkey", f"{home}/ca.key"]
    files = ["-keyout", f"{home}/server.key", "-out", f"{home}/server.pem"]
    run(["openssl", "req", "-x509", *_CURVE, *signed, *files])
    password = secrets.token_hex(12)
    # The cheapest rounds: it is looked at with every request.
    hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(rounds=4)).decode()
    (home / "htpasswd").write_text(f"{PRIVATE_USER}:{hashed}\n")
    partial = home / "password.partial"
    partial.touch(mode=0o600)
    partial.write_text(password)
    partial.rename(home / PASSWORD)


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
