"""One look for strays, and fixing all that it has found."""

from __future__ import annotations

from cronstack.onetime.planner import FORGOTTEN
from cronstack_infra.ops.strays.find import Strays
from cronstack_infra.ops.strays.stray import Stray
from tests.ops.shop import Shop

LATER = FORGOTTEN + 60_000
DAY = 86_400_000


def look(shop: Shop, *known: str) -> Strays:
    return Strays(shop.clients, shop.deployment, shop.once(), lambda: shop.stage.now, known=known)


def found(shop: Shop, *known: str) -> list[Stray]:
    return look(shop, *known).find()


def mended(shop: Shop) -> list[str]:
    strays = look(shop)
    return [strays.mend(one) for one in strays.find()]
