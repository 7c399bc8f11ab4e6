"""Every connector there is, by name. Adding a processor is one file here, one line in this list, and one code table."""

from __future__ import annotations

from typing import Final

from recoup.connectors import sandbox
from recoup.connectors.base import Connector

CONNECTORS: Final[dict[str, Connector]] = {connector.name: connector for connector in (*sandbox.PROCESSORS,)}
