"""A schema's history as its author goes through it: models change, `generate`, `up`; then all the way down and up."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from pymongo import MongoClient
from pymongo.database import Database
from tests.schema.migrations.conftest import MECHANISM

from docstore.schema.migrations.values import same
from docstore.settings import Settings

Run = Callable[..., Result]

HEAD = """
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import BaseModel, Field

from docstore.documents import Document, index, unique
"""


@dataclass
class Schema:
    """What the author's models say at one time."""

    plans: list[str] = field(default_factory=lambda: ["FREE", "PRO", "TRIAL"])
    address: dict[str, str] = field(default_factory=lambda: {"street": "str", "zip": "int"})
    item: dict[str, str] = field(default_factory=lambda: {"sku": "str", "cost": "int"})
    models: dict[str, dict[str, str]] = field(
        default_factory=lambda: {
            "Customer": {
                "name": "str",
                "email": "str",
                "age": "int | None = None",
                "plan": "Plan = Plan.FREE",
                "address": "Address | None = None",
                "fax": "str | None = None",
            },
            "Order": {"number": "int", "total": "float", "items": "list[Item] = Field(default_factory=list)"},
            "Legacy": {"value": "int"},
        }
    )
    indexes: dict[str, list[str]] = field(
        default_factory=lambda: {"Customer": ['index("name", serves="x")', 'index("fax", serves="x")']}
    )

    def source(self) -> str:
        """The models' module."""
        plans = "".join(f'    {each} = "{each}"\n' for each in self.plans)
        parts = [HEAD, f"class Plan(StrEnum):\n{plans}"]
        parts += [_class("Address", "BaseModel", self.address), _class("Item", "BaseModel", self.item)]
        for name, fields in self.models.items():
            declared = ", ".join(self.indexes.get(name, ()))
            indexes = f"    indexes: ClassVar = ({declared},)\n" if declared else ""
            parts.append(_class(name, "Document", fields) + indexes)
        return "\n\n".join((*parts, f"ALL = ({', '.join(self.models)},)\n"))


def _class(name: str, base: str, fields: dict[str, str]) -> str:
    return f"class {name}({base}):\n" + "".join(f"    {each}: {kind}\n" for each, kind in fields.items())


def _renamed(fields: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    return {new if name == old else name: kind for name, kind in fields.items()}


def required(schema: Schema) -> None:
    schema.models["Customer"]["country"] = "str"


def optional(schema: Schema) -> None:
    schema.models["Customer"] |= {
        "newsletter": "bool = True",
        "nick": "str | None = None",
        "labels": "list[str] = Field(default_factory=list)",
    }


def field_renamed(schema: Schema) -> None:
    schema.models["Customer"] = _renamed(schema.models["Customer"], "name", "full_name")
    schema.indexes["Customer"][0] = 'index("full_name", serves="x")'


def collection_renamed(schema: Schema) -> None:
    schema.models = _renamed(schema.models, "Order", "Purchase")


def nested(schema: Schema) -> None:
    schema.address |= {"country": "str", "floor": "int = 0"}
    schema.item = {"sku": "str", "price": "int", "unit": 'str = "pc"'}


def values_grown(schema: Schema) -> None:
    schema.plans.append("ENTERPRISE")


def values_shrunk(schema: Schema) -> None:
    schema.plans.remove("TRIAL")


def types_converted(schema: Schema) -> None:
    schema.models["Purchase"] |= {"number": "str", "total": "Decimal"}
    schema.address["zip"] = "str"


def indexes_changed(schema: Schema) -> None:
    schema.indexes["Customer"][1] = 'index("plan", "-age", serves="x")'
    schema.indexes["Purchase"] = ['unique("number")']


def field_split(schema: Schema) -> None:
    del schema.models["Customer"]["full_name"]
    schema.models["Customer"] |= {"first": "str | None", "last": "str | None"}
    schema.indexes["Customer"][0] = 'index("last", serves="x")'


def field_dropped(schema: Schema) -> None:
    del schema.models["Customer"]["fax"]


def models_dropped_and_added(schema: Schema) -> None:
    del schema.models["Legacy"]
    schema.models["Invoice"] = {"order_id": "str"}
    schema.indexes["Invoice"] = ['unique("order_id")']


def tightened(schema: Schema) -> None:
    schema.models["Customer"]["age"] = "Annotated[int, Field(ge=0, le=200)] | None = None"


def everything_at_once(schema: Schema) -> None:
    schema.models = _renamed(schema.models, "Purchase", "Sale")
    schema.models["Sale"] = _renamed(schema.models["Sale"], "number", "code") | {"note": 'str = ""'}
    schema.indexes["Sale"] = ['unique("code")']
    schema.models["Customer"]["country"] = "str | None = None"


CHANGES: list[tuple[Callable[[Schema], None], tuple[str, ...]]] = [
    (required, ("--fill", "Customer.country=DE")),
    (optional, ()),
    (field_renamed, ("--rename", "Customer.name=full_name")),
    (collection_renamed, ("--rename", "Order=Purchase")),
    (nested, ("--rename", "Purchase.items.cost=items.price", "--fill", "Customer.address.country=DE")),
    (values_grown, ()),
    (values_shrunk, ("--fill", "Customer.plan:TRIAL=FREE")),
    (types_converted, ()),
    (indexes_changed, ()),
    (field_split, ()),
    (field_dropped, ()),
    (models_dropped_and_added, ()),
    (tightened, ()),
    (everything_at_once, ("--rename", "Purchase=Sale", "--rename", "Purchase.number=code")),
]


def split_by_hand(text: str) -> str:
    """What the author makes of a file that fills in two fields, and drops the one that they are made of."""
    lines = [
        line
        for line in text.splitlines()
        if "Customer.first" not in line and "Customer.last" not in line and '"first"' not in line
    ]
    kept = "\n".join(
        line for line in lines if '"last", FILL_IN' not in line and 'undo_backfill("Customer", "last")' not in line
    )
    parts = '"Customer", ["first", "last"], "fullName"'
    return (
        kept.replace("import FILL_IN, ", "import ")
        .replace('m.drop_field("Customer", "fullName")', 'm.split_field("Customer", "fullName", ["first", "last"])')
        .replace('m.restore_field("Customer", "fullName")', f"m.merge_fields({parts})")
    )


def fill(database: Database, random_: random.Random) -> None:
    """Customers and orders of every form that the first models allow, and some that they do not."""

    def some(**values: list[Any]) -> dict[str, Any]:
        chosen = {name: random_.choice([*given, ...]) for name, given in values.items()}
        return {name: value for name, value in chosen.items() if value is not ...}

    deleted = {"isDeleted": True, "deletedAt": datetime(2026, 1, 2, tzinfo=UTC)}
    customers = [
        {
            "name": random_.choice(["Ada Lovelace", "Cher", "Jan van der Berg", " x  y "]),
            "email": f"{number}@example.com",
            **some(plan=["FREE", "TRIAL"], age=[1, None], fax=["1", None], address=[None, {"street": "s", "zip": 7}]),
            **(deleted if number % 4 == 0 else {}),
        }
        for number in range(14)
    ]
    parts = [{"sku": "a", "cost": 1}, {"sku": "b", "cost": 2}]
    orders = [{"number": number, "total": 0.1 * number, **some(items=[[], parts])} for number in range(14)]
    for name, documents in (("Customer", customers), ("Order", orders), ("Legacy", [{"value": 1}])):
        database[name].insert_many(documents, bypass_document_validation=True)


def state(database: Database) -> dict[str, Any]:
    """Every collection with its documents, its indexes and its validator."""
    found = {}
    for each in database.list_collections():
        name = each["name"]
        if not name.startswith(MECHANISM):
            rules = {key: each.get("options", {}).get(key) for key in ("validator", "validationAction")}
            indexes = sorted(database[name].index_information())
            found[name] = {"documents": list(database[name].find().sort("_id", 1)), "indexes": indexes, **rules}
    return found


@pytest.fixture
def database(deployment: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """The deployment's, and a project of the author's own."""
    monkeypatch.chdir(tmp_path)
    with MongoClient(deployment.mongo_uri.get_secret_value(), tz_aware=True) as client:
        yield client[deployment.effective_database_name]
        client.drop_database(deployment.effective_database_name)


def test_a_history_goes_up_down_and_up_again(run: Run, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def done(*arguments: str) -> str:
        result = run(*arguments)
        assert result.exit_code == 0, f"{arguments}: {result.stdout}{result.stderr}"
        return result.stdout

    schema = Schema()
    states = []
    for number, (change, answers) in enumerate([(lambda _: None, ()), *CHANGES], 1):
        change(schema)
        module = f"migrate_history_{number}"
        Path(f"{module}.py").write_text(schema.source())
        monkeypatch.setenv("MODELS", f"{module}:ALL")
        name = getattr(change, "__name__", "first") if number > 1 else "first"
        done("migrate", "generate", name, *answers)
        path = Path(f"migrations/{number:04d}_{name}.py")
        if change is field_split:
            path.write_text(split_by_hand(path.read_text()))
        assert "FILL_IN" not in path.read_text()
        done("migrate", "up")
        if number == 1:
            fill(database, random.Random(7))
        states.append(state(database))
    assert "Models, snapshot and database agree." in done("schema", "drift")
    customer = states[-1]["Customer"]["documents"][0]
    assert {"first", "last", "country", "newsletter", "labels"} <= customer.keys()
    assert not {"name", "fullName", "fax"} & customer.keys()
    assert states[-1].keys() == {"Customer", "Sale", "Invoice"}

    done("migrate", "generate", "--check")
    for number in (12, 9, 6, 3, 1):
        done("migrate", "down", "--to", str(number))
        assert same(state(database), states[number - 1]), f"down to {number}"
    done("migrate", "up")
    assert same(state(database), states[-1])
