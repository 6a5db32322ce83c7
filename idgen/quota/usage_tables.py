"""Usage in a relational database, through SQLAlchemy Core: SQLite, PostgreSQL, MySQL, MariaDB."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Dialect,
    MetaData,
    String,
    Table,
    create_engine,
    delete,
    insert,
    make_url,
)
from sqlalchemy.dialects.mysql import VARCHAR
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.types import TypeDecorator, TypeEngine

from idgen.quota.tally import Tally

_ALLOWED = "a URL of SQLAlchemy such as sqlite:///usage.db or postgresql://USER@HOST/DATABASE"

MAX_NAME = 128
"""Characters of an application or interface: as many as a check may name."""


class DatabaseTrouble(Exception):
    """The database can't be used now, or not so; the message is one line without secrets."""


class _Name(TypeDecorator[str]):
    """Text that equals nothing but itself.

    MySQL and MariaDB need to be told: by default 'App' = 'app' there, and with most binary
    collations still 'app' = 'app '.
    """

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name not in ("mysql", "mariadb"):
            return dialect.type_descriptor(String(MAX_NAME))
        is_mariadb = getattr(dialect, "is_mariadb", False)
        collation = "utf8mb4_nopad_bin" if is_mariadb else "utf8mb4_0900_bin"
        return dialect.type_descriptor(VARCHAR(MAX_NAME, charset="utf8mb4", collation=collation))


_metadata = MetaData()

USAGE_BY_APP = Table(
    "usage_by_app",
    _metadata,
    Column("day", String(10), primary_key=True),
    Column("app", _Name, primary_key=True),
    Column("total", BigInteger, nullable=False),
    Column("denied", BigInteger, nullable=False),
    Column("users", BigInteger, nullable=False),
)

USAGE_BY_INTERFACE = Table(
    "usage_by_interface",
    _metadata,
    Column("day", String(10), primary_key=True),
    Column("app", _Name, primary_key=True),
    Column("interface", _Name, primary_key=True),
    Column("calls", BigInteger, nullable=False),
)


class UsageTables:
    """Both tables in one database, of which the text is SQLAlchemy's URL."""

    def __init__(self, text: str) -> None:
        """Connects to nothing yet.  Raises ValueError with what is allowed, DatabaseTrouble."""
        try:
            url = make_url(text)
            # For messages, without what may be secret in a query.
            self.name = url.set(query={}).render_as_string(hide_password=True)
            self._password = str(url.password or "")
            self._engine = create_engine(url, hide_parameters=True)
        except ModuleNotFoundError as error:
            raise DatabaseTrouble(f"{self.name}: the driver {error.name} is missing") from None
        except (ArgumentError, ValueError, TypeError):
            raise ValueError(_ALLOWED) from None
        if self._engine.dialect.is_async:
            raise ValueError(f"{_ALLOWED}; an asynchronous driver won't do")

    def create(self) -> None:
        """Make what is missing of them.  Raises DatabaseTrouble."""
        try:
            with self._engine.begin() as connection:
                _metadata.create_all(connection)
        except (SQLAlchemyError, OSError) as error:
            raise self._trouble(error) from None

    def replace(self, day: str, tallies: Mapping[str, Tally]) -> None:
        """Put what these applications have used in place of what is there of that day, or nothing.

        Raises DatabaseTrouble: nothing has changed.
        """
        by_app = [
            {
                "day": day,
                "app": app,
                "total": tally.total,
                "denied": tally.denied,
                "users": tally.user_count,
            }
            for app, tally in tallies.items()
        ]
        by_interface = [
            {"day": day, "app": app, "interface": interface, "calls": calls}
            for app, tally in tallies.items()
            for interface, calls in tally.interfaces.items()
        ]
        try:
            with self._engine.begin() as connection:
                for table, rows in ((USAGE_BY_APP, by_app), (USAGE_BY_INTERFACE, by_interface)):
                    theirs = (table.c.day == day) & table.c.app.in_(list(tallies))
                    connection.execute(delete(table).where(theirs))
                    if rows:
                        connection.execute(insert(table), rows)
        except (SQLAlchemyError, OSError) as error:
            raise self._trouble(error) from None

    def close(self) -> None:
        """Let go of connections."""
        self._engine.dispose()

    def _trouble(self, error: Exception) -> DatabaseTrouble:
        cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
        said = (str(cause).strip().splitlines() or [type(cause).__name__])[0]
        if self._password:
            said = said.replace(self._password, "…")
        return DatabaseTrouble(f"{self.name}: {said}")
