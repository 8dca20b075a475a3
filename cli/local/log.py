"""Formats the log for the terminal: one line per record with its time, in colour if it is a terminal."""

import logging
import re
import sys

DIM, RED, GREEN, YELLOW, PLAIN = "\033[2m", "\033[31m", "\033[32m", "\033[33m", "\033[0m"
WORDS = {"HIT": GREEN, "MISS": YELLOW}
LEVELS = {logging.WARNING: YELLOW, logging.ERROR: RED, logging.CRITICAL: RED}


class ColourFormatter(logging.Formatter):
    """A log formatter with colours: a dimmed time, HIT and MISS, and whole lines for warnings and errors."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802, logging's name
        """The time, dimmed."""
        return f"{DIM}{super().formatTime(record, datefmt)}{PLAIN}"

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802, logging's name
        """The line, coloured by its level, or with HIT and MISS coloured."""
        line = super().formatMessage(record)
        colour = LEVELS.get(record.levelno)
        if colour:
            return f"{colour}{line}{PLAIN}"
        return re.sub(r"\b(HIT|MISS)\b", lambda word: f"{WORDS[word[0]]}{word[0]}{PLAIN}", line)


def log_to_terminal() -> None:
    """Send imgy's log to standard output."""
    formatter = ColourFormatter if sys.stdout.isatty() else logging.Formatter
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter("%(asctime)s  %(message)s", "%H:%M:%S"))
    log = logging.getLogger("imgy")
    log.handlers, log.propagate = [handler], False
    log.setLevel(logging.INFO)
