"""Writes log entries for CloudWatch: a JSON line for each, and metrics in the embedded metric format."""

from __future__ import annotations

import logging

from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import AmazonCloudWatchEMFProvider

from .log_entry import Log, LogEntry

NAMESPACE = "imgy"


def to_cloudwatch(log: logging.Logger, function: str, stage: str) -> Log:
    """A Log that writes JSON to the logger, under the function's name, and metrics to standard output.

    All functions of a stage share its metrics, because CloudWatch bills each metric of each dimension.
    """
    for handler in log.handlers:
        handler.setFormatter(LambdaPowertoolsFormatter(log_record_order=["level", "message"], service=function))
    metrics = AmazonCloudWatchEMFProvider(namespace=NAMESPACE, service=stage or function)

    def log_entry(entry: LogEntry) -> None:
        log.log(entry.level, "%s", entry.line, extra=entry.fields)
        for name, (unit, value) in entry.metrics.items():
            metrics.add_metric(name, MetricUnit[unit], value)
        if entry.metrics:
            metrics.flush_metrics()

    return log_entry
