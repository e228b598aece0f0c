"""``@measured``: each call of a function, each run of a generator."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any, ParamSpec, TypeVar, cast, overload

from robometrics.lib.measure.measurement import Measurement
from robometrics.lib.measure.measuring import measure
from robometrics.lib.measure.steps import Steps

P = ParamSpec("P")
R = TypeVar("R")
Report = Callable[[Measurement], object]

log = logging.getLogger("robometrics.measure")


@overload
def measured(function: Callable[P, R], /) -> Callable[P, R]: ...


@overload
def measured(
    name: str | None = None,
    /,
    *,
    report: Report | None = None,
    gpu: bool = False,
    reset_high_water: bool = True,
) -> Callable[[Callable[P, R]], Callable[P, R]]: ...


def measured(
    function: Callable[P, R] | str | None = None,
    /,
    *,
    report: Report | None = None,
    gpu: bool = False,
    reset_high_water: bool = True,
) -> Any:
    """Measure every call, and report it when the call ends, by an exception too.

    A coroutine is measured from its first step to its end, whatever else the event
    loop ran meanwhile. A generator is measured while it runs, and not while its
    consumer does; its report is the sum of its steps.

    Args:
        function: What is decorated, or the name that results bear; without a name,
            the qualified name of the function.
        report: Called with the ``Measurement`` of each call; by default it is logged
            to ``robometrics.measure`` at level INFO. What it raises is logged.
        gpu: See ``measure``.
        reset_high_water: See ``measure``.
    """

    def decorate(inner: Callable[..., Any]) -> Callable[..., Any]:
        chosen = function if isinstance(function, str) else None
        name = chosen or str(getattr(inner, "__qualname__", inner))
        begin = functools.partial(
            measure, name, gpu=gpu, reset_high_water=reset_high_water
        )
        return _wrapper(inner)(inner, begin, report or _log)

    return decorate(function) if callable(function) else decorate


Wrapper = Callable[[Callable[..., Any], Callable[[], Any], Report], Callable[..., Any]]


def _wrapper(function: Callable[..., Any]) -> Wrapper:
    if inspect.isasyncgenfunction(function):
        return _async_generator
    if inspect.isgeneratorfunction(function):
        return _generator
    if inspect.iscoroutinefunction(function):
        return _coroutine
    return _plain


def _plain(
    function: Callable[..., Any], begin: Callable[[], Any], report: Report
) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **options: Any) -> Any:
        block = begin()
        try:
            with block:
                return function(*args, **options)
        finally:
            _report(report, block)

    return wrapper


def _coroutine(
    function: Callable[..., Any], begin: Callable[[], Any], report: Report
) -> Callable[..., Any]:
    @functools.wraps(function)
    async def wrapper(*args: Any, **options: Any) -> Any:
        block = begin()
        try:
            with block:
                return await function(*args, **options)
        finally:
            _report(report, block)

    return wrapper


def _generator(
    function: Callable[..., Any], begin: Callable[[], Any], report: Report
) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **options: Any) -> Generator[Any, Any, Any]:
        """Do what ``yield from`` does (PEP 380), measuring each step."""
        inner: Generator[Any, Any, Any] = function(*args, **options)
        steps = Steps(begin)
        step: Callable[[], Any] = functools.partial(next, inner)
        try:
            while True:
                try:
                    with steps:
                        item = step()
                except StopIteration as stop:
                    return stop.value
                try:
                    sent = yield item
                except GeneratorExit:
                    with steps:
                        inner.close()
                    raise
                except BaseException as exc:
                    step = functools.partial(inner.throw, exc)
                else:
                    step = functools.partial(inner.send, sent)
        finally:
            _report(report, steps.total)

    return wrapper


def _async_generator(
    function: Callable[..., Any], begin: Callable[[], Any], report: Report
) -> Callable[..., Any]:
    @functools.wraps(function)
    async def wrapper(*args: Any, **options: Any) -> AsyncGenerator[Any, Any]:
        inner: AsyncGenerator[Any, Any] = function(*args, **options)
        steps = Steps(begin)
        step: Callable[[], Any] = functools.partial(anext, inner)
        try:
            while True:
                try:
                    with steps:
                        item = await step()
                except StopAsyncIteration:
                    return
                try:
                    sent = yield item
                except GeneratorExit:
                    with steps:
                        await inner.aclose()
                    raise
                except BaseException as exc:
                    step = functools.partial(inner.athrow, exc)
                else:
                    step = functools.partial(inner.asend, sent)
        finally:
            _report(report, steps.total)

    return wrapper


def _log(found: Measurement) -> None:
    log.info("%s", found)


def _report(report: Report, found: Measurement | None) -> None:
    if found is None:
        return
    try:
        report(found)
    except Exception:
        # The measured function has done its work; what it returns goes to its caller.
        log.exception("the report of %s failed", cast("Any", found).name)
