package handlers

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"khaibao/internal/broadcast"
	"khaibao/models"
)

// audienceRequest says whom a broadcast is for.
type audienceRequest struct {
	Area    models.Area             `json:"area" validate:"required"`
	Levels  []models.Level          `json:"levels"`
	Purpose models.BroadcastPurpose `json:"purpose" validate:"required,oneof=alert news"`
}

// broadcastRequest drafts a broadcast.
type broadcastRequest struct {
	ID string `json:"id"`
	audienceRequest
	Text      wordsRequest `json:"text" validate:"required"`
	SMS       bool         `json:"sms"`
	Urgent    bool         `json:"urgent"`
	ExpiresIn *int         `json:"expires_in"`
}

type wordsRequest struct {
	Vietnamese string `json:"vi" validate:"required"`
	English    string `json:"en"`
}

func (r audienceRequest) draft(wrong []models.FieldError) broadcast.Draft {
	return broadcast.Draft{Area: r.Area, Levels: r.Levels, Purpose: r.Purpose, Wrong: wrong}
}

func (r broadcastRequest) draft(wrong []models.FieldError) broadcast.Draft {
	d := r.audienceRequest.draft(wrong)
	d.ID, d.Text, d.SMS, d.Urgent = r.ID, models.Words{Vietnamese: r.Text.Vietnamese, English: r.Text.English}, r.SMS, r.Urgent
	if r.ExpiresIn != nil {
		d.Lasts = time.Duration(*r.ExpiresIn) * time.Second
		if d.Lasts <= 0 {
			d.Lasts = -1 // 0 would mean that nothing was said
		}
	}
	return d
}

type previewResponse struct {
	Recipients     int64 `json:"recipients"`
	ApprovalNeeded bool  `json:"approval_needed"`
}

type broadcastResponse struct {
	ID             string                  `json:"id"`
	Status         models.BroadcastStatus  `json:"status"`
	Author         string                  `json:"author"`
	Area           placeResponse           `json:"area"`
	Levels         []models.Level          `json:"levels"`
	Purpose        models.BroadcastPurpose `json:"purpose"`
	Text           wordsResponse           `json:"text"`
	SMS            bool                    `json:"sms"`
	Urgent         bool                    `json:"urgent"`
	ExpiresIn      int                     `json:"expires_in"`
	Recipients     int64                   `json:"recipients"`
	ApprovalNeeded bool                    `json:"approval_needed"`
	ApprovedBy     *string                 `json:"approved_by"`
	ApprovedAt     *string                 `json:"approved_at"`
	StartedBy      *string                 `json:"started_by"`
	StartedAt      *string                 `json:"started_at"`
	ExpiresAt      *string                 `json:"expires_at"`
	CancelledBy    *string                 `json:"cancelled_by"`
	EndedAt        *string                 `json:"ended_at"`
	CreatedAt      string                  `json:"created_at"`
	Progress       *progressResponse       `json:"progress"`
}

type placeResponse struct {
	Code string `json:"code"`
	Name string `json:"name"`
}

type wordsResponse struct {
	Vietnamese string  `json:"vi"`
	English    *string `json:"en"`
}

// progressResponse is what became of the messages, one for each household that was reached so far.
type progressResponse struct {
	Done      int64 `json:"done"`
	Pending   int64 `json:"pending"`
	Stored    int64 `json:"stored"`
	Sent      int64 `json:"sent"`
	Delivered int64 `json:"delivered"`
	Failed    int64 `json:"failed"`
	Expired   int64 `json:"expired"`
}

func (s *Server) broadcast(v broadcast.View, l models.Lang) broadcastResponse {
	area, _ := s.Areas.Get(string(v.Area))
	return broadcastResponse{
		ID: v.ID, Status: v.Status, Author: v.Author, Area: placeResponse{area.Code, area.In(l)}, Levels: append([]models.Level{}, v.Levels...), Purpose: v.Purpose,
		Text: wordsResponse{v.Text.Vietnamese, orNull(v.Text.English)}, SMS: v.SMS, Urgent: v.Urgent, ExpiresIn: int(v.Lasts / time.Second),
		Recipients: v.Recipients, ApprovalNeeded: v.ApprovalNeeded, ApprovedBy: orNull(v.ApprovedBy), ApprovedAt: maybe(v.ApprovedAt),
		StartedBy: orNull(v.StartedBy), StartedAt: maybe(v.StartedAt), ExpiresAt: maybe(v.ExpiresAt),
		CancelledBy: orNull(v.CancelledBy), EndedAt: maybe(v.EndedAt), CreatedAt: stamp(v.CreatedAt),
	}
}

func (s *Server) previewBroadcast(c echo.Context, official models.Official) error {
	var in audienceRequest
	if err := s.read(c, &in); err != nil {
		return err
	}
	n, approval, err := s.Broadcasts.Preview(c.Request().Context(), official, in.draft(nil))
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, previewResponse{n, approval})
}

func (s *Server) draftBroadcast(c echo.Context, official models.Official) error {
	var in broadcastRequest
	wrong, err := s.bind.body(c.Request(), bodyLimit, &in)
	if err != nil {
		return err
	}
	v, isNew, err := s.Broadcasts.Create(c.Request().Context(), official, in.draft(wrong))
	if err != nil {
		return err
	}
	return answer(c, created(isNew), s.broadcast(v, language(c)))
}

func (s *Server) listBroadcasts(c echo.Context, official models.Official) error {
	q := queryOf(c)
	page := q.page()
	if err := q.err(); err != nil {
		return err
	}
	found, next, err := s.Broadcasts.List(c.Request().Context(), official, page)
	if err != nil {
		return err
	}
	l := language(c)
	return answer(c, http.StatusOK, listOf(found, next, func(v broadcast.View) broadcastResponse { return s.broadcast(v, l) }))
}

func (s *Server) showBroadcast(c echo.Context, official models.Official) error {
	v, progress, err := s.Broadcasts.Get(c.Request().Context(), official, c.Param("id"))
	if err != nil {
		return err
	}
	out := s.broadcast(v, language(c))
	out.Progress = &progressResponse{
		Done: progress.Done(), Pending: progress[models.MessagePending], Stored: progress[models.MessageStored], Sent: progress[models.MessageSent],
		Delivered: progress[models.MessageDelivered], Failed: progress[models.MessageFailed], Expired: progress[models.MessageExpired],
	}
	return answer(c, http.StatusOK, out)
}

func (s *Server) approveBroadcast(c echo.Context, official models.Official) error {
	v, err := s.Broadcasts.Approve(c.Request().Context(), official, c.Param("id"))
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, s.broadcast(v, language(c)))
}

func (s *Server) startBroadcast(c echo.Context, official models.Official) error {
	v, err := s.Broadcasts.Start(c.Request().Context(), official, c.Param("id"))
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, s.broadcast(v, language(c)))
}

func (s *Server) cancelBroadcast(c echo.Context, official models.Official) error {
	v, err := s.Broadcasts.Cancel(c.Request().Context(), official, c.Param("id"))
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, s.broadcast(v, language(c)))
}
