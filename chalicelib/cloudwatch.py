"""What CloudWatch is told: a JSON line for each event and request, and its figures in the embedded metric format."""

from __future__ import annotations

import logging

from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter
from aws_lambda_powertools.metrics import MetricUnit, single_metric
from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import AmazonCloudWatchEMFProvider

from .telling import Tell, Told

NAMESPACE = "imgy"


def to_cloudwatch(log: logging.Logger, function: str) -> Tell:
    """Tells by JSON through the log, and by metrics on standard output, both under the function's name."""
    for handler in log.handlers:
        handler.setFormatter(LambdaPowertoolsFormatter(log_record_order=["level", "message"], service=function))
    metrics = AmazonCloudWatchEMFProvider(namespace=NAMESPACE, service=function)

    def tell(told: Told) -> None:
        log.log(logging.WARNING if told.failed else logging.INFO, "%s", told.line, extra=told.fields)
        for name, (unit, value) in told.figures.items():
            metrics.add_metric(name, MetricUnit[unit], value)
        if told.figures:
            metrics.flush_metrics()
        if told.refused:
            with single_metric("Refused", MetricUnit.Count, 1, namespace=NAMESPACE) as metric:
                metric.add_dimension("service", function)
                metric.add_dimension("reason", told.refused)

    return tell
