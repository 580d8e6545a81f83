"""What asks for the fields of the answers: a widget per type, made from the fields' own declarations."""

from screens.fields.choice import Choice
from screens.fields.form import FieldForm
from screens.fields.placement import SCREENS, Placed, placed, placed_on
from screens.fields.row import FieldRow, row_id

__all__ = ["SCREENS", "Choice", "FieldForm", "FieldRow", "Placed", "placed", "placed_on", "row_id"]
