"""What a recorded session came to, as a page to read, and two of them compared.

speaking    who spoke how long
states      how people were over time, and where that changed
certainty   how sure the labels are
missing     what was not there, when and why
worth       what labels of a bundle are worth, as it was measured
wording     seconds, shares and numbers as people read them
charts      the pictures, as SVG that is part of the page
panels      what is drawn in them
page        the report as HTML
pdf         HTML as PDF
comparison  two sessions beside each other
compared    that as a page, as lines for a terminal and as plain data
pages/      templates and their style
"""
