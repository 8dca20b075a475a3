"""How the log looks in the terminal: a line each, with the time, and in colour where a person reads along."""

import logging
import re
import sys

DIM, RED, GREEN, YELLOW, PLAIN = "\033[2m", "\033[31m", "\033[32m", "\033[33m", "\033[0m"
WORDS = {"HIT": GREEN, "MISS": YELLOW}
LEVELS = {logging.WARNING: YELLOW, logging.ERROR: RED, logging.CRITICAL: RED}


class ColourFormatter(logging.Formatter):
    """Time dimmed, HIT and MISS told apart, warnings and errors as a whole in their colour."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802, logging's name
        """The time, dimmed."""
        return f"{DIM}{super().formatTime(record, datefmt)}{PLAIN}"

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802, logging's name
        """The line, coloured by its level, or word by word."""
        line = super().formatMessage(record)
        colour = LEVELS.get(record.levelno)
        if colour:
            return f"{colour}{line}{PLAIN}"
        return re.sub(r"\b(HIT|MISS)\b", lambda word: f"{WORDS[word[0]]}{word[0]}{PLAIN}", line)


def log_to_terminal() -> None:
    """Send imgy's log to standard output, and nothing of other libraries below a warning."""
    look = ColourFormatter if sys.stdout.isatty() else logging.Formatter
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(look("%(asctime)s  %(message)s", "%H:%M:%S"))
    log = logging.getLogger("imgy")
    log.handlers, log.propagate = [handler], False
    log.setLevel(logging.INFO)
