"""Which terminals show what is drawn anew again and again."""

from rich.console import Console


def can_redraw(console: Console) -> bool:
    """A dumb one (TERM=dumb: an editor's shell, a build's log) shows nothing until the end."""
    return console.is_terminal and not console.is_dumb_terminal
