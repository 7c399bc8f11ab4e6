"""The simulated world over Recoup's own API: its counts, its people, faults, webhooks, disputes. Test mode only."""

from recoup.sandbox.api.disputes import SandboxDisputesApi as SandboxDisputesApi
from recoup.sandbox.api.updater import SandboxUpdaterApi as SandboxUpdaterApi
from recoup.sandbox.api.webhooks import SandboxWebhooksApi as SandboxWebhooksApi
from recoup.sandbox.api.world import SandboxApi as SandboxApi
