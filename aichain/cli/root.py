"""The root of the command line: every failure a user can cause ends as cause, fix and exit code."""

import errno
import io
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

import click

from aichain.cli.exit_codes import CommandError, CommandExit, explain
from aichain.cli.lazy_group import LazyGroup
from native.errors import AIChainError

CHECK_PATH: Final = "check the path and its permissions"
FILE_FIXES: Final[Mapping[int, str]] = {
    errno.ENOSPC: "free some disk space",
    errno.EDQUOT: "free some disk space, or ask for a larger quota",
    errno.EMFILE: "ulimit -n 4096, or close other programs",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EEXIST: "choose another path: something is there already",
    errno.ENOTDIR: "choose another path: a file stands where a folder should be",
}


class Root(LazyGroup):
    """Expected failures of any room, wrong arguments and files that cannot be used: two lines."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,  # noqa: ANN401 as click declares it
    ) -> Any:  # noqa: ANN401 as click declares it
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        output = sys.stdout
        if isinstance(output, io.TextIOWrapper):  # names of files may be any bytes
            output.reconfigure(errors="backslashreplace")
        try:
            code = super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        except click.ClickException as error:
            shown = _two_lines(error)
            shown.show()
            code = shown.exit_code
        except AIChainError as error:
            shown = explain(error)
            shown.show()
            code = shown.exit_code
        except SystemExit as ended:
            # click muffles the streams when whoever read them went away
            code = ended.code if sys.stdout is output else CommandExit.OUTPUT_CLOSED
        except (click.Abort, KeyboardInterrupt):
            click.echo("interrupted", err=True)
            code = CommandExit.INTERRUPTED
        except OSError as error:
            shown = _file_error(error)
            shown.show()
            code = shown.exit_code
        sys.exit(code if isinstance(code, int) else CommandExit.OK)


def _two_lines(error: click.ClickException) -> click.ClickException:
    """Wrong arguments in the same shape as every other error; bare groups still show their help."""
    if isinstance(error, CommandError | click.exceptions.NoArgsIsHelpError):
        return error
    command = "aichain"
    if isinstance(error, click.UsageError) and error.ctx is not None:
        command = error.ctx.command_path
    return CommandError(error.format_message(), f"see `{command} --help`", CommandExit.USAGE)


def _file_error(error: OSError) -> CommandError:
    reason = error.strerror or str(error)
    fix = FILE_FIXES.get(error.errno or 0, CHECK_PATH)
    return CommandError(f"{error.filename}: {reason}" if error.filename else reason, fix)
