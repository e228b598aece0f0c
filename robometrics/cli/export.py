"""``robometrics export``: stored samples as a file, whole or not at all."""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from robometrics.cli.export_page import Shown, shown
from robometrics.cli.services import complain
from robometrics.cli.text import printable
from robometrics.errors import RoboMetricsError
from robometrics.lib.download import fetched
from robometrics.settings import ReaderSettings, add_flags, load
from robometrics.tokens import read_token

FORMATS = ("csv", "parquet", "arrow")
EXIT_INTERRUPTED = 130
_PLAIN = ("from", "to", "resolution", "max_points", "layout", "time")
_LISTS = ("host", "process", "gpu", "tag", "metric")


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "export",
        help="write stored samples to a CSV, Parquet or Arrow file",
        description="Ask a server for samples, and write them to a file. The file is "
        "there only once it is complete.",
        allow_abbrev=False,
    )
    # Else it takes -1h for an option.
    parser._negative_number_matcher = re.compile(r"-\d+(ms|[smhdw])")  # noqa: SLF001
    parser.add_argument(
        "--host",
        action="append",
        required=True,
        metavar="NAME",
        help="or a pattern as robot-*; repeatable, as those below are",
    )
    parser.add_argument(
        "--process",
        action="append",
        metavar="NAME",
        help="or a pattern; neither these, GPUs nor tags: the hosts themselves",
    )
    parser.add_argument("--gpu", action="append", metavar="INDEX")
    parser.add_argument(
        "--tag",
        action="append",
        metavar="KEY=VALUE",
        help="only processes whose latest run has all of them",
    )
    parser.add_argument(
        "--metric",
        action="append",
        metavar="NAME",
        help="as cpu_percent; by commas, too (default: all that is stored)",
    )
    when = "now, -15m (ms s m h d w), seconds since 1970, or ISO 8601"
    parser.add_argument("--from", default="-15m", metavar="TIME", help=when)
    parser.add_argument("--to", default="now", metavar="TIME", help="the same forms")
    parser.add_argument(
        "--resolution",
        choices=("raw", "auto", "10s", "1m", "1h"),
        default="raw",
        help="raw: every sample as taken; else steps with mean, min and max",
    )
    parser.add_argument(
        "--max-points", metavar="INT", help="steps, of --resolution auto"
    )
    parser.add_argument(
        "--layout",
        choices=("wide", "long"),
        default="wide",
        help="a column for each metric, or a row for each value",
    )
    parser.add_argument(
        "--time",
        choices=("iso", "epoch_ns"),
        default="iso",
        help="how CSV says times",
    )
    parser.add_argument(
        "--format", choices=FORMATS, help="default: what --output ends in, or csv"
    )
    parser.add_argument(
        "--output",
        "-o",
        default="-",
        metavar="FILE",
        help="where to (default: standard output)",
    )
    parser.add_argument(
        "--url",
        dest="api_url",
        default=argparse.SUPPRESS,
        help="short for --api-url",
    )
    add_flags(parser, ReaderSettings)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Export; return 0 if the file is complete."""
    wanted = options.format or _format_of(options.output)
    if options.output == "-" and wanted != "csv" and sys.stdout.isatty():
        return complain(f"{wanted} is not for terminals: name a file with --output")
    try:
        settings = load(ReaderSettings, vars(options))
        token = read_token(settings.token_file)
        opened = fetched(settings.api_url, asked(options), wanted, token)
        with shown() as progress, opened as pieces, _output(options.output) as file:
            for piece in pieces:
                file.write(piece)
                progress.add(len(piece))
    except RoboMetricsError as exc:
        return complain(printable(str(exc)))
    except BrokenPipeError:
        raise  # whoever read our output has seen enough
    except OSError as exc:
        return complain(f"{options.output}: {exc.strerror}")
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    _say(progress, options.output)
    return 0


def asked(options: argparse.Namespace) -> list[tuple[str, str]]:
    """Return the parameters of the request."""
    given = vars(options)
    found = [(name, given[name]) for name in _PLAIN if given[name] is not None]
    found += [(name, value) for name in _LISTS for value in given[name] or ()]
    return found


def _format_of(output: str) -> str:
    ending = Path(output).suffix.removeprefix(".").lower()
    return ending if ending in FORMATS else "csv"


@contextlib.contextmanager
def _output(name: str) -> Iterator[BinaryIO]:
    """Yield a file that gets its name at the end of the block, and not by an error."""
    if name == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = Path(name)
    if path.exists() and not path.is_file():  # a pipe, /dev/null
        with path.open("wb") as file:
            yield file
        return
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with draft.open("wb") as file:
            yield file
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _say(progress: Shown, output: str) -> None:
    where = "" if output == "-" else f" to {printable(output)}"
    print(f"wrote {progress}{where}", file=sys.stderr)
