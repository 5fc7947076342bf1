"""Which names the exporter gives: the catalogue's, a mapping file's, the Helm chart's, or statsd_exporter's own."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from windsock.exporter.statsd.custom import Custom
from windsock.exporter.statsd.ingest import Ingest
from windsock.exporter.statsd.translate import Translator
from windsock.exporter.statsd.unmapped import Unmapped

if TYPE_CHECKING:
    from collections.abc import Iterable

    from windsock.catalog import Metric
    from windsock.settings.exporter import Exporter as ExporterSettings

    from .mapping import Mapping

log = logging.getLogger(__name__)


def choose(settings: ExporterSettings, metrics: Iterable[Metric]) -> tuple[Translator, type[Ingest]]:
    """The translator that is configured, and what feeds it; `metrics` are the catalogue's. Raises SettingsError."""
    mapping = chosen_mapping(settings)
    if mapping is None:
        unmapped = Unmapped(settings) if settings.statsd.unmapped == "keep" else None
        return Translator(metrics, settings.statsd, Custom(settings), unmapped), Ingest
    from .sender import SenderlessIngest  # noqa: PLC0415  only where names are not the catalogue's
    from .translate import MappedTranslator  # noqa: PLC0415  as above

    chart = settings.mapping_config is None and settings.naming == "helm-chart"
    return MappedTranslator(mapping, settings.statsd.prefix if chart else None), SenderlessIngest


def chosen_mapping(settings: ExporterSettings) -> Mapping | None:
    """The mapping that is configured, read anew; None where the catalogue's names are. Raises SettingsError."""
    if settings.mapping_config is not None:
        from .file import load  # noqa: PLC0415  as above

        file = load(settings.mapping_config)
        for remark in file.remarks:
            log.warning("%s", remark)
        return file.mapping
    if settings.naming == "helm-chart":
        from .chart import helm_chart  # noqa: PLC0415  as above

        return helm_chart(settings.statsd.prefix)
    if settings.naming == "statsd-exporter":
        from .mapping import Mapping  # noqa: PLC0415  as above

        return Mapping([])
    return None
