"""What systems on one Kafka have to share, or each shows only its part: said where the settings do not name it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.cli._members import members
from streams.ground.errors import UnavailableError

if TYPE_CHECKING:
    from streams.ground.settings import Settings


def others_there(settings: Settings) -> int:
    """How many host a read model on this Kafka; none where it does not say so, as one on which nobody ever worked."""
    from streams.processors import view

    try:
        return members(settings)[view.DECLARATION.name]
    except UnavailableError:
        return 0


def not_shared(settings: Settings, others: int) -> list[str]:
    """Lines for whoever starts a system on an outside Kafka; `others` host a read model there already."""
    from streams.gateway.hooks import BUILT_IN
    from streams.gateway.settings import HookSettings
    from streams.ground.setting import fold
    from streams.readmodel.settings import ViewSettings

    if not settings.bootstrap:
        return []
    secrets = settings.of(HookSettings).secrets
    own = [] if settings.of(ViewSettings).url else ["EXLIFY_VIEW_URL (else each lists only its share of the tasks)"]
    unnamed = [fold(name) for name in BUILT_IN if fold(name) not in secrets]
    own += [f"EXLIFY_HOOK_{name.upper()}_SECRET (else each takes other webhooks)" for name in unnamed]
    if not own:
        return []
    if others:
        first = f"! Another system works on this Kafka ({others} of the read model). Give both the same"
    else:
        first = "shared     where another system works on the same Kafka, give both the same"
    return [first, *(f"           {each}" for each in own)]
