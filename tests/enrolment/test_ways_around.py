"""Ways to have the broker, or a server, do what credentials do not allow."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders import host_batch, tally
from servers import NatsServer
from waiting import eventually

from robometrics import subjects
from robometrics.api.verify import answering
from robometrics.broker import (
    Message,
    last_sequence,
    unacknowledged,
)
from robometrics.errors import DiscardMessageError
from robometrics.requests import Verdict, decode_verdict
from robometrics.schema import Tally, decode_batch, encode
from robometrics.store import Store

from .attacking import OTHER, OWN, connected, is_refused, settled
from .sites import EnrolledSite


async def test_an_answer_is_no_way_to_speak_for_another(site: EnrolledSite) -> None:
    """Who asks says where to answer, and the broker does not check whose that is."""
    asked: list[str] = []

    async def answer(message: Message) -> None:
        asked.append(message.reply)
        if message.reply:
            await message.respond(b"chosen by who asks")

    async with (
        connected(site, "server", "server") as server,
        connected(site, "worker", OWN) as link,
    ):
        await server.subscribe(subjects.TIME, answer)
        await settled(server)
        client = link.require_client()
        await client.publish(subjects.TIME, b"", reply=subjects.host_samples(OTHER))
        own = await link.request(subjects.TIME, b"", timeout_seconds=5)

        assert b"chosen by who asks" == own
        assert "" == asked[0]
        assert asked[1].startswith(link.inbox)


async def test_a_worker_is_told_what_of_its_own_host_is_stored_and_of_no_other(
    site: EnrolledSite, store: Store
) -> None:
    async with (
        connected(site, "server", "server") as server,
        connected(site, "worker", OWN) as link,
        answering(server, store),
    ):

        async def verdict(sent: Tally) -> Verdict:
            where = subjects.verify(OWN)
            answer = await link.request(where, encode(sent), timeout_seconds=20)
            return decode_verdict(answer or b"")

        await settled(server)
        own, other = (tally(host_batch(host=host), host=host) for host in (OWN, OTHER))

        assert Verdict(rows=own.rows) == await verdict(own)
        refused = await verdict(other)
        assert ([], True) == (refused.rows, "another host's" in refused.problem)
        for subject in (subjects.verify(OTHER), subjects.VERIFY):
            assert await is_refused(link, "publish", subject)
        # Nor does a server with an identity listen where all could ask about all.
        assert "" == server.last_error


async def test_an_acknowledgement_sent_elsewhere_is_no_sample_and_no_order(
    site: EnrolledSite,
) -> None:
    """JetStream acknowledges to any subject, but in its own words alone.

    That such words arrive on another host's subject cannot be forbidden: there they are
    a dead letter. JetStream itself does not listen to them.
    """
    heard: list[bytes] = []

    async def note(message: Message) -> None:
        heard.append(message.data)

    async with (
        connected(site, "server", "server") as server,
        connected(site, "worker", OWN) as link,
    ):
        await server.subscribe(subjects.all_samples_of(OTHER), note)
        await settled(server)
        before = await last_sequence(server)
        for reply in (
            "$JS.API.STREAM.PURGE.ROBOMETRICS",
            "$JS.API.STREAM.DELETE.ROBOMETRICS",
            "$JS.API.CONSUMER.DELETE.ROBOMETRICS.persist",
            subjects.host_samples(OTHER),
        ):
            client = link.require_client()
            await client.publish(subjects.host_samples(OWN), b"x", reply=reply)
        await eventually(lambda: heard)

        assert before + 5 == await last_sequence(server)  # the last with its answer
        assert before + 5 <= await unacknowledged(server, before + 5)
        with pytest.raises(DiscardMessageError):
            decode_batch(heard[0])


async def test_credentials_of_a_host_are_not_for_a_broker_of_many(
    site: EnrolledSite, tmp_path: Path
) -> None:
    """A leaf node would bring in whoever connects to it."""
    file = Path(site.address("worker", OWN).credentials_file)
    way = f'credentials: "{file}"'
    if site.kind == "users":
        way = f'nkey: "{file.read_text().strip()}"'
    leaf = NatsServer(tmp_path / "leaf")
    leaf.directory.mkdir()
    leaf.config = tmp_path / "leaf.conf"
    leaf.config.write_text(
        f"""leafnodes {{ remotes: [{{
          url: "nats-leaf://127.0.0.1:{site.leaf_port}"
          {way} }}] }}"""
    )
    log = leaf.directory / "nats.log"

    leaf.start(jetstream=False)
    try:
        await eventually(lambda: "Leafnode Error" in log.read_text())
        assert "Authorization Violation" in log.read_text()
    finally:
        leaf.stop()
