"""POST /ai/agent/feedback: what a therapist thought of one of their answers; nothing of its text."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from service.api.dependencies import Caller, Held, Opened, body
from service.api.document import documents, responses
from service.api.schemas import FeedbackRequest
from service.api.trail import write
from service.domain.feedback import Feedback
from service.errors import MessageNotFound
from service.ports.clock import now
from service.telemetry.metrics import FEEDBACK

router = APIRouter(prefix="/api/v1/ai/agent", tags=["feedback"])

Said = Annotated[FeedbackRequest, Depends(body(FeedbackRequest))]


@router.post(
    "/feedback",
    status_code=204,
    responses=responses(401, 403, 404, 413, 415, 422, 503),
    openapi_extra=documents(FeedbackRequest),
    operation_id="give_feedback",
)
async def feedback(said: Said, caller: Caller, standing: Held, opened: Opened) -> Response:
    user, workspace, message = caller.user, caller.workspace, said.message_id
    known = await opened.feedback.may_rate(message, user=user, workspace=workspace)
    if not (standing.conversations and known):
        raise MessageNotFound
    told = {"message": str(message), "rating": said.rating, "reason": said.reason}
    await write(opened, caller, "feedback.given", told)
    given = Feedback(said.rating, said.reason)
    if not await opened.feedback.give(message, given, user=user, workspace=workspace, at=now()):
        raise MessageNotFound  # deleted in between
    FEEDBACK.labels(rating=said.rating, reason=said.reason or "none").inc()
    return Response(status_code=204)
