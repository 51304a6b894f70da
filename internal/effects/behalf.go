package effects

import (
	"context"

	"khaibao/models"
)

// note keeps in the audit which declarations officials have entered on citizens' behalf, each once.
func (w *Worker) note(ctx context.Context, ds []models.Declaration) error {
	var entries []models.AuditEntry
	for i := range ds {
		if ds[i].By != nil {
			entries = append(entries, intakeOf(&ds[i]))
		}
	}
	if len(entries) == 0 {
		return nil
	}
	return w.Store.WriteAudit(ctx, entries...)
}

func intakeOf(d *models.Declaration) models.AuditEntry {
	entry := d.By.Act(d.ReceivedAt, models.AuditIntake)
	entry.ID = models.TimeID(d.ReceivedAt, "intake|"+d.Account+"|"+string(d.Form)+"|"+d.ID)
	entry.Account, entry.PersonID, entry.Program = d.Account, d.PersonID, d.Program
	entry.Detail = map[string]string{"form": string(d.Form), "receipt": models.Receipt(d.ID), "text_version": d.By.TextVersion}
	return entry
}
