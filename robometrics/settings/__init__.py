"""Every option: a flag, an environment variable and a key of the config file.

``--nats-url``, ``ROBOMETRICS_NATS_URL`` and ``nats_url = "…"`` are one option. Flags
win over the environment, that over the config file, that over a running
``robometrics up``, that over the default. A name nobody knows is refused.

``common``, ``commands``, ``worker``, ``server`` and ``up`` say which options there are.
``loading`` brings together what ``sources`` and ``flags`` give, and ``values`` makes of
each text a value.
"""

from robometrics.settings.commands import ClientSettings, ReaderSettings, SiteSettings
from robometrics.settings.common import Common, Login, LogLevel
from robometrics.settings.flags import add_flags, to_flags
from robometrics.settings.loading import ALL_SETTINGS, load
from robometrics.settings.server import Role, ServerSettings
from robometrics.settings.sources import CONFIG_ENV, ENV_PREFIX
from robometrics.settings.up import UpSettings
from robometrics.settings.worker import Durability, WorkerSettings

__all__ = [
    "ALL_SETTINGS",
    "CONFIG_ENV",
    "ENV_PREFIX",
    "ClientSettings",
    "Common",
    "Durability",
    "LogLevel",
    "Login",
    "ReaderSettings",
    "Role",
    "ServerSettings",
    "SiteSettings",
    "UpSettings",
    "WorkerSettings",
    "add_flags",
    "load",
    "to_flags",
]
