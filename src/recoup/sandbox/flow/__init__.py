"""What a processor of the sandbox does with a request, from the key on it to the answer, in order.

The API key names the world. A fault at the door ends it there. Otherwise the key's past is looked at (the same answer
again, or a refusal), the issuer is asked over the card network (`recoup.sandbox.chain`), and its answer written down
under the key. What must be undone or given back is kept in the same transaction, and told after it. A fault on the way
back changes only how the answer is delivered: the money has moved.
"""

from recoup.sandbox.flow.authenticating import Page as Page
from recoup.sandbox.flow.desk import Incoming as Incoming
from recoup.sandbox.flow.processors import Processors as Processors
