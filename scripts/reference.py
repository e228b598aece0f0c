"""Write the reference, ``docs/reference``, from the code.

``python scripts/reference.py``; with ``--check`` nothing is written, and the exit code
is 1 if a page does not say what the code says.
"""

from __future__ import annotations

import argparse
import sys

from documenting.pages import FOLDER, pages, stale


def main() -> int:
    parser = argparse.ArgumentParser(description="Write docs/reference from the code.")
    parser.add_argument("--check", action="store_true", help="only compare")
    options = parser.parse_args()
    found = pages()
    outdated = stale(found, FOLDER)
    for name in outdated:
        path = FOLDER / name
        if options.check:
            print(f"docs/reference/{name} is stale: run python scripts/reference.py")
            continue
        print(f"docs/reference/{name}")
        if name in found:
            FOLDER.mkdir(parents=True, exist_ok=True)
            path.write_text(found[name], encoding="utf-8")
        else:
            path.unlink()
    return 1 if options.check and outdated else 0


if __name__ == "__main__":
    sys.exit(main())
