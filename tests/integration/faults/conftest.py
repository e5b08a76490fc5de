"""The parts of the fault matrix, and a line that tells its size."""

from __future__ import annotations

SIZE = "fault matrix"


def pytest_terminal_summary(terminalreporter):
    """So that a person sees how much was tried."""
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, text in getattr(report, "user_properties", ()):
                if name == SIZE and report.when == "call":
                    terminalreporter.write_line(text)
