"""A recorded session as a page to read, and two of them compared.

facts/      what it came to, as numbers
pictures/   the same as pictures
wording     seconds, shares and numbers as people read them
transcript  what was said, line by line
page        the report as HTML
pdf         HTML as PDF
compared    a comparison as a page, as lines for a terminal and as plain data
pages/      templates and their style
"""
