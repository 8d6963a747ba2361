"""``python -m mesophyll`` is the command line, too."""

from __future__ import annotations

from mesophyll.cli import main

main()
