"""What happened: written in the transaction that changed it, numbered per merchant and per object."""
