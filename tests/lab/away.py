"""For how long an API server does not answer."""

import ssl
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

_EVERY = 0.2


@contextmanager
def away(address: str, port: int = 6443) -> Iterator[list[float]]:
    """Ask /readyz all the while; the list has the seconds of each stretch in which nobody said that all is well."""
    gaps: list[float] = []
    over = threading.Event()

    def ask() -> None:
        since = None
        while not over.wait(_EVERY):
            if _ready(address, port):
                since = None
                continue
            if since is None:
                since = time.monotonic()
                gaps.append(0.0)
            gaps[-1] = time.monotonic() - since

    asker = threading.Thread(target=ask, daemon=True)
    asker.start()
    try:
        yield gaps
    finally:
        over.set()
        asker.join()


def _ready(address: str, port: int) -> bool:
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    try:
        with urllib.request.urlopen(f"https://{address}:{port}/readyz", timeout=2, context=trusting) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
