"""What the values of HTTP's fields are made of, as regular expressions."""

from __future__ import annotations

TCHAR = "!#$%&'*+.^_`|~0-9A-Za-z-"
"""The characters of a token, for use within brackets (RFC 9110, section 5.6.2)."""

TOKEN = f"[{TCHAR}]+"
