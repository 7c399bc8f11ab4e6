"""How many decimals each currency has: the active codes of ISO 4217.

Source: ISO 4217 list one as kept by its maintenance agency, edition of 2026-01-01. Codes without a minor unit (gold,
bond units, test codes) are left out on purpose: no card payment is made in them. The Bulgarian lev left the list when
Bulgaria took the euro (2026-01-01); the Caribbean guilder (XCG) replaced ANG in 2025; the Zimbabwe gold (ZWG) came in
2024.
"""

from __future__ import annotations

from typing import Final

_NO_DECIMALS: Final = """
    BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF
"""
_TWO_DECIMALS: Final = """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE
    CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD
    HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK
    MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD
    RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH
    USD USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG
"""
_THREE_DECIMALS: Final = """
    BHD IQD JOD KWD LYD OMR TND
"""
_FOUR_DECIMALS: Final = """
    CLF UYW
"""

DECIMALS: Final[dict[str, int]] = {
    code: decimals
    for decimals, codes in ((0, _NO_DECIMALS), (2, _TWO_DECIMALS), (3, _THREE_DECIMALS), (4, _FOUR_DECIMALS))
    for code in codes.split()
}
