from __future__ import annotations

import pytest

from notifier.recipients.number_formats import parse_format


@pytest.mark.parametrize(
    ("code", "number", "shown"),
    [
        ("00000", 123.0, "00123"), ("00", 7.0, "07"), ("00", 123.0, "123"),
        ("0000 000 000", 912345678.0, "0912 345 678"), ('"HS"0000', 12.0, "HS0012"),
        ("000\\-000", 1234.0, "001-234"), ("0.0", 8.466666, 8.5), ("0.00", 8.466666, 8.47),
        ("0.0", 8.45, 8.5), ("#,##0", 1234.56, 1235.0), ("0", 7.6, 8.0), ("0.0_);(0.0)", 2.25, 2.3),
        ("0.0##", 2.123456, 2.123), ("0%", 0.95, ("p", 0.95, 0)), ("0.0%", 0.955, ("p", 0.955, 1)),
        ("0.0", -8.45, -8.5), ("00000", -1.0, -1.0), ("00000", 1.5, 1.5),
        ('#,##0 "đ"', 1500.4, 1500.0), ("[$-42A]0.0", 1.26, 1.3),
    ],
)  # fmt: skip
def test_a_number_is_shown_as_its_format_says(code, number, shown):
    """Padded, rounded half up as Excel rounds, or as percent."""
    form = parse_format(code)
    assert form is not None
    assert form.show(number) == shown


@pytest.mark.parametrize(
    "code", ["General", "", "@", "dd/mm/yyyy", "[h]:mm:ss", "# ?/?", "0.00E+00"]
)
def test_other_formats_leave_the_number_alone(code):
    """Dates are recognised elsewhere; fractions and exponents stay numbers."""
    assert parse_format(code) is None
