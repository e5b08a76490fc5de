"""Rows that are not about anybody: totals, and what is signed below a table.

Taken for such only when the row has no address, because a row skipped by mistake would be a
person forgotten. They are counted, never silently dropped.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from notifier.recipients.plain_text import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notifier.model import Value

_TOTAL = re.compile(
    r"(?:tong(?: cong| so(?: .{1,30})?| diem| ket)?|cong(?: chung)?|tong(?: cong)? \d.{0,30}|"
    r"(?:diem )?trung binh(?: (?:lop|chung|cong|khoi|truong|mon))?|tb (?:lop|chung)|"
    r"ti le|ty le|cao nhat|thap nhat|"
    r"(?:grand |sub )?totals?|subtotals?|sums?|(?:class )?(?:average|mean)|count|minimum|maximum)"
)
_SIGNED = re.compile(
    r"(?:nguoi|can bo|ke toan) (?:lap|duyet|kiem tra|ky)\b.*|"
    r"(?:(?:tp |thanh pho )?[a-z ]{2,30} )?ngay(?: \d{1,2})? (?:thang(?: \d{1,2})? nam).*|"
    r"(?:pho )?(?:hieu truong|giam doc|truong (?:phong|khoa|khoi|bo mon))(?: .{1,30})?|"
    r"(?:tm|kt|t m|k t) (?:ban giam hieu|hieu truong|giam doc|hoi dong).*|"
    r"(?:giao vien|gv) (?:chu nhiem|bo mon|cn)|gvcn|ban giam hieu|"
    r"xac nhan cua .*|"
    r"(?:da )?ky(?: va| ten)?(?: ghi ro)? ?(?:ho (?:va )?ten|dong dau).*|"
    r"(?:danh sach|bang|tong so) .{0,20}(?:nay )?(?:co|gom|an dinh) \d+ .*|"
    r"(?:ghi chu|luu y|notes?) .*|"
    r"prepared by.*|approved by.*|signature.*|signed.*|principal|head ?teacher"
)
#: Below a signature line, rows with so few cells belong to it (the signer's name).
_FEW = 3


class Trailer:
    """Tells rows that are about nobody, row by row from the top."""

    def __init__(self, header: Sequence[str]) -> None:
        """`header`: the columns' names, to know them when they are printed again on each page."""
        self._header = [plain(name) for name in header]
        self._is_below = False

    def takes(self, values: Sequence[Value], key: Value) -> bool:
        """Whether a row without an address is a total, a repeated header, or below the table."""
        filled = [value for value in values if value is not None]
        texts = [plain(value) for value in filled if isinstance(value, str)]
        if any(map(_SIGNED.fullmatch, texts)) and len(filled) <= _FEW + 1:
            self._is_below = True
            return True
        if self._is_below and len(filled) <= _FEW and not isinstance(key, int):
            return True
        return self._is_total(values, texts) or self._is_header(values)

    @staticmethod
    def _is_total(values: Sequence[Value], texts: Sequence[str]) -> bool:
        first = next((value for value in values if value is not None), None)
        return bool(texts) and isinstance(first, str) and _TOTAL.fullmatch(plain(first)) is not None

    def _is_header(self, values: Sequence[Value]) -> bool:
        pairs = [
            (plain(value) if isinstance(value, str) else "", name)
            for value, name in zip(values, self._header, strict=False)
            if value is not None
        ]
        return len(pairs) > 1 and all(value == name for value, name in pairs)
