"""The service and the stream in numbers, as Prometheus reads them."""

from collections.abc import Mapping

from tap_live import __version__
from tap_live.service.hub import Hub

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def metrics(hub: Hub) -> str:
    """Write all metrics in the text format."""
    lines: list[str] = []

    def write(name: str, kind: str, help: str, values: Mapping[str, float]) -> None:
        lines.extend((f"# HELP tap_live_{name} {help}", f"# TYPE tap_live_{name} {kind}"))
        lines.extend(f"tap_live_{name}{labels} {value:g}" for labels, value in values.items())

    write("info", "gauge", "The program.", {f'{{version="{__version__}"}}': 1})
    write("stream_seconds", "gauge", "Length of the stream so far.", {"": hub.at})
    write("subscribers", "gauge", "Connections now.", {"": len(hub.sessions)})
    write("subscribers_total", "counter", "Connections so far.", {"": hub.joined})
    write("finals_total", "counter", "Final captions so far.", {"": hub.history.finals})
    coalesced = hub.coalesced + sum(session.outbox.coalesced for session in hub.sessions)
    write("coalesced_total", "counter", "Messages left out for slow readers.", {"": coalesced})
    write(
        "cut_off_total",
        "counter",
        "Connections ended by the server, by close code.",
        {f'{{code="{code}"}}': count for code, count in sorted(hub.cut_off.items())},
    )
    write(
        "refused_total",
        "counter",
        "Requests and messages refused, by reason.",
        {f'{{reason="{reason}"}}': count for reason, count in sorted(hub.refusals.items())},
    )
    if hub.stats:
        write("backlog_seconds", "gauge", "Audio not captioned yet.", {"": hub.stats.backlog})
        write("lost_samples_total", "counter", "Samples lost.", {"": hub.stats.lost})
        what = "Captions skipped, extraction let pass."
        write("overload_seconds_total", "counter", what, {"": hub.stats.overload})
        stages = hub.stats.stages
        labels = {name: f'{{stage="{name}"}}' for name in stages}
        for field, help in (("share", "Of one core."), ("delay", "In seconds.")):
            values = {labels[name]: getattr(stage, field) for name, stage in stages.items()}
            write(f"stage_{field}", "gauge", help, values)
    return "\n".join(lines) + "\n"
