"""What reads the command line: as argparse does, with less said of what is wrong."""

from __future__ import annotations

import argparse
import sys
from typing import NoReturn

EXIT_USAGE = 2


class Parser(argparse.ArgumentParser):
    """Reads the words of one command; those below it are of this class too."""

    def error(self, message: str) -> NoReturn:
        """End with what has to be given, and with *message* as the last line.

        The usage of argparse lists all options, some thirty lines of them, and what is
        wrong would be lost below these.
        """
        needed = [each for each in self._actions if _is_needed(each)]
        formatter = self._get_formatter()
        formatter.add_usage(None, needed, [])
        usage = " ".join(formatter.format_help().split())
        print(f"{usage} [options]; --help lists them", file=sys.stderr)
        print(f"{self.prog}: error: {message}", file=sys.stderr)
        sys.exit(EXIT_USAGE)


def _is_needed(action: argparse.Action) -> bool:
    return action.required or not action.option_strings
