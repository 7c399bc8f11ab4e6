"""What can be done with settlements: take a report in, work it, read what came of it, and settle what differs."""

from recoup.settlements.flow.contesting import Contesting as Contesting
from recoup.settlements.flow.exceptions import Exceptions as Exceptions
from recoup.settlements.flow.importing import Importing as Importing
from recoup.settlements.flow.importing import Upload as Upload
from recoup.settlements.flow.missing import Missing as Missing
from recoup.settlements.flow.reports import Reports as Reports
