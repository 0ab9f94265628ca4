"""The labels of a worker with default settings."""

from typing import Final

from stream_jobs.labels import CampaignLabels
from stream_jobs.settings import StreamSettings

LABELS: Final = CampaignLabels.of(StreamSettings(), ["metoo", "timesup"])
