"""History one event at a time, with the same bits as the batch."""
