"""Deliveries: what a mail provider reports updates sends, recipients, members and posts.

Reports come in any order and more than once; what stands in the end depends on neither. A backend that receives
webhooks calls `apply_deliveries`, or hands them on to the topic ``email.events`` for the worker.
"""

from docstore.workers.deliveries.applying import DeliveriesWorker, apply_deliveries
from docstore.workers.deliveries.reports import TOPIC, Delivery, DeliveryKind

__all__ = ["TOPIC", "DeliveriesWorker", "Delivery", "DeliveryKind", "apply_deliveries"]
