"""What a report shows, drawn by matplotlib.

charts   pictures as SVG that is part of the page
drawing  rows, rectangles, times and lines
panels   who spoke when, what labels were made of, how sure they are
persons  how one person was over time
"""
