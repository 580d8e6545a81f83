"""A registry's manifests, asked for as the distribution specification says and as containerd does: nothing is pulled.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

from kinstall.cluster import Mirror
from kinstall.secrets import Secrets
from kinstall.sources import http
from kinstall.sources.http import Response

_INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_ACCEPT = ", ".join((*_INDEXES, *_MANIFESTS))
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_TOKEN = re.compile(r"[!-~]{1,16384}")
"""What a header can carry."""
_LARGEST = 1 << 50
"""Bytes: what says that it is larger lies."""
_HUB = {"docker.io": "registry-1.docker.io"}

Request = Callable[[str, str, Mapping[str, str], str], Response]
"""request(method, url, headers, path of a CA certificate or ""). Raises OSError where there is no response."""


def api_of(registry: str, mirror: Mirror | None) -> str:
    """The address of the API that has a registry's images, as containerd makes it from a mirror's endpoint."""
    return mirror.api if mirror else f"https://{_HUB.get(registry, registry)}/v2"


class WrongDigest(Exception):
    """What was sent is not what was asked for: both as `sha256:…`."""

    def __init__(self, asked: str, found: str) -> None:
        super().__init__(f"its digest is {found}, not {asked}")
        self.asked, self.found = asked, found


class Repository:
    """One repository of a registry, or of its mirror, with the login that it asks for.

    `registry` and `name` are those of the image's reference (`registry.k8s.io`, `coredns/coredns`).
    """

    def __init__(
        self, registry: str, name: str, mirror: Mirror | None, secrets: Secrets, request: Request = http.request
    ) -> None:
        self._url, self._query = f"{api_of(registry, mirror)}/{name}", f"?ns={registry}" if mirror else ""
        self._request = request
        self._ca = mirror.ca_file if mirror else ""
        self._headers = {"Accept": _ACCEPT}
        if mirror and mirror.user:
            encoded = b64encode(f"{mirror.user}:{secrets.resolve(mirror.password).reveal()}".encode()).decode()
            self._headers["Authorization"] = f"Basic {encoded}"

    def manifest(self, reference: str) -> Response:
        """The manifest or the index of a tag, or of a digest, which is compared.

        Raises:
            OSError: no response
            WrongDigest: the response is not what the digest names
        """
        url = f"{self._url}/manifests/{reference}{self._query}"
        response = self._request("GET", url, self._headers, self._ca)
        if response.status == 401 and "Authorization" not in self._headers:
            token = self._token(response.headers.get("www-authenticate", ""))
            if token:
                self._headers["Authorization"] = f"Bearer {token}"
                response = self._request("GET", url, self._headers, self._ca)
        if response.status == 200 and reference.startswith("sha256:") and digest_of(response) != reference:
            raise WrongDigest(reference, digest_of(response))
        return response

    def size(self, manifest: Response, arch: str) -> int | None:
        """Bytes that a node of an architecture pulls, None where the image is not there for it.

        Raises:
            OSError: no response
            ValueError: the response is not a manifest
            WrongDigest: what the index names is not what it says
        """
        content = _mapping(_json(manifest.body))
        if "manifests" in content:
            entries = [_mapping(each) for each in _list(content["manifests"])]
            entry = next((each for each in entries if _is_for(_mapping(each.get("platform") or {}), arch)), None)
            if entry is None:
                return None
            digest = entry.get("digest")
            if not (isinstance(digest, str) and _DIGEST.fullmatch(digest)):
                raise ValueError("the index has an entry without a digest")
            found = self.manifest(digest)
            if found.status != 200:
                return None
            content = _mapping(_json(found.body))
        parts = [content.get("config") or {}, *_list(content.get("layers") or [])]
        return sum(_size(_mapping(part).get("size")) for part in parts)

    def _token(self, header: str) -> str:
        """An anonymous token; "" where there is none.

        https://github.com/distribution/distribution/blob/main/docs/content/spec/auth/token.md
        """
        scheme, parameters = http.challenge(header)
        realm = parameters.pop("realm", "")
        if scheme != "bearer" or not realm.startswith("https://"):
            return ""
        response = self._request("GET", f"{realm}?{urlencode(parameters)}", {}, "")
        if response.status != 200:
            return ""
        try:
            content = _mapping(_json(response.body))
        except ValueError:
            return ""
        token = str(content.get("token") or content.get("access_token") or "")
        return token if _TOKEN.fullmatch(token) else ""


def digest_of(manifest: Response) -> str:
    """`sha256:…` of what was sent; what its headers say of it is not believed."""
    return f"sha256:{sha256(manifest.body).hexdigest()}"


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def _mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("it has something else where a mapping belongs")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError("it has something else where a list belongs")
    return value


def _size(value: Any) -> int:
    return value if isinstance(value, int) and 0 <= value <= _LARGEST else 0


def _is_for(platform: Mapping[str, Any], arch: str) -> bool:
    return platform.get("os") == "linux" and platform.get("architecture") == arch
