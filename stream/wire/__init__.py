"""Everything under the protocol: outbox, publisher, snapshots, keys, recording, and the subscriber's parts."""
