"""Features of corpora: what the encoders make of every utterance, kept on disk in stores that training reads.

extract     a whole corpus described into a store
describe    some utterances described, in batches
sound       the sound of an utterance, as the live path would hear it
sight       what is seen of it, by the tracker's own eyes
recognised  its words as a recogniser would write them
store       a store, written shard by shard and read as if it were one list
manifest    what a store says of itself
"""
