"""`recoup demo`: five payments and their endings, told over HTTP, with every claim checked."""

from recoup.demo.running import NotForDemo, against, own_server

__all__ = ["NotForDemo", "against", "own_server"]
