"""Errors cross process borders and logs: nothing of them may get lost there."""

from __future__ import annotations

import copy
import pickle

import pytest

from robometrics import errors
from robometrics.errors import BadRequestError, RoboMetricsError, SkipProcessError


def all_errors() -> list[type[RoboMetricsError]]:
    """Return those of the contract; an area may have codes of another protocol."""
    found: list[type[RoboMetricsError]] = [RoboMetricsError]
    for cls in found:
        found.extend(
            each for each in cls.__subclasses__() if each.__module__ == errors.__name__
        )
    return found


def example(cls: type[RoboMetricsError]) -> RoboMetricsError:
    if issubclass(cls, SkipProcessError):
        return cls(42)
    if issubclass(cls, BadRequestError):
        return cls("limit", "too large")
    return cls("it broke")


ALL = pytest.mark.parametrize("cls", all_errors(), ids=lambda cls: cls.__name__)


@ALL
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickling_keeps_class_text_and_attributes(
    cls: type[RoboMetricsError], protocol: int
) -> None:
    error = example(cls)

    back = pickle.loads(pickle.dumps(error, protocol))  # noqa: S301  our own bytes

    assert (cls, str(error), error.args, vars(error), error.code) == (
        type(back),
        str(back),
        back.args,
        vars(back),
        back.code,
    )


@ALL
@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_copying_keeps_class_text_and_attributes(
    cls: type[RoboMetricsError], copied: object
) -> None:
    error = example(cls)
    assert callable(copied)

    back = copied(error)

    assert (cls, str(error), error.args, vars(error)) == (
        type(back),
        str(back),
        back.args,
        vars(back),
    )


def test_the_text_says_it_once() -> None:
    assert ["process 42: process_gone", "limit: too large", "it broke"] == [
        str(errors.ProcessGoneError(42)),
        str(BadRequestError("limit", "too large")),
        str(errors.RetryLaterError("it broke")),
    ]


def test_each_class_has_a_code_of_its_own() -> None:
    """Codes label counters and answers: two classes under one would be one."""
    codes = [cls.code for cls in all_errors()]

    assert sorted(set(codes)) == sorted(codes)
    assert all("code" in vars(cls) for cls in all_errors())


def test_every_error_of_the_module_is_one_of_ours() -> None:
    public = {
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, Exception)
    }

    assert set(all_errors()) == public
