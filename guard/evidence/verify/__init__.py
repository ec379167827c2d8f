"""Verifying a journal: whether each log is what was written, and where it first is not."""

from guard.evidence.verify.journal import Progress, verify
from guard.evidence.verify.outside import MAX_FILE_BYTES, Outside, outside
from guard.evidence.verify.report import LogReport, Report

__all__ = ["MAX_FILE_BYTES", "LogReport", "Outside", "Progress", "Report", "outside", "verify"]
