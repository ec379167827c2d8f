"""What the values of HTTP's fields are made of."""

from __future__ import annotations

import re

from guard.wire.grammar import TOKEN

DELIMITERS = '"(),/:;<=>?@[\\]{}'


def test_a_token_has_every_visible_character_but_the_delimiters():
    """RFC 9110, section 5.6.2: tokens are of ASCII's visible characters, without those that delimit them."""
    found = {chr(code) for code in range(0x180) if re.fullmatch(TOKEN, chr(code))}
    assert found == {chr(code) for code in range(0x21, 0x7F)} - set(DELIMITERS)
