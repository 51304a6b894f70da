package handlers

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"khaibao/internal/auth"
	"khaibao/models"
)

type otpRequest struct {
	Phone string `json:"phone" validate:"required,max=32"`
}

type otpResponse struct {
	RequestID   string `json:"request_id"`
	ExpiresIn   int    `json:"expires_in"`
	ResendAfter int    `json:"resend_after"`
}

type verifyRequest struct {
	RequestID string `json:"request_id" validate:"required,max=128"`
	Code      string `json:"code" validate:"required,max=16"`
}

type firebaseRequest struct {
	IDToken string `json:"id_token" validate:"required,max=8192"`
}

type refreshRequest struct {
	RefreshToken string `json:"refresh_token" validate:"required,max=256"`
	RequestID    string `json:"request_id" validate:"omitempty,id"`
}

type loginRequest struct {
	Login    string `json:"login" validate:"required,max=64"`
	Password string `json:"password" validate:"required,max=256"`
	TOTP     string `json:"totp" validate:"required,max=16"`
}

// tokensResponse is a sign-in: ExpiresIn is the access token's, in seconds.
type tokensResponse struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int    `json:"expires_in"`
}

// read binds a body whose fields no use-case checks further by their JSON names.
func (s *Server) read(c echo.Context, into any) error {
	wrong, err := s.bind.body(c.Request(), bodyLimit, into)
	if err != nil {
		return err
	}
	return models.InvalidFields(wrong...)
}

// signIn answers with a pair of tokens, which nobody on the way may keep.
func signIn(c echo.Context, pair auth.Pair, err error) error {
	if err != nil {
		return err
	}
	c.Response().Header().Set("Cache-Control", "no-store")
	return answer(c, http.StatusOK, tokensResponse(pair))
}

func (s *Server) requestOTP(c echo.Context) error {
	var in otpRequest
	if err := s.read(c, &in); err != nil {
		return err
	}
	sent, err := s.Citizens.RequestOTP(c.Request().Context(), in.Phone, language(c), c.RealIP())
	if err != nil {
		return err
	}
	c.Response().Header().Set("Cache-Control", "no-store")
	return answer(c, http.StatusAccepted, otpResponse{sent.ID, sent.ExpiresIn, sent.ResendAfter})
}

func (s *Server) verifyOTP(c echo.Context) error {
	var in verifyRequest
	if err := s.read(c, &in); err != nil {
		return err
	}
	pair, err := s.Citizens.VerifyOTP(c.Request().Context(), in.RequestID, in.Code, c.RealIP())
	return signIn(c, pair, err)
}

func (s *Server) signInByFirebase(c echo.Context) error {
	var in firebaseRequest
	if err := s.read(c, &in); err != nil {
		return err
	}
	pair, err := s.Citizens.Firebase(c.Request().Context(), in.IDToken, c.RealIP())
	return signIn(c, pair, err)
}

func (s *Server) refreshCitizen(c echo.Context) error {
	var in refreshRequest
	if err := s.read(c, &in); err != nil {
		return err
	}
	pair, err := s.Citizens.Refresh(c.Request().Context(), in.RefreshToken, in.RequestID)
	return signIn(c, pair, err)
}

func (s *Server) logoutCitizen(c echo.Context, _ models.Citizen) error {
	if err := s.Citizens.Logout(c.Request().Context(), signedIn(c)); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

func (s *Server) loginOfficial(c echo.Context) error {
	var in loginRequest
	if err := s.read(c, &in); err != nil {
		return err
	}
	pair, err := s.Officials.Login(c.Request().Context(), in.Login, in.Password, in.TOTP, c.RealIP())
	return signIn(c, pair, err)
}

func (s *Server) refreshOfficial(c echo.Context) error {
	var in refreshRequest
	if err := s.read(c, &in); err != nil {
		return err
	}
	pair, err := s.Officials.Refresh(c.Request().Context(), in.RefreshToken, in.RequestID)
	return signIn(c, pair, err)
}

func (s *Server) logoutOfficial(c echo.Context, _ models.Official) error {
	if err := s.Officials.Logout(c.Request().Context(), signedIn(c)); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// officialResponse is who is signed in.
type officialResponse struct {
	Login string      `json:"login"`
	Name  string      `json:"name"`
	Role  models.Role `json:"role"`
	Area  models.Area `json:"area"`
}

func (s *Server) showOfficial(c echo.Context, o models.Official) error {
	return answer(c, http.StatusOK, officialResponse{o.Login, o.Name, o.Role, o.Area})
}
