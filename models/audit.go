package models

// AuditAction says what was done.
type AuditAction string

// The actions: of officials, of citizens, and of the operator.
const (
	AuditReveal     AuditAction = "reveal"
	AuditSearch     AuditAction = "search" // somebody was found by their phone or identity number
	AuditIntake     AuditAction = "intake" // an official entered something on a citizen's behalf
	AuditChangeCase AuditAction = "change_case"
	AuditMessage    AuditAction = "message_citizen"
	AuditExport     AuditAction = "export"

	AuditDraftBroadcast   AuditAction = "draft_broadcast"
	AuditApproveBroadcast AuditAction = "approve_broadcast"
	AuditStartBroadcast   AuditAction = "start_broadcast"
	AuditCancelBroadcast  AuditAction = "cancel_broadcast"

	AuditConsent AuditAction = "consent"
	AuditErase   AuditAction = "erase"

	AuditAddOfficial     AuditAction = "add_official"
	AuditChangeOfficial  AuditAction = "change_official"
	AuditDisableOfficial AuditAction = "disable_official"
	AuditEnableOfficial  AuditAction = "enable_official"
	AuditResetOfficial   AuditAction = "reset_official"
	AuditSetUpOfficial   AuditAction = "set_up_official" // by themselves, with the link
)

// AuditActions lists every action. A test holds it against the constants.
func AuditActions() []AuditAction {
	return []AuditAction{
		AuditReveal, AuditSearch, AuditIntake, AuditChangeCase, AuditMessage, AuditExport, AuditDraftBroadcast, AuditApproveBroadcast, AuditStartBroadcast, AuditCancelBroadcast,
		AuditConsent, AuditErase,
		AuditAddOfficial, AuditChangeOfficial, AuditDisableOfficial, AuditEnableOfficial, AuditResetOfficial, AuditSetUpOfficial,
	}
}
