"""Any number of rows in one statement: each column travels as one array.

`executemany` is one call too, but Postgres plans, starts and ends a statement for every row of it.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import ARRAY, Table, bindparam, func, select
from sqlalchemy.dialects.postgresql import Insert, insert


def insertion(table: Table, *names: str) -> Insert:
    """Inserts rows with these columns, handed over by `columns_of`."""
    given = [bindparam(_array(name), type_=ARRAY(table.c[name].type)) for name in names]
    rows = func.unnest(*given).table_valued(*names).render_derived()
    return insert(table).from_select(names, select(*rows.c))


def columns_of(rows: Sequence[Mapping[str, object]]) -> dict[str, list[object]]:
    """Parameters of a statement by `insertion`; the rows, at least one, have the same names."""
    return {_array(name): [row[name] for row in rows] for name in rows[0]}


def _array(name: str) -> str:
    """A parameter named as its column is taken for a value of it."""
    return f"all_{name}"
