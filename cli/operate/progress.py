"""How far a command is, on stderr and only where a person reads along; what it came to goes to stdout."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

Item = TypeVar("Item")


class _Rate(ProgressColumn):
    """How many a second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.1f}/s" if task.speed else "")


def shown(items: Iterable[Item], doing: str, total: int | None = None) -> Iterator[Item]:
    """The same items; meanwhile a bar with the rate, and the time left where the total is known."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
    hidden = not console.is_terminal
    with Progress(*columns, console=console, transient=True, redirect_stdout=False, disable=hidden) as bar:
        yield from bar.track(items, total, description=doing)


def counted(number: int, what: str) -> str:
    """So many of what, which takes an s."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"
