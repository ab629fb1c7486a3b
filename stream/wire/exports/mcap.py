"""MCAP as Foxglove and a robot's tools like it best: compressed, with an index of times and topics."""

import io

from emotrack.stream.wire.exports.fitting import Files
from emotrack.stream.wire.protocol.encoding import encode
from emotrack.stream.wire.publish.mcap import SUFFIX, Channels, opened
from emotrack.stream.wire.recordings.conversation import Conversation


def mcap_file(conversation: Conversation) -> Files:
    """Every message as it was published."""
    output = io.BytesIO()
    writer = opened(output, chunked=True)
    writer.start()
    channels = Channels(writer)
    for message in conversation.messages:
        channels.add(message, encode(message))
    writer.finish()
    return {SUFFIX: output.getvalue()}
