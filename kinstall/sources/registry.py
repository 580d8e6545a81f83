"""A registry's manifests, asked for as the distribution specification says and as containerd does: nothing is pulled.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Mapping
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
_HUB = {"docker.io": "registry-1.docker.io"}

Request = Callable[[str, str, Mapping[str, str], str], Response]
"""request(method, url, headers, path of a CA certificate or ""). Raises OSError where there is no response."""


def api_of(registry: str, mirror: Mirror | None) -> str:
    """The address of the API that has a registry's images, as containerd makes it from a mirror's endpoint."""
    endpoint = (mirror.endpoint if mirror else f"https://{_HUB.get(registry, registry)}").rstrip("/")
    return endpoint if endpoint.endswith("/v2") else f"{endpoint}/v2"


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
        """The manifest or the index of a tag or a digest. Raises OSError."""
        url = f"{self._url}/manifests/{reference}{self._query}"
        response = self._request("GET", url, self._headers, self._ca)
        if response.status == 401 and "Authorization" not in self._headers:
            token = self._token(response.headers.get("www-authenticate", ""))
            if token:
                self._headers["Authorization"] = f"Bearer {token}"
                return self._request("GET", url, self._headers, self._ca)
        return response

    def size(self, manifest: Response, arch: str) -> int | None:
        """Bytes that a node of an architecture pulls, None where the image is not there for it.

        Raises:
            OSError: no response
            ValueError: the response is not a manifest
        """
        try:
            content = json.loads(manifest.body)
            if "manifests" in content:
                entry = next((each for each in content["manifests"] if _is_for(each.get("platform") or {}, arch)), None)
                if entry is None:
                    return None
                content = json.loads(self.manifest(entry["digest"]).body or b"{}")
            parts = [content.get("config", {}), *content.get("layers", ())]
            return sum(int(part.get("size", 0)) for part in parts)
        except (TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ValueError(str(error)) from None

    def _token(self, header: str) -> str:
        """An anonymous token; "" where there is none.

        https://github.com/distribution/distribution/blob/main/docs/content/spec/auth/token.md
        """
        scheme, parameters = http.challenge(header)
        realm = parameters.pop("realm", "")
        if scheme != "bearer" or not realm.startswith("https://"):
            return ""
        response = self._request("GET", f"{realm}?{urlencode(parameters)}", {}, "")
        content = json.loads(response.body) if response.status == 200 else {}
        return str(content.get("token") or content.get("access_token") or "") if isinstance(content, dict) else ""


def _is_for(platform: Mapping[str, str], arch: str) -> bool:
    return platform.get("os") == "linux" and platform.get("architecture") == arch
