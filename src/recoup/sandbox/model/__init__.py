"""The world model of declined renewals: seeded, many cardholders at once, knowing nothing of how they are won back."""

from recoup.sandbox.model.answers import WORDS as WORDS
from recoup.sandbox.model.answers import Answers as Answers
from recoup.sandbox.model.answers import Cause as Cause
from recoup.sandbox.model.answers import Means as Means
from recoup.sandbox.model.customers import Actions as Actions
from recoup.sandbox.model.history import History as History
from recoup.sandbox.model.parameters import ROUTES as ROUTES
from recoup.sandbox.model.parameters import Parameters as Parameters
from recoup.sandbox.model.people import NEVER as NEVER
from recoup.sandbox.model.world import Failures as Failures
from recoup.sandbox.model.world import Play as Play
from recoup.sandbox.model.world import Truth as Truth
from recoup.sandbox.model.world import World as World
