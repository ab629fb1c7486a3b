"""What is heard of a feed: canonical audio blocks, voice activity, utterances."""
