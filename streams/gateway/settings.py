"""What can be set about the gateway and its webhooks, and how the command line finds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from streams.gateway.webhooks import SECRET_SHAPE, decoded_secrets
from streams.ground.hosts import is_this_machine
from streams.ground.kinds import Kind, address
from streams.ground.setting import Group, family, setting
from streams.ground.settings import Settings

AT_HOME = "local"
REPLACES = "EXLIFY_REPLACE_VERSIONS"


@dataclass(frozen=True, kw_only=True)
class GatewaySettings(Group):
    """The gateway."""

    port: int = setting(
        "EXLIFY_GATEWAY_PORT", 8460, "Port of the gateway; 0 picks a free one", minimum=0, maximum=65_535
    )
    url: str = setting(
        "EXLIFY_GATEWAY_URL",
        "",
        "Where the command line finds the gateway",
        kind=address("http", "https"),
        endpoint="gateway",
    )
    token: str = setting("EXLIFY_API_TOKEN", "", "Bearer token that the gateway demands, if set", secret=True)
    max_body_bytes: int = setting(
        "EXLIFY_MAX_BODY_BYTES", 1_048_576, "Largest HTTP body that the gateway reads", minimum=1
    )
    replaces: str = setting(
        REPLACES,
        AT_HOME,
        "Whether a definition may take the version of another (`exlify deploy --replace`); `local`: while EXLIFY_HOST "
        "is this machine alone, as in development",
        choices=(AT_HOME, "never", "always"),
    )


def may_replace(settings: Settings) -> bool:
    """Whether other content may take the version of a definition: people rely on what a version says."""
    said = settings.of(GatewaySettings).replaces
    return is_this_machine(settings.host) if said == AT_HOME else said == "always"


@dataclass(frozen=True, kw_only=True)
class TaskSettings(Group):
    """People's tasks."""

    claim_s: int = setting(
        "EXLIFY_TASK_CLAIM_S",
        1_800,
        "Seconds that a claim on a task lasts, unless it says so itself",
        minimum=1,
        maximum=86_400,
    )
    undo_s: int = setting(
        "EXLIFY_TASK_UNDO_S",
        10,
        "Seconds that an answer given at the console can be taken back; it counts only then",
        minimum=0,
        maximum=600,
    )


@dataclass(frozen=True, kw_only=True)
class HookSettings(Group):
    """Webhooks."""

    secrets: Mapping[str, tuple[bytes, ...]] = family(
        "EXLIFY_HOOK_<NAME>_SECRET",
        "Secrets of a hook that hooks.yaml gives none, separated by blanks; default: one of its own in the data folder",
        kind=Kind(decoded_secrets, SECRET_SHAPE),
        secret=True,
    )
