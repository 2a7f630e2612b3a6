"""The Celery application: which broker, which promises."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, Final
from urllib.parse import urlsplit

from celery import Celery  # type: ignore[import-untyped]
from kombu.entity import Exchange, Queue

from guard.errors import SettingsInvalid
from guard.escalation.errors import BrokerUnfit
from guard.escalation.store import connection_string
from guard.settings import Settings

__all__ = ["HARD_SECONDS", "QUEUES", "ROUTINE", "SOFT_SECONDS", "URGENT", "broker_of", "create_app", "database_of"]

URGENT: Final = "handrail_urgent"
"""The queue of severity 3 and above."""
ROUTINE: Final = "handrail_routine"
"""The queue of everything else."""
QUEUES: Final = (URGENT, ROUTINE)

SOFT_SECONDS: Final = 40
"""A task that runs longer is asked to end."""
HARD_SECONDS: Final = 50
"""A task that runs longer is killed, and its message comes again."""
_BROKER_SECONDS: Final = 5  # to connect, and for Redis to answer
_VISIBILITY_SECONDS: Final = 90  # longer than the longest task, else a running task's message would come again

_POSTGRESQL: Final = ("postgresql", "postgres", "pgmq")
_DRIVERS: Final = {"redis": "redis", "rediss": "redis", "amqp": "amqp", "amqps": "amqp"}


def database_of(settings: Settings) -> str:
    """The database's address, or :class:`~guard.errors.SettingsInvalid` where only the supervisor knows it."""
    if settings.database_url is None:
        raise SettingsInvalid(
            "the worker needs HANDRAIL_DATABASE_URL: `handrail up` sets it for its own worker; for a worker that you start "
            "yourself give it the address of the database that the gateways use"
        )
    return settings.database_url


def broker_of(settings: Settings) -> tuple[str, str | None]:
    """The broker's address for Celery, and the connection string where the broker is PostgreSQL.

    Raises :class:`BrokerUnfit` for brokers that lose or delay messages when a worker dies, and where a driver is missing.
    """
    url = settings.broker_url or database_of(settings)
    scheme = urlsplit(url).scheme
    if scheme in _POSTGRESQL:
        address = "postgresql" + url[len(scheme) :]
        return "pgmq://localhost", connection_string(address, "broker")
    if scheme not in _DRIVERS:
        raise BrokerUnfit(
            f"HANDRAIL_BROKER_URL has the scheme {scheme!r}; use postgresql, redis, rediss, amqp or amqps, or leave it out: "
            "then Handrail's own database is the broker"
        )
    if find_spec(_DRIVERS[scheme]) is None:
        raise BrokerUnfit(f"HANDRAIL_BROKER_URL needs the driver {_DRIVERS[scheme]}; install kombu[{_DRIVERS[scheme]}]")
    return url, None


def create_app(settings: Settings) -> Celery:
    """A Celery application without tasks. Connects to nothing yet; see :func:`guard.escalation.broker.prepare`."""
    url, conninfo = broker_of(settings)
    options: dict[str, Any]
    if conninfo is not None:
        options = {
            "conninfo": conninfo,
            "visibility_timeout": _VISIBILITY_SECONDS,
            "init_extension": False,
            "use_notify": True,
            "notify_throttle_interval_ms": 0,
            "wait_time_seconds": 0,
            "polling_interval": 1,
        }
    elif url.startswith("redis"):
        options = {
            "visibility_timeout": _VISIBILITY_SECONDS,
            "socket_connect_timeout": _BROKER_SECONDS,
            "socket_timeout": _BROKER_SECONDS,
            "socket_keepalive": True,
        }
    else:
        options = {"confirm_publish": True, "max_retries": 3}
    app = Celery("handrail", broker=url, set_as_current=False, fixups=[])
    app.conf.update(
        broker_transport="guard.escalation.broker:Transport" if conninfo is not None else None,
        broker_transport_options=options,
        broker_connection_timeout=_BROKER_SECONDS,
        broker_connection_retry=True,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_pool_limit=2,
        task_queues=[_queue(name) for name in QUEUES],
        task_default_queue=ROUTINE,
        task_default_exchange=ROUTINE,
        task_default_routing_key=ROUTINE,
        task_create_missing_queues=False,
        task_serializer="json",
        accept_content=["json"],
        result_backend=None,
        task_ignore_result=True,
        task_acks_late=True,
        task_acks_on_failure_or_timeout=True,
        task_reject_on_worker_lost=True,
        task_soft_time_limit=SOFT_SECONDS,
        task_time_limit=HARD_SECONDS,
        task_publish_retry=True,
        task_publish_retry_policy={"max_retries": 2, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.5},
        worker_consumer="guard.escalation.consumer:Consumer",
        worker_lost_wait=1.0,
        worker_prefetch_multiplier=1,
        worker_max_tasks_per_child=5000,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        enable_utc=True,
        timezone="UTC",
    )
    return app


def _queue(name: str) -> Queue:
    exchange = Exchange(name, type="direct")  # type: ignore[no-untyped-call]
    return Queue(name, exchange, routing_key=name)  # type: ignore[no-untyped-call]
