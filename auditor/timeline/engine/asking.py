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


def passed_on(signal: Signal) -> Signal:
    """Declare a signal whose last argument goes through all listeners."""

    def ask(heard: Heard) -> Callable[..., Any]:
        def tell(*args: object) -> object:
            before, out = args[:-1], args[-1]
            for hear in heard:
                out = hear(*before, out)
            return out

        return tell

    KINDS[signal.__name__] = ask
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
