"""What the APIs of models look like: which strings are prompt and output, usage, confidence, and how errors are worded.

Everything here is a function of parsed JSON; nothing reads or writes. Policy is elsewhere.
"""

from guard.formats.base import Format, NotUnderstood, Output, Prompt, StreamReader
from guard.formats.registry import format_for

__all__ = ["Format", "NotUnderstood", "Output", "Prompt", "StreamReader", "format_for"]
