"""Recordings in the formats of the trade: each file one of them, or a pair that belongs together.

formats      what there is: what each is for, what it keeps and what it cannot carry
fitting      text, times and media, so that they fit into what can hold less
columns      what is known of an utterance, a person, a face, as columns of a table
subtitles    WebVTT with its metadata, SubRip
elan         ELAN
nova         NOVA
emotionml    EmotionML 1.0
parquet      Apache Parquet
mcap         MCAP with an index
tables       CSV; events as BIDS has them
rttm         who spoke when
"""
