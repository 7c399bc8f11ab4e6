"""Translators, one file a processor: they turn verbs into requests and replies into meanings, and send nothing."""
