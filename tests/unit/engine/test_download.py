"""Downloads for real: sh programs on a node in a mount namespace fetch from an HTTP server on loopback."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
import threading
import time
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from kinstall.engine.diff import Action, pending
from kinstall.engine.host import ShellHost, Work
from kinstall.engine.record import undo_order
from kinstall.engine.steps import Download, Script, Step, Unit
from tests.unit.local_node import LocalNode


class Heard:
    def __init__(self) -> None:
        self.ends: dict[int, int] = {}
        self.words: dict[int, list[str]] = {}

    def began(self, index: int) -> None: ...

    def said(self, index: int, line: str) -> None:
        self.words.setdefault(index, []).append(line)

    def ended(self, index: int, status: int) -> None:
        self.ends[index] = status

    def waits(self, reason: str) -> None: ...


class Site:
    """An HTTP server: path → content. `cut` paths break off in the middle, `stuck` ones stop there; `asked` counts."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.cut: set[str] = set()
        self.stuck: set[str] = set()
        self.over = threading.Event()
        self.asked: list[str] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append(self.path)
                if self.path not in site.files:
                    self.send_error(404)
                    return
                content = site.files[self.path]
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                half = self.path in site.cut | site.stuck
                self.wfile.write(content[: len(content) // 2] if half else content)
                if self.path in site.stuck:
                    site.over.wait(20)

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=lambda: self.server.serve_forever(0.02), daemon=True).start()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}{path}"

    def offer(self, path: str, content: bytes) -> tuple[str, str]:
        """URL and digest of a file that is served from now on."""
        self.files[path] = content
        return self.url(path), sha256(content).hexdigest()


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.over.set()
    made.server.shutdown()
    made.server.server_close()


def archive(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name.replace("__", "/"))
            info.size, info.mode, info.uid = len(content), 0o600, 1000
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def bring(node: LocalNode, *steps: Step, heard: Heard | None = None) -> Heard:
    host, heard = ShellHost("local", node), heard or Heard()
    seen = host.observe(steps, "r1")
    host.apply(Work(pending(steps, seen), steps, seen, "r1"), heard)
    return heard


def left(node: LocalNode, *steps: Step) -> list[tuple[Action, str]]:
    return [(item.action, item.detail) for item in pending(steps, ShellHost("local", node).observe(steps))]


def leftovers(node: LocalNode) -> list[str]:
    """Files in the scratch place that no step asked for."""
    return sorted(path.name for path in node.path("/mnt").rglob(".*"))


@pytest.mark.parametrize("missing", ["nothing", "curl", "openssl"])
def test_a_file_is_fetched_checked_and_put_in_place(node: LocalNode, site: Site, missing: str) -> None:
    """With curl, with wget alone and without openssl: content and mode are right, and it is fetched once."""
    if missing == "curl" and shutil.which("wget") is None:
        pytest.skip("no wget here")
    node.hide(missing)
    step = Download("/mnt/bin/tool", *site.offer("/tool", b"program" * 9999), 0o755)
    assert bring(node, step).ends == {0: 0}
    assert node.path("/mnt/bin/tool").read_bytes() == b"program" * 9999 and node.mode("/mnt/bin/tool") == 0o755
    assert left(node, step) == [] and site.asked == ["/tool"] and leftovers(node) == []


def test_a_wrong_checksum_is_named_and_nothing_put_in_place(node: LocalNode, site: Site) -> None:
    """Address, digest and the digest that was expected are told; the earlier file stays as it was."""
    node.write("/mnt/tool", "earlier")
    url, digest = site.offer("/tool", b"tampered")
    heard = bring(node, Download("/mnt/tool", url, "0" * 64))
    assert heard.ends == {0: 1} and heard.words[0] == [f"checksum of {url} is {digest}, not {'0' * 64}"]
    assert node.read("/mnt/tool") == "earlier" and leftovers(node) == []


def test_a_transfer_that_breaks_off_leaves_nothing(node: LocalNode, site: Site) -> None:
    """Half a file is never put in place."""
    step = Download("/mnt/tool", *site.offer("/tool", b"x" * 100_000))
    site.cut.add("/tool")
    heard = bring(node, step)
    assert heard.ends == {0: 1} and any("could not fetch" in word for word in heard.words[0])
    assert not node.path("/mnt/tool").exists() and leftovers(node) == []
    site.cut.clear()
    assert bring(node, step).ends == {0: 0}


def test_a_stopped_run_ends_its_downloads(node: LocalNode, site: Site) -> None:
    """A transfer is not waited for: nothing of it goes on, and nothing is left of it."""
    step = Download("/mnt/tool", *site.offer("/tool", b"x" * 100_000))
    site.stuck.add("/tool")
    heard = Heard()
    thread = threading.Thread(target=lambda: bring(node, step, heard=heard))
    thread.start()
    while not site.asked:
        time.sleep(0.01)
    ShellHost("local", node).stop("r1")
    thread.join(15)
    assert not thread.is_alive() and heard.ends == {} and leftovers(node) == []
    site.stuck.clear()
    assert bring(node, step).ends == {0: 0}


def test_a_file_that_is_not_there_is_named_and_later_steps_wait(node: LocalNode, site: Site) -> None:
    """Each download ends by itself, with its own words; what comes after them does not begin."""
    good = Download("/mnt/good", *site.offer("/good", b"good"))
    bad = Download("/mnt/bad", site.url("/missing"), "0" * 64)
    heard = bring(node, bad, good, Script("s", "", "touch /mnt/s"))
    assert heard.ends == {0: 1, 1: 0} and any("/missing" in word for word in heard.words[0])
    assert node.path("/mnt/good").exists() and not node.path("/mnt/s").exists()


def test_members_of_an_archive_go_to_their_places(node: LocalNode, site: Site) -> None:
    """Only the named ones, owned by root with the step's mode, whatever the archive says."""
    content = archive(bin__a=b"A", bin__b=b"B", README=b"no")
    step = Download("x.tgz", *site.offer("/x.tgz", content), members=(("bin/a", "/mnt/p/a"), ("bin/b", "/mnt/q/b")))
    assert bring(node, step).ends == {0: 0}
    assert (node.read("/mnt/p/a"), node.read("/mnt/q/b")) == ("A", "B")
    found = node.path("/mnt/p/a").stat()
    assert (found.st_mode & 0o777, found.st_uid) == (0o755, 0)
    assert left(node, step) == [] and leftovers(node) == [] and site.asked == ["/x.tgz"]


def test_an_archive_without_a_member_fails_in_words(node: LocalNode, site: Site) -> None:
    """A layout that changed upstream is told, and is not taken for done."""
    step = Download("x.tgz", *site.offer("/x.tgz", archive(a=b"A")), members=(("a", "/mnt/a"), ("gone", "/mnt/b")))
    heard = bring(node, step)
    assert heard.ends[0] != 0 and any("gone" in word for word in heard.words[0])
    assert left(node, step) != []


def test_what_was_downloaded_is_known_by_its_stamp(node: LocalNode, site: Site) -> None:
    """A removed or changed file is fetched again, and so is another version; its unit then restarts."""
    node.write("/etc/systemd/system/x.service", "[Service]\n")

    def steps(content: bytes) -> tuple[Step, ...]:
        return Download("/mnt/tool", *site.offer("/tool", content)), Unit("x.service", ("/mnt/tool",))

    bring(node, *steps(b"1"))
    node.path("/mnt/tool").unlink()
    assert left(node, *steps(b"1"))[0] == (Action.CREATE, "/mnt/tool: not there")
    bring(node, *steps(b"1"))
    node.write("/mnt/tool", "somebody's own", 0o755)
    assert left(node, *steps(b"1"))[0] == (Action.CHANGE, "was changed")
    bring(node, *steps(b"1"))
    assert left(node, *steps(b"2"))[0] == (Action.CHANGE, "another version")
    bring(node, *steps(b"2"))
    assert node.read("/mnt/tool") == "2" and len(node.starts()) == 4 and left(node, *steps(b"2")) == []


def test_a_download_that_replaced_a_file_is_undone(node: LocalNode, site: Site) -> None:
    """The earlier program comes back with its mode and time; one that was not there goes."""
    node.write("/mnt/tool", "earlier", 0o700)
    os.utime(node.path("/mnt/tool"), (1_000_000_000, 1_000_000_000))
    steps = (
        Download("/mnt/tool", *site.offer("/tool", b"ours")),
        Download("x.tgz", *site.offer("/x.tgz", archive(a=b"A")), members=(("a", "/mnt/new/a"),)),
    )
    bring(node, *steps)
    assert node.read("/mnt/tool") == "ours" and node.path("/mnt/new/a").exists()
    host = ShellHost("local", node)
    assert host.undo(undo_order(host.observe(steps, "r2").record), "r2", Heard())
    found = node.path("/mnt/tool").stat()
    assert (node.read("/mnt/tool"), found.st_mode & 0o777, found.st_mtime) == ("earlier", 0o700, 1_000_000_000)
    assert not node.path("/mnt/new").exists()
