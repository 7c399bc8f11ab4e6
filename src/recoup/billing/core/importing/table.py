"""The table that subscriptions are brought in by: its columns, and a CSV file as rows of it, or written from rows.

Whatever else subscriptions come from is first made into rows of this table, so that there is one place that understands
them, and so that any file can be looked through and mended as a table before it is taken in.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from recoup.billing.core.importing.lines import Read, Refused, Row
from recoup.elsewhere.core.importing.lines import card_number_in
from recoup.kit.refusals import Refusal, invalid
from recoup.vault.core.tokens import NETWORK_ID_DIGITS_MAX

COLUMNS: Final[Mapping[str, str]] = {
    "id": "The old biller's id of the subscription: it is taken in once.",
    "customer": "Your own name for the customer (`merchant_reference`): the same name is the same customer.",
    "email": "The customer's address.",
    "name": "The customer's name.",
    "country": "The customer's country, such as DE.",
    "time_zone": "In which days are counted, such as Europe/Berlin; else that of the country.",
    "processor_account": "The account here (`pa_…`) that the token is of.",
    "token": "The processor's own saved payment method at that account, such as Stripe's `pm_…`.",
    "processor_customer": "The processor's own id of the customer, where it wants one.",
    "payment_method": "Instead of a token: a payment method that is here (`pm_…`).",
    "card_fingerprint": "Instead of a token: a card of this customer that is here, by its fingerprint.",
    "network_transaction_id": "What the network called the payment in which the customer agreed.",
    "brand": "Of the card behind the token, such as visa.",
    "last4": "Of the card behind the token.",
    "exp_month": "Of the card behind the token.",
    "exp_year": "Of the card behind the token.",
    "funding": "Of the card behind the token: credit, debit, prepaid.",
    "card_country": "Of the card behind the token: its issuer's.",
    "plan": "What invoices call it. With amount, currency and interval it names the plan, which is made where needed.",
    "amount": "For one, for a whole period, in the smallest unit of the currency: 4999.",
    "currency": "Such as USD.",
    "interval": "day, week, month or year.",
    "interval_count": "So many of them; 1.",
    "quantity": "How many; 1.",
    "anchor_day": "The day of the month that it is charged on; that of the next charge. 31 is the last of every month.",
    "next_billing": "The day of the first charge here: 2027-01-31, or a time, 2027-01-31T09:30:00Z.",
    "billing_hour": "The hour of the local day that it is charged at; that of the time in `next_billing`, else 9.",
    "period_start": "Since when the period counts that the old biller charged last.",
    "trial_end": "The day of the first charge, where until then it is a trial.",
    "cancel_at": "The day on which it ends.",
    "cancel_at_period_end": "yes: it ends on the day of `next_billing`, and is not charged again.",
    "payments_left": "It ends after so many charges here.",
    "paused": "yes: nothing is charged until it is resumed here.",
    "percent_off": "A discount in percent, such as 12.5.",
    "amount_off": "A discount in the smallest unit of the currency.",
    "discount_times": "Off so many charges here; else off all.",
    "discount_until": "Off the charges before that day.",
    "managed_by": "recoup, merchant or outside; as the command says.",
    "metadata": "Pairs of text as JSON, or each in a column of its own: `metadata.team`.",
}
"""Every column, and what it holds."""
REQUIRED: Final = ("id", "customer", "plan", "amount", "currency", "interval", "next_billing")
METADATA: Final = "metadata."
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z _.()-]{0,39}")
_SEPARATOR: Final = "\x1f"
"""Stands in no cell, so that a whole line is looked through at once."""


def read_table(file: Iterable[str]) -> Iterator[Read]:
    """Every line of a CSV file as a row; refuses a file without its columns, or with a card number in it."""
    rows = csv.reader(file, strict=True)
    try:
        header = _header(next(rows, None))
    except csv.Error as error:
        raise _bad(f"The first line is no CSV: {error}.") from None
    while True:
        try:
            cells = next(rows, None)
        except csv.Error as error:  # the reader begins anew with the next line
            yield Refused(rows.line_num, None, "-", f"is no CSV: {error}")
            continue
        if cells is None:
            return
        if any(cells):
            yield _row(rows.line_num, header, cells)


def written(row: Row) -> list[str]:
    """A row as the cells of a CSV file, whose header is `COLUMNS`; `read_table` reads it as it was."""
    pairs = {
        name.removeprefix(METADATA): text for name, text in row.cells.items() if name.startswith(METADATA)
    }
    cells = dict(row.cells)
    if pairs:
        cells["metadata"] = msgspec.json.encode(pairs).decode()
    return [cells.get(name, "") for name in COLUMNS]


def refuse_card_numbers(cells: Iterable[tuple[str, str]], number: int) -> None:
    """Refuses the whole file for a card number in any column. Networks' ids may read like the short ones."""
    for name, text in cells:
        digits = text.replace(" ", "")
        if name == "network_transaction_id" and len(digits) <= NETWORK_ID_DIGITS_MAX:
            continue
        if card_number_in(text):
            raise card_number_refused(number, name)


def card_number_refused(number: int, column: str) -> Refusal:
    """There is a card number in the file."""
    return invalid(
        "card_number_in_file",
        f"Line {number}, column {column!r}: there is a card number. Tokens are brought in, never numbers: export the "
        "file without this column.",
        param="file",
    )


def _header(names: Sequence[str] | None) -> list[str]:
    if names is None:
        raise _bad("The file is empty.")
    header = [name.strip().removeprefix("\ufeff").strip() for name in names]
    unknown = [_shown(name, place) for place, name in enumerate(header, 1) if not _is_known(name)]
    if unknown:
        listed = ", ".join(unknown[:5])
        raise _bad(f"There is no such column as {listed}. The columns are: {', '.join(COLUMNS)}, metadata.….")
    missing = [name for name in REQUIRED if name not in header]
    if missing:
        raise _bad(f"The file has no column {', '.join(missing)}.")
    if len(set(header)) < len(header):
        raise _bad("A column comes twice.")
    return header


def _is_known(name: str) -> bool:
    return name in COLUMNS or (name.startswith(METADATA) and len(name) > len(METADATA))


def _shown(name: str, place: int) -> str:
    """The name of a column; not where it may be a line of data in the place of the header, with tokens in it."""
    return repr(name) if _NAME.fullmatch(name) else f"column {place}"


def _row(number: int, header: Sequence[str], texts: Sequence[str]) -> Read:
    if len(texts) != len(header):
        return Refused(number, None, "-", f"has {len(texts)} fields, and the header {len(header)}")
    cells = {name: text.strip() for name, text in zip(header, texts, strict=True) if text.strip()}
    if card_number_in(_SEPARATOR.join(texts)):
        refuse_card_numbers(cells.items(), number)
    return Row(number, cells)


def _bad(what: str) -> Refusal:
    return invalid("invalid_file", what, param="file")
