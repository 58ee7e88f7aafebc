"""The four kinds of signals, by how those that listen are asked.

What is *told* has no answer. What is *passed on* (the last argument) goes through all listeners, in the order of their
ranks. Numbers that are *added* are origins: all answers count. What is *asked* is answered by the first that knows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Heard = list[Callable[..., Any]]
Signal = TypeVar("Signal", bound=Callable[..., object])

KINDS: dict[str, Callable[[Heard], Callable[..., Any]]] = {}  # how the listeners of each signal are asked


def told(signal: Signal) -> Signal:
    """Declare a signal without an answer."""

    def ask(heard: Heard) -> Callable[..., Any]:
        def tell(*args: object, **options: object) -> None:
            for hear in heard:
                hear(*args, **options)

        return tell

    KINDS[signal.__name__] = ask
    return signal


def _alone(heard: Heard) -> Callable[..., Any]:
    def tell(out: object) -> object:
        for hear in heard:
            out = hear(out)
        return out

    return tell


def _after_one(heard: Heard) -> Callable[..., Any]:
    def tell(one: object, out: object) -> object:
        for hear in heard:
            out = hear(one, out)
        return out

    return tell


def _after_two(heard: Heard) -> Callable[..., Any]:
    def tell(one: object, two: object, out: object) -> object:
        for hear in heard:
            out = hear(one, two, out)
        return out

    return tell


def _after_three(heard: Heard) -> Callable[..., Any]:
    def tell(one: object, two: object, three: object, out: object) -> object:
        for hear in heard:
            out = hear(one, two, three, out)
        return out

    return tell


def _after_four(heard: Heard) -> Callable[..., Any]:
    def tell(one: object, two: object, three: object, four: object, out: object) -> object:
        for hear in heard:
            out = hear(one, two, three, four, out)
        return out

    return tell


# What passes an argument on after none, one, two … others: by their number, for a call with a list of them takes twice
# as long, and these are what is called most.
_PASSES = (_alone, _after_one, _after_two, _after_three, _after_four)


def passed_on(signal: Signal) -> Signal:
    """Declare a signal whose last argument goes through all listeners."""
    KINDS[signal.__name__] = _PASSES[signal.__code__.co_argcount - 2]
    return signal


def added(signal: Signal) -> Signal:
    """Declare a signal whose answers are origins, of which all count."""

    def ask(heard: Heard) -> Callable[..., Any]:
        def tell(*args: object) -> int:
            out = 0
            for hear in heard:
                out |= hear(*args)
            return out

        return tell

    KINDS[signal.__name__] = ask
    return signal


def asked(signal: Signal) -> Signal:
    """Declare a signal that the first tracker answers which knows (whose answer is not None)."""

    def ask(heard: Heard) -> Callable[..., Any]:
        def tell(*args: object) -> object:
            for hear in heard:
                answer = hear(*args)
                if answer is not None:
                    return answer
            return None

        return tell

    KINDS[signal.__name__] = ask
    return signal
