"""What raw codes mean: one table a processor or network, each row with its source and date.

`words` holds what the tables are written in, `standard` our own standard codes; every other table maps raw codes to
them. To change a meaning, change or add a row; where the change has a date, say so with `since`, and with `until` on
the row that it replaces.
"""
