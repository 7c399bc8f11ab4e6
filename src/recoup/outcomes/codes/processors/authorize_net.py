"""Authorize.Net's response reason codes: why a transaction was declined (response code 2) or failed (3).

Left out, since they are no refusals: 0 and 1, 104 to 110, 193, 252 and 253 (held for review), 229, 295 (approved in
part), 307, 310 and 311 (already so), 2003. Codes that say that the gateway's own reversal failed (127, 141, 145, 165)
mean what the reversed decline meant. What the gateway calls an error in the merchant's set-up or in the request is
`invalid_merchant`, `invalid_transaction` or `format_error`: no fault of the card. What was let go of before we heard of
it has its state for a code.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

from recoup.outcomes.codes.words import CodeRow

SOURCE: Final = "Authorize.Net: response and reason codes"
READ: Final = date(2026, 11, 22)

_STATES: Final = "Authorize.Net: transaction reporting, states of a transaction"
_GENERIC: Final = frozenset({"2", "191"})
_MEANINGS: Final[Mapping[str, str]] = {
    "generic_decline": "2 191",
    "call_issuer": "3",
    "pickup_card": "4",
    "invalid_amount": "5 47 48 49 51 55 203 262 343",
    "invalid_number": "6 37 200 315",
    "invalid_expiry_year": "7 201 316",
    "expired_card": "8 317",
    "invalid_account": "9 10 101 211 2105 2107",
    "duplicate_transaction": "11 222 318",
    "invalid_merchant": """
        13 17 18 24 28 29 30 31 32 34 35 38 39 43 56 114 115 123 124 130 131 132 154 155 170 171 172
        173 174 185 204 205 206 207 208 210 212 213 216 221 227 232 246 320 330 2001
    """,
    "invalid_transaction": """
        12 14 15 16 40 50 53 54 64 66 67 68 69 70 71 81 82 83 84 85 86 87 88 89 90 91 92 97 98 99
        100 102 103 113 119 175 195 202 219 225 226 228 230 231 233 234 235 236 237 238 239 240 242
        243 244 245 247 260 288 289 296 297 298 300 301 302 303 304 305 306 308 309 312 313 319 327
        334 340 2002 2007 2008 2009 2103 2106
    """,
    "format_error": """
        33 42 72 73 74 75 76 77 79 80 93 94 95 111 112 153 217 248 270 271 280 281 282 283 284 285
        286 287 290 325 326 328 331 332 333 339 341 342 344 350 351 2004 2005 2006 2100 2101 2104
        2108 2109
    """,
    "processing_error": """
        19 20 21 22 23 25 26 36 52 57 58 59 60 61 62 63 120 121 122 152 180 181 192 209 214 220 223
        241 261 265 314 901
    """,
    "reenter_transaction": "224",
    "incorrect_address": "27 127",
    "incorrect_cvc": "44 65 165",
    "invalid_cvc": "78",
    "invalid_pin": "215 218",
    "verification_data_failed": "45 145",
    "authentication_failed": "116 117 118 156",
    "authentication_required": "2000 2102",
    "transaction_not_allowed": "96 128",
    "merchant_blacklist": "250",
    "highest_risk_level": "41 141 251 254",
}

ROWS: Final[tuple[CodeRow, ...]] = (
    *(
        CodeRow(code, standard, generic=code in _GENERIC, source=SOURCE, as_of=READ)
        for standard, codes in _MEANINGS.items()
        for code in codes.split()
    ),
    CodeRow("voided", "do_not_try_again", source=_STATES, as_of=READ),
    CodeRow("expired", "do_not_try_again", source=_STATES, as_of=READ),
)
