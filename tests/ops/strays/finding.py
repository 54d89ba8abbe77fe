"""Find strays, and fix all of them."""

from __future__ import annotations

from cronstack.onetime.planner import ABANDONED_AFTER
from cronstack_infra.ops.strays.find import Strays
from cronstack_infra.ops.strays.stray import Stray
from tests.ops.shop import Shop

LATER = ABANDONED_AFTER + 60_000
DAY = 86_400_000


def strays_of(shop: Shop, *known: str) -> Strays:
    return Strays(shop.clients, shop.deployment, shop.once(), lambda: shop.stage.now, known=known)


def find_strays(shop: Shop, *known: str) -> list[Stray]:
    return strays_of(shop, *known).find()


def fix_all(shop: Shop) -> list[str]:
    strays = strays_of(shop)
    return [strays.fix(stray) for stray in strays.find()]
