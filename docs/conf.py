"""How the documentation is built: `make docs`, or ``sphinx-build docs docs/_build/html``."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import told

import mesophyll

project = "mesophyll"
author = "The mesophyll developers"
version = release = mesophyll.__version__
html_title = f"mesophyll {version}"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax"]
exclude_patterns = ["_build"]

html_theme = "furo"
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#2f6b3a", "color-brand-content": "#2f6b3a"},
    "dark_css_variables": {"color-brand-primary": "#8fce9b", "color-brand-content": "#8fce9b"},
}

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

smartquotes_action = "qe"  # no dashes: --scan is an option

default_role = "code"  # what stands in single backticks in a docstring is code
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
maximum_signature_line_length = 88
napoleon_google_docstring = False
napoleon_use_rtype = False

pygments_style = "friendly"


def _escape(_app: Any, _what: str, _name: str, _object: Any, _options: Any, lines: list[str]) -> None:
    """Keep shapes, ``(C, *S)``, from being read as the beginning of something emphasised."""
    lines[:] = [re.sub(r"(?<![`*\w])\*S\b", r"\\*S", line) for line in lines]


def setup(app: Any) -> None:
    """Let the code tell its part of each page before the page is parsed."""
    app.connect("source-read", told.fill)
    app.connect("autodoc-process-docstring", _escape)
