"""How nodes find the API: one module per way, all of one shape.

To add one: a module that makes an ApiEndpoint, a line in API_ENDPOINTS, and what in the answers chooses it.
"""

from __future__ import annotations

from assets.api_endpoint import direct
from assets.api_endpoint.shape import ApiEndpoint
from kinstall.cluster import ClusterSpec

API_ENDPOINTS: dict[str, ApiEndpoint] = {"direct": direct.API_ENDPOINT}


def api_endpoint(spec: ClusterSpec) -> ApiEndpoint:
    """The one that the answers chose: today there is only one."""
    return API_ENDPOINTS["direct"]


__all__ = ["API_ENDPOINTS", "ApiEndpoint", "api_endpoint"]
