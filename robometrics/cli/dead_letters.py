"""``robometrics dead-letters``: look at what was set aside, replay it, or drop it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from robometrics import subjects
from robometrics.cli.on_store import add_limit, add_verb
from robometrics.cli.services import complain
from robometrics.cli.text import hexdump, printable, size, table
from robometrics.errors import DiscardMessageError, RetryLaterError, SettingsError
from robometrics.settings import ServerSettings

if TYPE_CHECKING:
    from robometrics.broker import AckedPublisher
    from robometrics.store import KeptLetter, Store

EXIT_NOT_ALL = 1
CONNECT_SECONDS = 10.0
LIMIT_DEFAULT = 20
_DUMPED_BYTES_MAX = 2_048
_DECODED_LINES_MAX = 200
_REASON_LETTERS_MAX = 100


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "dead-letters",
        help="messages that could not be stored: list, show, replay, drop",
        allow_abbrev=False,
    )
    verbs = parser.add_subparsers(metavar="VERB", required=True)

    listing = add_verb(verbs, "list", "list letters, the newest first", _list)
    add_limit(listing, LIMIT_DEFAULT)
    listing.add_argument("--consumer", help="only of this consumer")
    listing.add_argument("--subject", help="only on subjects like this; * and ? match")

    show = add_verb(verbs, "show", "show one letter, bytes and all", _show)
    show.add_argument("id", metavar="ID")

    replay = add_verb(verbs, "replay", "publish letters again", _replay)
    drop = add_verb(verbs, "drop", "forget letters", _drop)
    for each in (replay, drop):
        each.add_argument("ids", nargs="*", metavar="ID")
        each.add_argument("--all", action="store_true", help="every letter there is")
    drop.add_argument("--yes", action="store_true", help="do not ask")


async def _list(store: Store, _: ServerSettings, options: argparse.Namespace) -> int:
    found = await store.dead_letters.latest(
        options.limit, consumer=options.consumer, subject=options.subject
    )
    if not found:
        print("no dead letters")
        return 0
    rows = [("ID", "WHEN", "SIZE", "SUBJECT", "REASON")]
    rows += [_row(letter) for letter in found]
    print(table([*rows]))
    total = await store.dead_letters.count()
    if total > len(found):
        print(f"{len(found)} of {total}")
    return 0


def _row(letter: KeptLetter) -> tuple[str, str, str, str, str]:
    return (
        printable(letter.id),
        _when(letter),
        size(len(letter.data)),
        printable(letter.subject),
        printable(letter.reason)[:_REASON_LETTERS_MAX],
    )


def _when(letter: KeptLetter) -> str:
    return letter.at.astimezone().isoformat(" ", "seconds")


async def _show(store: Store, _: ServerSettings, options: argparse.Namespace) -> int:
    letter = await store.dead_letters.get(options.id)
    if letter is None:
        return _unknown(options.id)
    print(f"id        {printable(letter.id)}")
    print(f"when      {_when(letter)}")
    print(f"consumer  {printable(letter.consumer)}")
    print(f"subject   {printable(letter.subject)}")
    print(f"reason    {printable(letter.reason)}")
    print(f"size      {len(letter.data)} bytes")
    print(f"in stream at {letter.stream_sequence}\n")
    for line in hexdump(letter.data[:_DUMPED_BYTES_MAX]):
        print(line)
    if len(letter.data) > _DUMPED_BYTES_MAX:
        print(f"... and {len(letter.data) - _DUMPED_BYTES_MAX} bytes more")
    print()
    for line in _decoded(letter):
        print(printable(line))
    return 0


def _decoded(letter: KeptLetter) -> list[str]:
    """Return what *letter* says by the schema, or else as plain MessagePack."""
    import msgspec  # noqa: PLC0415

    from robometrics.schema import decode_batch, decode_note  # noqa: PLC0415

    is_event = letter.subject.startswith(subjects.EVENTS.removesuffix(">"))
    decode: Callable[[bytes], Any] = decode_note if is_event else decode_batch
    lines = []
    try:
        found = decode(letter.data)
    except DiscardMessageError as exc:
        lines.append(f"breaks the schema: {exc}")
        try:
            found = msgspec.msgpack.decode(letter.data)
        except (ValueError, RecursionError):
            return [*lines, "and is no MessagePack"]
    try:
        text = msgspec.json.format(msgspec.json.encode(found)).decode()
    except (TypeError, ValueError, RecursionError):
        text = repr(found)
    lines += text.splitlines()
    if len(lines) > _DECODED_LINES_MAX:
        more = len(lines) - _DECODED_LINES_MAX
        lines = [*lines[:_DECODED_LINES_MAX], f"... and {more} lines more"]
    return lines


async def _replay(
    store: Store, settings: ServerSettings, options: argparse.Namespace
) -> int:
    import anyio  # noqa: PLC0415

    from robometrics.broker import AckedPublisher, open_link  # noqa: PLC0415

    # Listed before the first is published: what is set aside again is not replayed
    # again, for ever.
    ids = await _chosen(store, options)
    replayed = 0
    async with (
        open_link(settings.broker, "dead-letters") as link,
        AckedPublisher.open(link, max_in_flight=1) as publisher,
    ):
        with anyio.move_on_after(CONNECT_SECONDS):
            await link.wait_up()
        link.require_client()
        for letter_id in ids:
            letter = await store.dead_letters.get(letter_id)
            if letter is None:
                _unknown(letter_id)
            elif not subjects.is_of_the_stream(letter.subject):
                complain(
                    f"{printable(letter.id)}: {printable(letter.subject)} is no "
                    "subject of samples or events; only drop helps"
                )
            else:
                replayed += await _publish_again(store, publisher, letter)
    print(f"replayed {replayed} of {len(ids)}")
    return 0 if replayed == len(ids) else EXIT_NOT_ALL


async def _publish_again(
    store: Store, publisher: AckedPublisher, letter: KeptLetter
) -> bool:
    """Publish, and only then remove; twice is once, by its id in the stream."""
    future = await publisher.publish(
        letter.subject, letter.data, message_id=f"dead-letter-{letter.id}"
    )
    try:
        await future
    except RetryLaterError as exc:
        complain(f"{printable(letter.id)}: kept: {printable(str(exc))}")
        return False
    await store.dead_letters.remove(letter.id)
    return True


async def _chosen(store: Store, options: argparse.Namespace) -> list[str]:
    if bool(options.ids) == options.all:
        raise SettingsError("name the letters, or say --all")
    return await store.dead_letters.ids() if options.all else options.ids


async def _drop(store: Store, _: ServerSettings, options: argparse.Namespace) -> int:
    ids = await _chosen(store, options)
    if not options.yes and not _agreed(len(ids)):
        complain("nothing is dropped; --yes answers the question")
        return EXIT_NOT_ALL
    dropped = 0
    for letter_id in ids:
        if await store.dead_letters.remove(letter_id):
            dropped += 1
        else:
            _unknown(letter_id)
    print(f"dropped {dropped} of {len(ids)}")
    return 0 if dropped == len(ids) else EXIT_NOT_ALL


def _agreed(count: int) -> bool:
    if not sys.stdin.isatty():
        return False
    answer = input(f"drop {count} letters for ever? [y/N] ")
    return answer.strip().lower() in ("y", "yes")


def _unknown(letter_id: str) -> int:
    complain(f"no dead letter {printable(letter_id)}")
    return EXIT_NOT_ALL
