"""Parts of a network: moto makes them from a template and never deletes them, so that their VPC cannot go."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from cronstack_infra.local.moto import privates


def _route_table(there: Any, table: Any) -> None:
    for association in privates.associations_of(table):
        there.disassociate_route_table(association)
    there.delete_route_table(table.id)


def _internet_gateway(there: Any, gateway: Any) -> None:
    if gateway.vpc is not None:
        there.detach_internet_gateway(gateway.id, gateway.vpc.id)
    there.delete_internet_gateway(gateway.id)


def _nat_gateway(there: Any, gateway: Any) -> None:
    there.delete_nat_gateway(gateway.id)


def _address(there: Any, address: Any) -> None:
    there.release_address(address=address.public_ip)


def _endpoint(there: Any, endpoint: Any) -> None:
    there.delete_vpc_endpoints([endpoint.id])


REMOVALS: Final[Mapping[str, Callable[[Any, Any], None]]] = {
    "AWS::EC2::EIP": _address,
    "AWS::EC2::InternetGateway": _internet_gateway,
    "AWS::EC2::NatGateway": _nat_gateway,
    "AWS::EC2::RouteTable": _route_table,
    "AWS::EC2::VPCEndpoint": _endpoint,
}
"""By type: how a part is deleted, given the backend and moto's object. Attachments and routes go with these."""


def remove(kind: str, part: Any, account: str, region: str) -> bool:
    """Delete a part of a network; False when the type is none of them."""
    removal = REMOVALS.get(kind)
    if removal is None:
        return False
    from moto.ec2.models import ec2_backends  # a template with a network has loaded it

    removal(ec2_backends[account][region], part)
    return True
