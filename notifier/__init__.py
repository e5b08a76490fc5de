"""Bulk notification mail: a spreadsheet and a template become mail, and a report."""

__version__ = "0.1.0"
