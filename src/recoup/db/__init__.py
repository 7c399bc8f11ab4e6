"""PostgreSQL: the pool, the transaction, grouped writes, migrations, and a server of our own."""

from recoup.db.database import Connection as Connection
from recoup.db.database import Database as Database
from recoup.db.database import Queries as Queries
from recoup.db.errors import DatabaseUnusable as DatabaseUnusable
from recoup.db.errors import Overloaded as Overloaded
from recoup.db.errors import is_passing as is_passing
from recoup.db.errors import is_transient as is_transient
from recoup.db.grouped import Grouped as Grouped
from recoup.db.migrate import migrate as migrate
