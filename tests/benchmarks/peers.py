"""The same mail through what people use today: smtplib, aiosmtplib and mailmerge.

smtplib and aiosmtplib are given text that is already rendered, which favours them: they build
an `EmailMessage` and send it. aiosmtplib also has a row in which it is given finished messages, and
does nothing but send. mailmerge renders its own template, text and HTML, from the sheet.
"""

from __future__ import annotations

import asyncio
import smtplib
import subprocess
import sys
import threading
import time
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import aiosmtplib
from workspace import TEXT, row


def rendered(number, body):
    """A message as the peers are given it: address, subject, text and HTML."""
    _key, name, _class, address, *_marks = row(number)
    return address, f"Kết quả học tập của em {name} (lớp 10A1)", body.text, body.html


def build(number, body):
    """The `EmailMessage` that both libraries' manuals show."""
    address, subject, text, html = rendered(number, body)
    message = EmailMessage()
    message["From"] = "Trường THPT Nguyễn Du <daotao@nguyendu.example>"
    message["To"] = address
    message["Subject"] = subject
    message.set_content(text)
    message.add_alternative(html, subtype="html")
    return message


def finished(number, body):
    """Address and bytes of a whole message."""
    message = build(number, body)
    return message["To"], message.as_bytes(policy=SMTP)


def smtplib_threads(port, messages, body, threads=8):
    """Seconds for `messages` by smtplib in so many threads."""

    def work(numbers):
        with smtplib.SMTP("127.0.0.1", port) as client:
            for number in numbers:
                client.send_message(build(number, body))

    began = time.perf_counter()
    workers = [
        threading.Thread(target=work, args=(range(first, messages, threads),))
        for first in range(threads)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return time.perf_counter() - began


def aiosmtplib_connections(port, messages, body, connections=8, *, is_finished=False):
    """Seconds for `messages` by aiosmtplib over so many connections.

    `is_finished`: it is given whole messages, instead of text and HTML to build one of.
    """
    sender = "daotao@nguyendu.example"
    whole = [finished(number, body) for number in range(messages)] if is_finished else []

    async def work(numbers):
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False) as client:
            for number in numbers:
                if is_finished:
                    address, data = whole[number]
                    await client.sendmail(sender, [address], data)
                else:
                    await client.send_message(build(number, body))

    async def main():
        jobs = (work(range(first, messages, connections)) for first in range(connections))
        await asyncio.gather(*jobs)

    began = time.perf_counter()
    asyncio.run(main())
    return time.perf_counter() - began


MAILMERGE_HEAD = """\
TO: {{email}}
SUBJECT: Ket qua hoc tap cua em {{name}}
FROM: daotao@nguyendu.example

"""


def mailmerge(root, port, messages):
    """Seconds for `messages` by the mailmerge command, start-up included."""
    text = TEXT.replace("{{ campaign.title }}", "Kết quả học tập").replace("row[mon]", "row")
    text = text.replace('{{ row["Lớp"] }}', "{{lop}}").replace("{{ row }}", "{{diem}}")
    text = text.replace("{{ key }}", "{{key}}")
    (root / "mailmerge_template.txt").write_text(MAILMERGE_HEAD + text)
    (root / "mailmerge_server.conf").write_text(
        f"[smtp_server]\nhost = 127.0.0.1\nport = {port}\nratelimit = 0\n"
    )
    with (root / "mailmerge_database.csv").open("w") as sheet:
        sheet.write("email,name,lop,key,diem\n")
        for number in range(messages):
            key, name, group, address, mark, *_ = row(number)
            sheet.write(f"{address},{name},{group},{key},{mark}\n")
    command = Path(sys.executable).with_name("mailmerge")
    began = time.perf_counter()
    subprocess.run(
        [command, "--no-dry-run", "--no-limit", "--output-format=text"],
        cwd=root,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return time.perf_counter() - began
