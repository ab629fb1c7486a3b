"""The publisher's faults: subscribers, and strangers with their keys."""

from faults.stages.publisher import strangers, subscribers

__all__ = ["strangers", "subscribers"]
