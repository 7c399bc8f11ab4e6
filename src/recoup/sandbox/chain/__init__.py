"""The chain behind the sandbox's processors: ISO 8583 over TCP to a card network, and on to the issuers.

`messages` says what is said, `hosts` listens, `lines` asks. `issuers` decide, `network` routes by the first digits and
stands in for an issuer that does not answer, `acquirers` is the processors' end of it, and `running` starts all of
them. What must be told and was not acknowledged is kept in the database and told again (`forwarding`).
"""
