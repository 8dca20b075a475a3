"""Writes log entries for CloudWatch: a JSON line for each, and metrics in the embedded metric format."""

from __future__ import annotations

import logging

from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter
from aws_lambda_powertools.metrics import MetricUnit, single_metric
from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import AmazonCloudWatchEMFProvider

from .log_entry import Log, LogEntry

NAMESPACE = "imgy"


def to_cloudwatch(log: logging.Logger, function: str) -> Log:
    """A Log that writes JSON to the logger and metrics to standard output, both under the function's name."""
    for handler in log.handlers:
        handler.setFormatter(LambdaPowertoolsFormatter(log_record_order=["level", "message"], service=function))
    metrics = AmazonCloudWatchEMFProvider(namespace=NAMESPACE, service=function)

    def log_entry(entry: LogEntry) -> None:
        log.log(entry.level, "%s", entry.line, extra=entry.fields)
        for name, (unit, value) in entry.metrics.items():
            metrics.add_metric(name, MetricUnit[unit], value)
        if entry.metrics:
            metrics.flush_metrics()
        if entry.refused:
            with single_metric("Refused", MetricUnit.Count, 1, namespace=NAMESPACE) as metric:
                metric.add_dimension("service", function)
                metric.add_dimension("reason", entry.refused)

    return log_entry
