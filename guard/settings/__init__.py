"""Reading `guard.yaml` into a `guard.config.Config`, with every error in it and none of its secrets.

`document` turns text into plain values that know their lines, `reader` holds them against the structs, `checks` looks
at what the structs cannot say, `problem` is what they all report with, `loading` puts them in a row.
"""

from guard.settings.loading import load
from guard.settings.problem import Problem, SettingsError

__all__ = ["Problem", "SettingsError", "load"]
