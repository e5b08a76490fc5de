"""A workspace with one campaign of believable size, for the benchmarks."""

from __future__ import annotations

TOML = """\
[workspace]
locale = "vi"
ledger = "data/ledger.sqlite"
[relays.main]
host = "127.0.0.1"
port = {port}
tls = "none"
max_connections = {connections}
max_messages_per_connection = 100000
"""

CAMPAIGN = """\
title: Kết quả học tập học kỳ I
from: "Trường THPT Nguyễn Du <daotao@nguyendu.example>"
recipients:
  file: data/marks.csv
  email: Email phụ huynh
  name: Họ và tên
  key: Mã HS
template: marks
relay: main
"""

SUBJECT = "Kết quả học tập của em {{ name }} (lớp {{ row['Lớp'] }})"

SUBJECTS = ("Toán", "Ngữ văn", "Tiếng Anh", "Vật lí", "Hoá học", "Sinh học", "Lịch sử", "Tin học")

HTML = """\
<!doctype html>
<html lang="vi"><head><meta charset="utf-8"><title>{{ campaign.title }}</title>
<style>
body { margin: 0; font-family: Arial, sans-serif; color: #1d2733; }
h1 { font-size: 18px; color: #0b5394; }
td, th { border-bottom: 1px solid #d5dde5; padding: 6px; }
td.mark { text-align: right; font-weight: bold; }
p.note { color: #5b6770; font-size: 13px; }
</style></head><body>
<h1>{{ campaign.title }}</h1>
<p>Kính gửi phụ huynh em <b>{{ name }}</b>, lớp {{ row["Lớp"] }}.</p>
<table>
<tr><th>Môn</th><th>Điểm</th></tr>
{% for mon in ["Toán", "Ngữ văn", "Tiếng Anh", "Vật lí"] -%}
<tr><td>{{ mon }}</td><td class="mark">{{ row[mon] }}</td></tr>
{% endfor %}
</table>
<p>Nhà trường trân trọng thông báo kết quả học tập và mong gia đình tiếp tục phối hợp.</p>
<p class="note">Thư tự động, xin không trả lời. Mã học sinh: {{ key }}.</p>
</body></html>
"""

TEXT = """\
{{ campaign.title }}

Kính gửi phụ huynh em {{ name }}, lớp {{ row["Lớp"] }}.
{% for mon in ["Toán", "Ngữ văn", "Tiếng Anh", "Vật lí"] %}
- {{ mon }}: {{ row[mon] }}
{%- endfor %}

Nhà trường trân trọng thông báo kết quả học tập và mong gia đình tiếp tục phối hợp.
Thư tự động, xin không trả lời. Mã học sinh: {{ key }}.
"""

FAMILY = ("Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Vũ", "Đặng", "Bùi")
MIDDLE = ("Văn", "Thị", "Minh", "Thanh", "Đức", "Ngọc", "Hồng", "Quốc")
GIVEN = ("An", "Bình", "Chi", "Dũng", "Giang", "Hạnh", "Khánh", "Linh", "Nga", "Phúc")


def names(number):
    """A pupil's name, the same for the same number."""
    return " ".join(
        (FAMILY[number % 8], MIDDLE[number // 8 % 8], GIVEN[number // 64 % 10]),
    )


def row(number):
    """A row of the sheet: id, name, class, address, eight marks."""
    marks = [f"{(number * 7 + subject * 13) % 101 / 10:g}" for subject in range(8)]
    return (f"HS{number:07d}", names(number), "10A1", f"ph{number}@parents.example", *marks)


def settle(root, *, port, connections):
    """Write the settings into `root`."""
    (root / "notifier.toml").write_text(TOML.format(port=port, connections=connections))


def make(root, *, port, recipients, connections=32):
    """Write the workspace into `root`."""
    for folder in ("campaigns", "templates/marks", "data"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    settle(root, port=port, connections=connections)
    (root / "campaigns/marks.yaml").write_text(CAMPAIGN)
    (root / "templates/marks/subject.txt").write_text(SUBJECT)
    (root / "templates/marks/body.html").write_text(HTML)
    (root / "templates/marks/body.txt").write_text(TEXT)
    with (root / "data/marks.csv").open("w", encoding="utf-8") as sheet:
        sheet.write(",".join(("Mã HS", "Họ và tên", "Lớp", "Email phụ huynh", *SUBJECTS)) + "\n")
        sheet.writelines(",".join(row(number)) + "\n" for number in range(recipients))
