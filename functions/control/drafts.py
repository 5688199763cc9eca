"""/admin/config/draft: one document that is worked on, stored as it is, with what is wrong with it said beside it."""

from typing import Annotated

import stage
from aws_lambda_powertools.event_handler.api_gateway import Router
from config import checked
from pydantic import BaseModel, Field
from versions import Finding, Message, NewDocument

from signalbox.config.source import MAX_CHARS
from signalbox.errors import Refusal

router = Router()


class NewDraft(NewDocument):
    document: Annotated[str, Field(max_length=MAX_CHARS, description="The text of routing.yaml, finished or not")]
    message: Message = ""


class Draft(BaseModel):
    author: str
    at: str
    message: str
    valid: bool
    problems: list[Finding]
    warnings: list[Finding]
    document: Annotated[str, Field(description="As it was stored")]


class DeletedDraft(BaseModel):
    deleted: bool


@router.get("/admin/config/draft", summary="The draft, and what is wrong with it", tags=["config"])
def show() -> Draft:
    row = stage.drafts().read()
    if row is None:
        raise Refusal("not_found", "There is no draft. PUT /admin/config/draft stores one.")
    found = checked(row["document"])
    return Draft(**row, valid=found.valid, problems=found.problems, warnings=found.warnings)


@router.put("/admin/config/draft", summary="Store a draft, right or wrong, instead of the one before", tags=["config"])
def store(new: NewDraft) -> Draft:
    stage.drafts().store(new.document, author=router.context["who"], message=new.message, now=stage.now())
    router.append_context(changed="the draft of the configuration")
    return show()


@router.delete("/admin/config/draft", summary="Throw the draft away", tags=["config"])
def delete() -> DeletedDraft:
    if not stage.drafts().delete():
        raise Refusal("not_found", "There is no draft.")
    router.append_context(changed="the draft of the configuration: removed")
    return DeletedDraft(deleted=True)
