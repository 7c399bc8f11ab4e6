"""Which cards are asked about and how often, and the files in which account updaters are asked and answer."""
