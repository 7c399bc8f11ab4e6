"""Keeps stored cards as new as their issuers know them: what processors tell, and what account updaters are asked."""
