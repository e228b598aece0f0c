"""``robometrics.query``: stored samples in Python, for polars, pandas or pyarrow."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from robometrics.errors import BadRequestError
from robometrics.lib.download import fetched
from robometrics.settings import ReaderSettings, load
from robometrics.tokens import read_token

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

Time = str | float | datetime
Names = str | Sequence[str]


class Table:
    """What was found, as an Arrow stream; in whichever form it is wanted.

    Times are UTC to the nanosecond, names are categories, and what was not measured
    is null.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        """The stream itself, for what else reads Arrow."""

    def __repr__(self) -> str:
        return f"<robometrics table, {len(self.data):,} bytes>"

    def __len__(self) -> int:
        return int(self.arrow().num_rows)

    def arrow(self) -> pa.Table:
        """Return it for pyarrow; ``schema.field(name).metadata`` has the units.

        Raises:
            ImportError: pyarrow is not installed.
        """
        try:
            import pyarrow as pa  # noqa: PLC0415
        except ModuleNotFoundError as exc:
            raise _missing("pyarrow", "'roborregos-metrics[query]'") from exc
        return pa.ipc.open_stream(self.data).read_all().unify_dictionaries()

    def polars(self) -> pl.DataFrame:
        """Return it for polars.

        Raises:
            ImportError: polars is not installed.
        """
        try:
            import polars as pl  # noqa: PLC0415
        except ModuleNotFoundError as exc:
            raise _missing("polars", "polars") from exc
        return pl.read_ipc_stream(io.BytesIO(self.data))

    def pandas(self) -> pd.DataFrame:
        """Return it for pandas: integers stay exact beside ``NA``.

        Raises:
            ImportError: pandas or pyarrow is not installed.
        """
        table = self.arrow()
        import pyarrow as pa  # noqa: PLC0415

        try:
            import pandas as pd  # noqa: PLC0415
        except ModuleNotFoundError as exc:
            raise _missing("pandas", "pandas") from exc
        kinds = {pa.int64(): pd.Int64Dtype(), pa.int32(): pd.Int32Dtype()}
        return table.to_pandas(types_mapper=kinds.get)

    def rows(self) -> list[dict[str, Any]]:
        """Return plain Python values, row by row; times to the microsecond.

        Raises:
            ImportError: pyarrow is not installed.
        """
        table = self.arrow()
        import pyarrow as pa  # noqa: PLC0415

        index = table.schema.get_field_index("time")
        time = table["time"].cast(pa.timestamp("us", "UTC"), safe=False)
        found: list[dict[str, Any]] = table.set_column(index, "time", time).to_pylist()
        return found


def query(
    *metrics: str,
    host: Names,
    process: Names | None = None,
    gpu: int | Sequence[int] | None = None,
    tags: Mapping[str, str] | None = None,
    start: Time = "-15m",
    stop: Time = "now",
    points: int | None = None,
    resolution: Literal["raw", "auto", "10s", "1m", "1h"] | None = None,
    layout: Literal["wide", "long"] = "wide",
    url: str | None = None,
) -> Table:
    """Return stored samples, or steps of them with mean, min and max.

    Args:
        metrics: Names as ``cpu_percent``; none: all that is stored.
        host: Names of hosts, or patterns as ``robot-*``.
        process: The same; neither these, ``gpu`` nor ``tags``: the hosts themselves.
        gpu: Indexes of GPUs.
        tags: Only processes whose latest run has all of them.
        start: ``-15m``, seconds since 1970, ISO 8601, or a datetime with a time zone.
        stop: The same, or ``now``.
        points: At most so many steps, or one more, from the cheapest source that will
            do; not given: every sample as it was taken.
        resolution: Steps of that length.
        layout: ``wide``, a column for each metric, or ``long``, a row for each value.
        url: The server; else the option ``api_url``, or that of a running
            ``robometrics up``.

    Raises:
        BadRequestError: A value is wrong; it names the field.
        NotFoundError: Nothing is called so.
        NotLoggedInError: The server wants a token: set ``ROBOMETRICS_TOKEN``.
        RetryLaterError: The server is away, or cut the answer off.
        SettingsError: An option is wrong.
    """
    asked = [
        *_repeated("host", host),
        *_repeated("process", process),
        *_repeated("gpu", gpu),
        *_repeated("metric", metrics),
        *(("tag", f"{key}={value}") for key, value in (tags or {}).items()),
        ("from", _time("start", start)),
        ("to", _time("stop", stop)),
        ("layout", layout),
        ("resolution", resolution or ("raw" if points is None else "auto")),
    ]
    if points is not None:
        asked.append(("max_points", str(points)))
    settings = load(ReaderSettings, {} if url is None else {"api_url": url})
    token = read_token(settings.token_file)
    with fetched(settings.api_url, asked, "arrow", token) as pieces:
        return Table(b"".join(pieces))


def _repeated(
    name: str, values: str | int | Iterable[str | int] | None
) -> list[tuple[str, str]]:
    if values is None:
        return []
    if isinstance(values, str | int):
        values = [values]
    return [(name, str(value)) for value in values]


def _time(field: str, value: Time) -> str:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise BadRequestError(field, "the datetime has no time zone")
        return value.isoformat()
    return f"{value:.9f}" if isinstance(value, float) else str(value)


def _missing(name: str, package: str) -> ImportError:
    return ImportError(f"{name} is missing: pip install {package}", name=name)
