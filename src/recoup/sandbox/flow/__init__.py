"""What a processor of the sandbox does with a request, from the key on it to the answer, in order.

The API key names the world. A fault at the door ends it there. Otherwise the key's past is looked at (the same answer
again, or a refusal), the issuer is asked, and what became of it is written down under the key in one transaction with
the account it touches. A fault on the way back changes only how the answer is delivered: the money has moved.
"""

from recoup.sandbox.flow.authenticating import Page as Page
from recoup.sandbox.flow.desk import Incoming as Incoming
from recoup.sandbox.flow.processors import Processors as Processors
