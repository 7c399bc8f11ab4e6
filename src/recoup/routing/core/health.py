"""The short clock of one account: its breaker, those of its issuer countries, and what is usual for it.

Every answer feeds the account's breaker and its country's. Where either is about to open, the one whose sum is larger
does: it is the likelier explanation, and the other keeps only what that leaves unexplained. So an outage that only one
country's cards meet opens that country's breaker, and the account keeps the rest. What a degraded country explains does
not count against the account. A country's breaker is made by its first bad answer and forgotten when nothing speaks
against it.

Pure: `heard` an answer, `told` by another process, `standing` for a payment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from recoup.routing.core import breaker as breakers
from recoup.routing.core.breaker import (
    NEW,
    UNPROBED,
    Breaker,
    News,
    Transition,
    due_news,
    fed,
    moved,
    standing_of,
)
from recoup.routing.core.symptoms import UNKNOWN_ACCOUNT, Answer, Mood, Said, Usual, learned
from recoup.routing.core.words import WELL, Health, Standing

WHOLE: Final = "*"
"""The scope of an account's own breaker; the others are named by their issuer country."""
COUNTRIES_MAX: Final = 32
"""How many countries of an account may have a breaker in memory; the others are covered by the account's own."""


@dataclass(frozen=True, slots=True)
class AccountHealth:
    """All that the short clock keeps of an account."""

    usual: Usual = UNKNOWN_ACCOUNT
    whole: Breaker = NEW
    countries: Mapping[str, Breaker] = field(default_factory=dict)

    def breaker(self, scope: str) -> Breaker:
        """The breaker of a scope, untouched where there is none yet."""
        return self.whole if scope == WHOLE else self.countries.get(scope, NEW)

    def with_breaker(self, scope: str, breaker: Breaker) -> AccountHealth:
        """The same with one breaker changed; one that remembers nothing is not kept."""
        if scope == WHOLE:
            return replace(self, whole=breaker)
        others = {name: one for name, one in self.countries.items() if name != scope}
        if breaker.is_untouched:
            return self if scope not in self.countries else replace(self, countries=others)
        if len(others) >= COUNTRIES_MAX:
            spare = next((name for name, one in others.items() if one.health is Health.GOOD), None)
            if spare is None:
                return self
            del others[spare]
        return replace(self, countries={**others, scope: breaker})

    def degraded(self) -> Iterator[tuple[str, Breaker]]:
        """The scopes whose breaker is open."""
        for scope, breaker in ((WHOLE, self.whole), *self.countries.items()):
            if breaker.health is Health.DEGRADED:
                yield scope, breaker


UNHEARD: Final = AccountHealth()


def heard(
    account: AccountHealth, answer: Answer, at: datetime, *, country: str | None = None
) -> tuple[AccountHealth, tuple[Transition, ...]]:
    """The account after one answer, and which breakers moved."""
    answer = account.usual.says(answer)
    scope = WHOLE if country is None else country
    part = account.breaker(scope)
    explained = country is not None and part.health is Health.DEGRADED and _is_bad(answer)
    whole = account.whole if explained else fed(account.whole, answer, account.usual, at=at)
    if country is None:
        part = NEW
    elif part.health is Health.DEGRADED or whole.health is Health.GOOD:
        part = fed(part, answer.of_country(), account.usual, at=at)
    usual = learned(account.usual, answer, _mood(whole, part))
    after = replace(account, usual=usual, whole=whole)
    if country is not None and not (part.is_untouched and country not in account.countries):
        after = after.with_breaker(country, part)
    return _settled(after, at, country=country)


def _mood(whole: Breaker, part: Breaker) -> Mood:
    if Health.DEGRADED in (whole.health, part.health):
        return Mood.OUT
    return Mood.DOUBTED if whole.failing else Mood.SETTLED


def _is_bad(answer: Answer) -> bool:
    return answer.said in (Said.FAILED, Said.DOUBTFUL) or answer.approved is False


def _settled(
    account: AccountHealth, at: datetime, *, country: str | None
) -> tuple[AccountHealth, tuple[Transition, ...]]:
    """Carry out what the sums say. Of two that could open, the better explanation does."""
    told: list[Transition] = []
    for scope in (WHOLE,) if country is None else (country, WHOLE):
        breaker = account.breaker(scope)
        news = due_news(breaker)
        if news is None or (news is not News.RECOVERED and not _explains_best(account, scope, news, country)):
            continue
        why = _why(breaker, news, account.usual)
        after = moved(breaker, news, why=why, at=at)
        account = account.with_breaker(scope, after)
        if account.breaker(scope) is not after:
            continue  # there is no room for another country
        told.append(Transition(scope, after.health, news, at, why, _evidence(breaker, news, account.usual)))
        if news is not News.RECOVERED:
            account = _relieved(account, scope, breaker)
    return account, tuple(told)


def _explains_best(account: AccountHealth, scope: str, news: News, country: str | None) -> bool:
    if country is None:
        return True
    if scope != WHOLE and account.whole.health is Health.DEGRADED:
        return False
    whole, part = account.whole, account.breaker(country)
    ahead = part.failing - whole.failing if news is News.FAILING else part.declining - whole.declining
    return ahead <= 0 if scope == WHOLE else ahead > 0


def _relieved(account: AccountHealth, opened: str, before: Breaker) -> AccountHealth:
    """The others without what is explained by the breaker that opened, which was `before`."""
    if opened != WHOLE:
        whole = account.whole
        left = _anew(
            whole,
            failing=max(0.0, whole.failing - before.failing),
            declining=max(0.0, whole.declining - before.declining),
        )
        return replace(account, whole=left if whole.health is Health.GOOD else whole)
    kept = {
        scope: one if one.health is Health.DEGRADED else _anew(one)
        for scope, one in account.countries.items()
        if one.since is not None
    }
    return replace(account, countries=kept)


def _anew(breaker: Breaker, *, failing: float = 0.0, declining: float = 0.0) -> Breaker:
    return Breaker(since=breaker.since, relapses=breaker.relapses, failing=failing, declining=declining)


def _why(breaker: Breaker, news: News, usual: Usual) -> str:
    rate = f"{usual.failure_rate:.1%}"
    match news:
        case News.FAILING:
            return (
                f"{breaker.failed} of the last {breaker.answers} answers were technical failures or late "
                f"(the last: {breaker.word}), where up to {rate} is usual"
            )
        case News.DECLINING:
            return f"{breaker.declined} of the last {breaker.judged} payments that should pass were declined"
        case News.RECOVERED:
            return "enough answers came that an outage would not have given"


def _evidence(breaker: Breaker, news: News, usual: Usual) -> dict[str, str | int | float]:
    found: dict[str, str | int | float] = {
        "cause": news.value if news is not News.RECOVERED else (breaker.cause or news).value,
        "answers": breaker.answers,
        "failed": breaker.failed,
        "usual_failure_share": round(usual.failure_rate, 4),
    }
    if breaker.word:
        found["last_failure"] = breaker.word
    if breaker.judged:
        found |= {"judged": breaker.judged, "declined": breaker.declined}
    return found


def standing(account: AccountHealth, at: datetime, *, country: str | None = None) -> Standing:
    """What routing is told of an account, for a payment with a card of that issuer country."""
    if account.whole.health is Health.DEGRADED:
        return standing_of(account.whole, at)
    part = account.countries.get(country) if country is not None else None
    return WELL if part is None else standing_of(part, at)


def passed(account: AccountHealth, at: datetime, *, country: str | None = None) -> AccountHealth:
    """The account when a payment was routed that might have asked it; counts while it is degraded."""
    return _probing(account, breakers.passed, at, country)


def asked(account: AccountHealth, at: datetime, *, country: str | None = None) -> AccountHealth:
    """The account when it is asked to take a payment; counts while it is degraded."""
    return _probing(account, breakers.asked, at, country)


def told(
    account: AccountHealth, scope: str, *, health: Health, since: datetime, why: str, cause: str | None
) -> AccountHealth:
    """The account after hearing from the database how a scope stands; what is known here already is kept."""
    mine = account.breaker(scope)
    if mine.health is health:
        return (
            account
            if mine.since is None
            else account.with_breaker(scope, replace(mine, since=since, why=why))
        )
    if health is Health.GOOD:
        return account.with_breaker(scope, moved(mine, News.RECOVERED, why=why, at=since))
    news = News.DECLINING if cause == News.DECLINING else News.FAILING
    opened = moved(mine, news, why=why, at=since)
    return account.with_breaker(scope, replace(opened, probing=UNPROBED))


def _probing(account: AccountHealth, act: breakers.Act, at: datetime, country: str | None) -> AccountHealth:
    for scope in (WHOLE, country):
        if scope is not None and (one := account.breaker(scope)).health is Health.DEGRADED:
            return account.with_breaker(scope, act(one, at))
    return account
