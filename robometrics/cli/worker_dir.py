"""Where the outbox is of the worker that runs on this host."""

from __future__ import annotations

from robometrics import runtime
from robometrics.lib import client
from robometrics.requests import WhoRequest, encode_request
from robometrics.settings import ClientSettings, WorkerSettings


def worker_dir(settings: WorkerSettings) -> str:
    """Return the folder that *settings* name, else that of the worker that runs here.

    It is asked by its socket; where none answers, a running ``up`` is believed.
    """
    if settings.data_dir != WorkerSettings().data_dir:
        return settings.data_dir
    asked = ClientSettings(socket_path=settings.socket_path)
    reply = client.ask_by_socket(encode_request(WhoRequest()), asked)
    who = reply.worker if reply else None
    if who and who.data_dir and who.boot_id == runtime.boot_id():
        return who.data_dir
    running = runtime.find()
    return (running and running.worker_dir) or settings.data_dir
