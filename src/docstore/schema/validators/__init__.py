"""Validators: what a server itself refuses to store, derived from the models.

Owns the ``$jsonSchema`` of each model, and keeping the collections' validators up to date. Does not own judging
existing data; that is `checking`.
"""

from docstore.schema.validators.syncing import (
    ValidatorAction,
    ValidatorLevel,
    ValidatorState,
    ValidatorStatus,
    sync_validators,
    validator_status,
)
from docstore.schema.validators.validator import collection_validator, validator_of

__all__ = [
    "ValidatorAction",
    "ValidatorLevel",
    "ValidatorState",
    "ValidatorStatus",
    "collection_validator",
    "sync_validators",
    "validator_of",
    "validator_status",
]
