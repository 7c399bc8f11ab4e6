"""Where the money is: double entry for each merchant and currency, posted from what happened, never rewritten."""
