"""The CRM connector: every record is one item that belongs to one customer, from an export or from a live CRM."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from context_service.errors import TerminalSourceError
from context_service.ingest.connector import Event, Limits, Pull
from context_service.model.document import Content, Parsed
from ingestors import crm_hubspot, crm_salesforce
from ingestors.crm_export import ExportOptions, export_events, shape_of
from ingestors.crm_hubspot import Hubspot, HubspotOptions
from ingestors.crm_live import LiveSync, live_shapes
from ingestors.crm_record import VERSION, RecordShape, parse_record
from ingestors.crm_salesforce import Salesforce, SalesforceOptions
from ingestors.http import GuardedClient, default_pause
from ingestors.http_guard import Network
from ingestors.options import checked_options

Options = ExportOptions | SalesforceOptions | HubspotOptions
PROVIDERS: dict[str, type[Options]] = {"export": ExportOptions, "salesforce": SalesforceOptions, "hubspot": HubspotOptions}


class CrmConnector:
    """Items are records; a key is `Object/Id`. Secrets come from the environment variables that the options name."""

    version = VERSION

    def __init__(self, pull: Pull, network: Network | None = None, environ: Mapping[str, str] | None = None) -> None:
        self._pull = pull
        self._network = network or Network()
        self._environ = os.environ if environ is None else environ
        self._options = _options(pull)
        self._shapes = _shapes(self._options)

    def events(self) -> Iterator[Event]:
        """One event per record; see `export_events` and `LiveSync`."""
        options = self._options
        if isinstance(options, ExportOptions):
            yield from export_events(self._pull, options)
            return
        pause = crm_hubspot.pause if isinstance(options, HubspotOptions) else default_pause
        with GuardedClient(self._pull.limits, allow_private=options.allow_private, network=self._network, pause=pause) as client:
            provider = (
                Hubspot(options, client, self._environ)
                if isinstance(options, HubspotOptions)
                else Salesforce(options, client, self._environ)
            )
            yield from LiveSync(self._pull, self._shapes, provider).events()

    @staticmethod
    def parse(content: Content, limits: Limits) -> Parsed:  # noqa: ARG004  (the listing has bounded the bytes)
        """A record as a small document, with its facts."""
        return parse_record(content)


def _options(pull: Pull) -> Options:
    name = pull.source.options.get("provider", "export")
    kind = PROVIDERS.get(str(name))
    if kind is None:
        raise TerminalSourceError(f"`options.provider` is {name!r}.", remedy=f"Write one of {', '.join(PROVIDERS)}.")
    return checked_options(kind, pull.source.options)


def _shapes(options: Options) -> tuple[RecordShape, ...]:
    if isinstance(options, ExportOptions):
        return tuple(shape_of(file, options) for file in options.files)
    if isinstance(options, HubspotOptions):
        return live_shapes(options, crm_hubspot.OWN_KEY, crm_hubspot.IDENTIFIER)
    return live_shapes(options, crm_salesforce.OWN_KEY, crm_salesforce.IDENTIFIER)
