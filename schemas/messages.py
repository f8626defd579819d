"""Full record names of the messages, as the codec takes and gives them."""

from typing import Final

START_INSTANCE: Final = "exlify.StartInstance"
STEP_RESULT: Final = "exlify.StepResult"
TIMER_FIRED: Final = "exlify.TimerFired"
CANCEL_INSTANCE: Final = "exlify.CancelInstance"
CONTROL_INSTANCE: Final = "exlify.ControlInstance"
INSTANCE_ACT: Final = "exlify.InstanceAct"
AWAIT_EVENT: Final = "exlify.AwaitEvent"
CANCEL_AWAIT: Final = "exlify.CancelAwait"
OFFERED_EVENT: Final = "exlify.OfferedEvent"
GATHERED_EVENT: Final = "exlify.GatheredEvent"
EVENT_RECEIVED: Final = "exlify.EventReceived"
STEP_RETRYING: Final = "exlify.StepRetrying"
RETRY_STATE: Final = "exlify.RetryState"
RETRY_NOW: Final = "exlify.RetryNow"
DEAD_LETTER: Final = "exlify.DeadLetter"
REPAIR_STEP: Final = "exlify.RepairStep"
INCIDENT: Final = "exlify.Incident"
LETTER: Final = "exlify.Letter"
LETTER_ACTION: Final = "exlify.LetterAction"
REDELIVERY: Final = "exlify.Redelivery"
INSTANCE_DEADLINE: Final = "exlify.InstanceDeadline"
ALERT_CAUSE: Final = "exlify.AlertCause"
ALERT: Final = "exlify.Alert"
ALERT_ACTION: Final = "exlify.AlertAction"
STEP_COMMAND: Final = "exlify.StepCommand"
CANCEL_STEP: Final = "exlify.CancelStep"
HISTORY_ENTRY: Final = "exlify.HistoryEntry"
INSTANCE_OUTCOME: Final = "exlify.InstanceOutcome"
WORKFLOW_DEFINITION: Final = "exlify.WorkflowDefinition"
WORKFLOW_STATE: Final = "exlify.WorkflowState"
VERSION_REMOVED: Final = "exlify.VersionRemoved"
OWN_EVENT_TYPE: Final = "exlify.OwnEventType"
RELEASE_STARTS: Final = "exlify.ReleaseStarts"
HELD_STARTS: Final = "exlify.HeldStarts"
SYSTEM_PAUSE: Final = "exlify.SystemPause"
SYSTEM_REPORT: Final = "exlify.SystemReport"
WATCHDOG_REPORT: Final = "exlify.WatchdogReport"
HUMAN_TASK: Final = "exlify.HumanTask"
HUMAN_ACTION: Final = "exlify.HumanAction"
ASSIGN_WORK: Final = "exlify.AssignWork"
ROLLING_WORK: Final = "exlify.RollingWork"
DECISION: Final = "exlify.Decision"
MODEL_STATE: Final = "exlify.ModelState"
TRUTH: Final = "exlify.Truth"
LABEL: Final = "exlify.Label"
LABEL_SET: Final = "exlify.LabelSet"
MODEL_DRIFT: Final = "exlify.ModelDrift"
MODEL_WATCH: Final = "exlify.ModelWatch"
REPLAY_ACTION: Final = "exlify.ReplayAction"
REPLAY_TURN: Final = "exlify.ReplayTurn"
REPLAY_STATE: Final = "exlify.ReplayState"
REPLAY_RESULT: Final = "exlify.ReplayResult"
GENERIC_EVENT: Final = "exlify.GenericEvent"
APPLICATION_SUBMITTED: Final = "exlify.onboarding.ApplicationSubmitted"

PARTS: Final = frozenset(
    {
        "exlify.Problem",
        "exlify.Transition",
        "exlify.Reason",
        "exlify.Refusal",
        "exlify.TaskAct",
        "exlify.ModelChange",
        "exlify.Beside",
        "exlify.Audit",
        "exlify.AlertNotice",
        "exlify.TaskRung",
        "exlify.Rerun",
    }
)
"""Records that occur inside messages only and never travel alone."""
