"""What a spreadsheet becomes: one Recipient per message, and rows that can't become one.

    spreadsheet   a file of any kind -> rows of values with their numbers
        kinds         what a file is, whatever its name says
        delimited     csv and tsv, by pandas in chunks      encoding   bytes -> text
        workbook      xlsx, xls, ods, xlsb: caps, and the reader process
            workbook_reader   runs in a process of its own (python-calamine under limits)
            traps             what a sheet hides: rows, links, formulas without a result
            number_formats    what a cell shows where that differs from what it holds
        html_table    the HTML tables that school software saves as .xls
    header        where the header is, and what the columns are called
    columns       which column is the address, the name, the key
    cells         a raw cell -> a plain value
    address       a cell's text -> addresses for the envelope
    slips         domains that are probably misspelt
    table         a sheet with its header: rows as values by column
        sheet_traps   what `traps` found, told by row and column
    roster        a campaign's sheet -> recipients and rejections, adding up
        sieve         one reading, row by row
        joined, folding, trailer   the joined file; rows of one key; totals and signatures
    rejected      rejections written out, ready to mend and import again

Start at `roster.open_roster`. Nothing is imported here: pandas loads with `spreadsheet`.
"""
