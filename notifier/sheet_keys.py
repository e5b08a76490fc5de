"""Who is mailed, as a campaign says it: the spreadsheet, and which of its columns mean what."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field

from notifier.fields import CLOSED, Column, FileName, HeaderRow, Sheet, Text, identifier

__all__ = ["JoinSpec", "RecipientsSpec"]


class JoinSpec(BaseModel):
    """Columns from another sheet, matched by a column that both have."""

    model_config = CLOSED

    file: FileName = Field(description="The other sheet's file, from the workspace's folder.")
    on: Column = Field(description="The column that both sheets have.")
    sheet: Sheet = Field(default=None, description="The sheet's name or number (from 1).")
    header_row: HeaderRow = Field(default=None, description="The header's row; default: found.")


class RecipientsSpec(BaseModel):
    """Who: the spreadsheet, and which of its columns mean what."""

    model_config = CLOSED

    file: FileName = Field(description="The spreadsheet, from the workspace's folder.")
    sheet: Sheet = Field(
        default=None, description="The sheet's name or number (from 1); default: the first."
    )
    header_row: HeaderRow = Field(
        default=None, description="The header's row, as the spreadsheet counts; default: found."
    )
    email: Column | None = Field(
        default=None,
        description="The address's column, or an expression: {{ row['Id'] }}@x.example",
    )
    name: Column | None = Field(default=None, description="The name's column, or an expression.")
    key: Column | None = Field(
        default=None,
        description="What identifies a recipient across runs; default: the address.",
    )
    columns: dict[Annotated[Text, AfterValidator(identifier)], Column] = Field(
        default={}, description="Short names for the template: {math: Mathematics}."
    )
    fold: Literal["key"] | None = Field(
        default=None, description="key: rows with the same key become one message."
    )
    join: JoinSpec | None = Field(default=None, description="Columns kept in another sheet.")
