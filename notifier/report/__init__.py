"""What came of a run, for people: what to do about each cause, a page, tables to take away.

`advice` says what a cause means and what to do; `words` names states; `account` adds the sheet's
rows up; `timeline` draws; `page` writes the HTML report; `export` writes json, csv and xlsx.
Everything is read from `ledger/reports.py` and written out row by row.
"""
