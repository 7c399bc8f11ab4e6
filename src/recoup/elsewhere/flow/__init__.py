"""The order of events in what is brought to us from elsewhere."""
