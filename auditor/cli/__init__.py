"""The command line: ``golf-audit COMMAND``.

Every module of this package whose name has no leading underscore is a command and holds it as ``command``;
it is imported only when it is called, and imports what is costly only when it runs.
"""

from __future__ import annotations

import gc
import importlib
import os
import pkgutil
import sys
from collections.abc import Sequence

import click

from auditor import __version__
from auditor.durable import FULL
from auditor.regex import regex

_HINT = regex(r"pip install 'golf-audit\[(\w+)\]'")

_YOUNG = 100_000  # objects more than before, at which the collector looks at the new ones

_PLAINLY = (
    ("is not a valid integer range.", "is no whole number."),
    ("is not a valid integer.", "is no whole number."),
    ("is not a valid float range.", "is no number."),
    ("is not a valid float.", "is no number."),
)

EXIT_FOUND = 1
EXIT_USAGE = 2
EXIT_INTERNAL = 3
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141


class Group(click.Group):
    """A group of commands that names the nearest one where there is none of a name."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that is called; raises a usage error."""
        name = str(args[0])
        if not name.startswith("-") and name not in self.list_commands(ctx):
            raise click.UsageError(f"no command is called {name!r}; {nearest(name, self.list_commands(ctx))}", ctx)
        return super().resolve_command(ctx, args)


class _Commands(Group):
    """A group that finds its commands in this package and imports each when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        names = (module.name for module in pkgutil.iter_modules(__path__))
        return sorted(name.replace("_", "-") for name in names if not name.startswith("_"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"{__name__}.{cmd_name.replace('-', '_')}")
        command = module.command
        assert isinstance(command, click.Command)
        return command

    def invoke(self, ctx: click.Context) -> object:
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            # Whoever read us has enough. Nothing more may reach the pipe, not even at shutdown.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise click.exceptions.Exit(EXIT_BROKEN_PIPE) from None
        return result


_EXAMPLES = """\b
Examples:
  golf-audit check records/track_10min_16mb/2026-04-01_Name
  golf-audit explain prequant-ttt
"""


@click.group(cls=_Commands, epilog=_EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="golf-audit", message="%(prog)s %(version)s")
def cli() -> None:
    """Audit submissions to OpenAI's parameter-golf challenge.

    Submissions are read; only smoke, probe, reproduce and campaign run them, in a sandbox.
    """


def main() -> None:
    """Run the command line on the process's own arguments, and exit with its code."""
    # Starting makes much that stays and next to no garbage: the collector would look at all of it again and again,
    # and once more at the end, when the process goes anyway.
    gc.set_threshold(_YOUNG)
    code = run(sys.argv[1:])
    gc.freeze()
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code: see README, "Exit codes".

    Errors are one line on standard error; GOLF_AUDIT_TRACEBACK=1 adds the traceback of an internal one.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A terminal that can't show a character gets its number, not a crash.
            stream.reconfigure(errors="backslashreplace")
    try:
        code = cli.main(list(arguments), prog_name="golf-audit", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        if error.ctx is not None and error.ctx.command is cli:
            click.echo(error.ctx.get_help())
        else:
            complain(_nothing_called(error))
        return EXIT_USAGE
    except click.UsageError as error:
        complain(_one_line(error, arguments))
        return EXIT_USAGE
    except click.ClickException as error:
        complain(installable(error.format_message()))
        return EXIT_USAGE
    except click.Abort:
        complain("interrupted")
        return EXIT_INTERRUPTED
    except Exception as error:
        if isinstance(error, OSError) and error.errno in FULL:
            _say_full(error)
            return EXIT_USAGE
        report_internal(error)
        return EXIT_INTERNAL
    return code if isinstance(code, int) else 0


def _say_full(error: OSError) -> None:
    """Say that nothing more can be written, and where."""
    try:
        sys.stdout.flush()
    except OSError:
        # It is standard output itself. What it still holds would fail once more at shutdown.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    place = f"{error.filename}: " if error.filename is not None else ""
    complain(f"{place}nothing more can be written ({error.strerror}); make room and run the same command again")


def nearest(name: str, known: Sequence[str]) -> str:
    """Return a hint that names what is spelt nearest to a name, or all that there is."""
    import difflib

    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(known)}"


def installable(message: str) -> str:
    """Return a message with the install command that works from here, where it names an extra of ours."""
    if "golf-audit[" not in message:
        return message
    from auditor.cli._install import install_hint

    return _HINT.sub(lambda match: install_hint(match[1]), message)


def _one_line(error: click.UsageError, arguments: Sequence[str]) -> str:
    """Return a usage error in one line, with where its command is explained."""
    told = " ".join(error.format_message().split())
    for click_says, people_say in _PLAINLY:
        told = told.replace(click_says, people_say)
    path = error.ctx.command_path if error.ctx is not None else _called(arguments)
    return f"{told} See {path} --help" if told.endswith((".", "?")) else f"{told}; see {path} --help"


def _nothing_called(error: click.exceptions.NoArgsIsHelpError) -> str:
    """Return what to say to a group that is given no command of its own."""
    assert error.ctx is not None
    group = error.ctx.command
    known = ", ".join(group.list_commands(error.ctx)) if isinstance(group, click.Group) else ""
    return f"no command is given; there are {known}; see {error.ctx.command_path} --help"


def _called(arguments: Sequence[str]) -> str:
    """Return the command that arguments call, as the command line names it."""
    command: click.Command | None = cli
    names = ["golf-audit"]
    for name in arguments:
        if not isinstance(command, click.Group):
            break
        command = command.get_command(click.Context(command), name)
        if command is None:
            break
        names.append(name)
    return " ".join(names)


def complain(message: str) -> None:
    """Write one line to standard error, with everything in it made visible."""
    from reports.escape import visible

    click.echo(f"golf-audit: {visible(message)}", err=True)


def report_internal(error: BaseException, about: str = "") -> None:
    """Say in one line that golf-audit itself failed (on ``about``) and how to report it."""
    if os.environ.get("GOLF_AUDIT_TRACEBACK") == "1":
        import traceback

        traceback.print_exception(error)
    subject = f" on {about}" if about else ""
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    hint = "please open an issue with the output of the same command under GOLF_AUDIT_TRACEBACK=1"
    complain(f"internal error{subject}: {what}; {hint}")
