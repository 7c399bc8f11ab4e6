"""What a merchant's own tries teach: how likely each cause, pay cycle and route is, given what is known of a case."""

from recoup.recovery.core.learning.card import Card, Judged, Window, verdict
from recoup.recovery.core.learning.fitting import Breadth, fit, heard
from recoup.recovery.core.learning.lessons import Lesson, Lessons, is_held_back, lessons_of
from recoup.recovery.core.learning.model import Model, Read, model_from

__all__ = [
    "Breadth",
    "Card",
    "Judged",
    "Lesson",
    "Lessons",
    "Model",
    "Read",
    "Window",
    "fit",
    "heard",
    "is_held_back",
    "lessons_of",
    "model_from",
    "verdict",
]
