"""Of whom the laws of the suite are held: a test for each connector, with all of its verbs or replies in it.

What is added to a connector is held to every law by itself; a law that is broken says by which verb or file.
"""

from __future__ import annotations

from typing import Final

import pytest
from tests.connectors.cases import CASES
from tests.connectors.conformance import MOVING, REPLY_TYPES
from tests.connectors.recorded import recorded
from tests.together import each_within

from recoup.connectors.sandbox import SANDBOXES

VERBS: Final = {
    case.name: {verb: (case, verb) for verb in REPLY_TYPES if verb in case.good} for case in CASES.values()
}
RECORDED: Final = {
    case.name: {str(one): (case, one) for one in recorded(case.name) if one.folder != "webhooks"}
    for case in CASES.values()
    if case.connector not in SANDBOXES
}
"""What the sandbox replies is ours to say, and stands in its case."""
DELIVERED: Final = {
    case.name: {
        str(one): (case, case.webhooks, one) for one in recorded(case.name) if one.folder == "webhooks"
    }
    for case in CASES.values()
    if case.webhooks is not None
}
"""Without a case a law fails: whoever sends webhooks has some recorded."""

every_connector = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
every_verb = each_within(VERBS)
every_moving_verb = each_within(
    {name: {verb: asked for verb, asked in verbs.items() if verb in MOVING} for name, verbs in VERBS.items()}
)
every_recorded = each_within(RECORDED)
every_webhook = each_within(DELIVERED)
first_of_each = pytest.mark.parametrize(
    ("case", "webhooks", "one"),
    [next(iter(delivered.values())) for delivered in DELIVERED.values() if delivered],
    ids=[name for name, delivered in DELIVERED.items() if delivered],
)
