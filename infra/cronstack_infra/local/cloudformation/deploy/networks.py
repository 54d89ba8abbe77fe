"""Deletion of parts of a network. moto creates them from a template and never deletes them, which blocks their VPC."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from cronstack_infra.local.moto import privates


def _route_table(backend: Any, table: Any) -> None:
    for association in privates.associations_of(table):
        backend.disassociate_route_table(association)
    backend.delete_route_table(table.id)


def _internet_gateway(backend: Any, gateway: Any) -> None:
    if gateway.vpc is not None:
        backend.detach_internet_gateway(gateway.id, gateway.vpc.id)
    backend.delete_internet_gateway(gateway.id)


def _nat_gateway(backend: Any, gateway: Any) -> None:
    backend.delete_nat_gateway(gateway.id)


def _address(backend: Any, address: Any) -> None:
    backend.release_address(address=address.public_ip)


def _endpoint(backend: Any, endpoint: Any) -> None:
    backend.delete_vpc_endpoints([endpoint.id])


REMOVALS: Final[Mapping[str, Callable[[Any, Any], None]]] = {
    "AWS::EC2::EIP": _address,
    "AWS::EC2::InternetGateway": _internet_gateway,
    "AWS::EC2::NatGateway": _nat_gateway,
    "AWS::EC2::RouteTable": _route_table,
    "AWS::EC2::VPCEndpoint": _endpoint,
}
"""Deletion function by type, given the backend and moto's object. Attachments and routes are deleted with these."""


def remove(kind: str, part: Any, account: str, region: str) -> bool:
    """Delete a part of a network. Return False for other types."""
    removal = REMOVALS.get(kind)
    if removal is None:
        return False
    from moto.ec2.models import ec2_backends  # slow to import, but a template with a network has imported it

    removal(ec2_backends[account][region], part)
    return True
