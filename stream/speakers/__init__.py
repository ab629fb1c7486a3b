"""Who speaks: one for each feed, one for all, or speakers told apart by their voices.

assign     gives each utterance to a speaker, and tells who is new and who is one already known
apart      the same for feeds that are conversations of their own
turns      listens to a feed while somebody may speak: where speech was missed, and where somebody else begins
listening  what ten seconds tell: who of three speaks when, and how voices sound
ear        hears a feed, and teaches its conversation's voices, on a thread of its own
clusters   whose voices they are, all of the latest clustered anew each time
enrolled   how the voice sounds of somebody who is to be known by it
timeline   who speaks in which block, from all that was heard of it
"""
