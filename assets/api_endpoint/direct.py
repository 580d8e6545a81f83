"""Everybody asks one address: the first control plane's, or the one in the answers (a load balancer of your own)."""

from __future__ import annotations

from assets.api_endpoint.shape import ApiEndpoint

API_ENDPOINT = ApiEndpoint(
    from_node=lambda spec, node: spec.endpoint,
    certificate_names=lambda spec: (spec.endpoint_host,),
    files=lambda spec, node: (),
)
