"""Targets: what weights a portfolio, or all of a user's as one, is meant to have by a dimension."""

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal

from sqlalchemy import (
    ColumnElement,
    Delete,
    Index,
    Select,
    String,
    UniqueConstraint,
    and_,
    delete,
    or_,
    select,
    text,
)
from sqlmodel import Column, Field, ForeignKey, col

from models.base import Base
from models.types import ExactDecimal, Identifier, UtcDateTime


class TargetSet(Base, table=True):
    """Targets by one dimension; without a portfolio they are of all of the owner's as one."""

    __tablename__ = "target_sets"
    __table_args__ = (
        UniqueConstraint("portfolio_id", "dimension", "classification"),
        Index(
            "uq_target_sets_of_all",
            "owner_id",
            "dimension",
            "classification",
            unique=True,
            sqlite_where=text("portfolio_id IS NULL"),
            postgresql_where=text("portfolio_id IS NULL"),
        ),
    )

    id: int | None = Field(default=None, sa_column=Column(Identifier, primary_key=True))
    owner_id: int = Field(
        sa_column=Column(Identifier, ForeignKey("users.id", ondelete="CASCADE"), nullable=False)
    )
    portfolio_id: int | None = Field(
        default=None, sa_column=Column(Identifier, ForeignKey("portfolios.id", ondelete="CASCADE"))
    )
    dimension: str = Field(sa_type=String)
    classification: str = Field(sa_type=String)
    tolerance: Decimal = Field(sa_type=ExactDecimal)
    updated_at: datetime = Field(sa_type=UtcDateTime)


class TargetWeight(Base, table=True):
    """The weight that one slice is meant to have; ``key`` is a tag's key where it is of tags."""

    __tablename__ = "target_weights"

    set_id: int = Field(
        sa_column=Column(
            Identifier, ForeignKey("target_sets.id", ondelete="CASCADE"), primary_key=True
        )
    )
    key: str = Field(sa_type=String, primary_key=True)
    weight: Decimal = Field(sa_type=ExactDecimal)


def _of(scopes: Collection[int]) -> ColumnElement[bool]:
    """Tell whether targets are of portfolios, or of all of an owner, who counts negative."""
    portfolios = [scope for scope in scopes if scope > 0]
    owners = [-scope for scope in scopes if scope < 0]
    return or_(
        col(TargetSet.portfolio_id).in_(portfolios),
        and_(col(TargetSet.portfolio_id).is_(None), col(TargetSet.owner_id).in_(owners)),
    )


def target_sets_of(scopes: Collection[int]) -> Select[TargetSet]:
    """Select the targets of portfolios, or of all of owners, by dimension."""
    return (
        select(TargetSet)
        .where(_of(scopes))
        .order_by(col(TargetSet.dimension), col(TargetSet.classification))
    )


def target_weights_of(scopes: Collection[int]) -> Select[TargetWeight]:
    """Select their weights, by key."""
    return (
        select(TargetWeight)
        .join(TargetSet, col(TargetSet.id) == col(TargetWeight.set_id))
        .where(_of(scopes))
        .order_by(col(TargetWeight.key))
    )


def forget_targets(scope: int, *, dimension: str, classification: str) -> Delete:
    """Delete the targets of a scope by a dimension."""
    return delete(TargetSet).where(
        _of([scope]),
        col(TargetSet.dimension) == dimension,
        col(TargetSet.classification) == classification,
    )


def forget_targets_of_tag(owner_id: int, tag_id: int) -> Delete:
    """Delete all targets of an owner that name a tag, whole: without it they would mean cash."""
    naming = select(col(TargetWeight.set_id)).where(col(TargetWeight.key) == str(tag_id))
    return delete(TargetSet).where(
        col(TargetSet.owner_id) == owner_id,
        col(TargetSet.dimension) == "TAG",
        col(TargetSet.id).in_(naming),
    )
